function Decoder(bytes, port) {
  return { temp: bytes[0] };
}
