// Port 1: temperature in tenths of °C, battery in mV.
function decodeUplink(input) {
  if (input.fPort !== 1) return { errors: ['unknown port ' + input.fPort] };
  const b = Buffer.from(input.bytes);
  const data = {
    air_temperature: b.readInt16BE(0) / 10 + Number(input.variables.offset || 0),
    akku: { mv: b.readUInt16BE(2) },
    received: input.recvTime,
  };
  return { data, warnings: data.akku.mv < 3000 ? ['battery is low'] : [] };
}

function encodeDownlink(input) {
  if (typeof input.data.minutes !== 'number') return { errors: ['minutes is missing'] };
  return { fPort: 2, bytes: [1, input.data.minutes] };
}
