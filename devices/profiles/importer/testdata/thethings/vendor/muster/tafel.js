function decodeUplink(input) { return { data: { ok: input.bytes[0] === 1 } }; }
