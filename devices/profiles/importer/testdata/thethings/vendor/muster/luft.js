function decodeUplink(input) {
  if (input.fPort !== 1) {
    return { errors: ['unknown port'] };
  }
  var b = input.bytes;
  var t = (b[0] << 8) | b[1];
  if (t > 32767) t -= 65536;
  var mv = (b[2] << 8) | b[3];
  var out = { data: { temp: t / 10, mv: mv } };
  if (mv < 3000) out.warnings = ['battery is low'];
  return out;
}

function normalizeUplink(input) {
  return { data: { air: { temperature: input.data.temp }, battery: input.data.mv / 1000 } };
}

function encodeDownlink(input) {
  return { fPort: 2, bytes: [1, input.data.minutes] };
}

function decodeDownlink(input) {
  return { data: { minutes: input.bytes[1] } };
}
