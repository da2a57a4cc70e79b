// A traffic counter with two lanes as a vendor would write its codec: what the
// layout of virtual-traffic reads, as objects with numbers in their units.
var LANES = 2;
var LANE_BYTES = 5;

function readUInt16(bytes, at) {
  return (bytes[at] << 8) | bytes[at + 1];
}

function readLane(bytes, at) {
  var lane = {};
  lane.vehicles = readUInt16(bytes, at);
  lane.trucks = bytes[at + 2];
  lane.speed = bytes[at + 3] / 2;
  lane.occupancy = bytes[at + 4] / 200;
  return lane;
}

function decodeUplink(input) {
  var data = {};
  var warnings = [];
  if (input.fPort !== 2) {
    return { errors: ["unknown FPort " + input.fPort] };
  }
  if (input.bytes.length !== LANES * LANE_BYTES + 2) {
    return { errors: ["unexpected length " + input.bytes.length] };
  }
  data.lanes = [];
  for (var i = 0; i < LANES; i++) {
    data.lanes.push(readLane(input.bytes, i * LANE_BYTES));
  }
  data.battery = readUInt16(input.bytes, LANES * LANE_BYTES) / 1000;
  if (data.battery < 3.0) {
    warnings.push("battery is low");
  }
  data.total = 0;
  for (var n = 0; n < data.lanes.length; n++) {
    data.total += data.lanes[n].vehicles;
  }
  return {
    data: data,
    warnings: warnings,
  };
}
