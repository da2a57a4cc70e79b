function Decode(fPort, bytes, variables) {
  return { zaehler: [{ imp: bytes[0] * 256 + bytes[1] }, { imp: bytes[2] }], stunden: bytes[3] };
}
