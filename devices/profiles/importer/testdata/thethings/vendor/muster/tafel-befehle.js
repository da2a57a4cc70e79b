function encodeDownlink(input) { return { bytes: Array.from(input.data.text).map((c) => c.charCodeAt(0)) }; }
