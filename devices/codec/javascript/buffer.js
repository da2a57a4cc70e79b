// bufferClass returns Node's Buffer, as far as payload codecs use it. Only
// prelude.js sees it.
function bufferClass(define, bytesOf, btoa) {
  'use strict';
  const { fromCharCode } = String;
  const scratch = new DataView(new ArrayBuffer(8));

  function utf8(text) {
    const out = [];
    for (const c of text) {
      let p = c.codePointAt(0);
      if (p >= 0xd800 && p < 0xe000) p = 0xfffd;
      if (p < 0x80) out.push(p);
      else if (p < 0x800) out.push(0xc0 | p >> 6, 0x80 | p & 63);
      else if (p < 0x10000) out.push(0xe0 | p >> 12, 0x80 | p >> 6 & 63, 0x80 | p & 63);
      else out.push(0xf0 | p >> 18, 0x80 | p >> 12 & 63, 0x80 | p >> 6 & 63, 0x80 | p & 63);
    }
    return out;
  }
  function fromUTF8(b) {
    let out = '';
    for (let i = 0; i < b.length;) {
      const a = b[i++];
      const more = a < 0x80 ? 0 : a >= 0xc2 && a < 0xe0 ? 1 : a >= 0xe0 && a < 0xf0 ? 2 : a >= 0xf0 && a < 0xf5 ? 3 : -1;
      let p = more < 0 ? 0xfffd : more === 0 ? a : a & 63 >> more;
      for (let n = 0; n < more; n++) {
        const c = b[i];
        // Not continued, too long a form, a surrogate or beyond Unicode.
        if ((c & 0xc0) !== 0x80 || n === 0 && (a === 0xe0 && c < 0xa0 || a === 0xed && c > 0x9f || a === 0xf0 && c < 0x90 || a === 0xf4 && c > 0x8f)) {
          p = 0xfffd;
          break;
        }
        p = p << 6 | c & 63;
        i++;
      }
      out += String.fromCodePoint(p);
    }
    return out;
  }
  function toBytes(text, encoding) {
    const out = [];
    switch (name(encoding)) {
      case 'hex':
        for (let i = 0; i + 1 < text.length; i += 2) {
          const pair = text.slice(i, i + 2);
          if (!/^[0-9a-f]{2}$/i.test(pair)) break;
          out.push(parseInt(pair, 16));
        }
        return out;
      case 'base64':
        bytesOf(text, (b) => out.push(b));
        return out;
      case 'latin1':
      case 'ascii':
        for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 255);
        return out;
      case 'utf16le':
        for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 255, text.charCodeAt(i) >> 8);
        return out;
    }
    return utf8(text);
  }
  function name(encoding) {
    const e = encoding === undefined ? 'utf8' : `${encoding}`.toLowerCase();
    switch (e) {
      case 'utf8': case 'utf-8': return 'utf8';
      case 'hex': case 'ascii': case 'latin1': return e;
      case 'binary': return 'latin1';
      case 'base64': case 'base64url': return 'base64';
      case 'ucs2': case 'ucs-2': case 'utf16le': case 'utf-16le': return 'utf16le';
    }
    throw new TypeError(`Unknown encoding: ${encoding}`);
  }
  function check(b, at, size) {
    if (typeof at !== 'number' || at !== Math.floor(at) || at < 0 || at + size > b.length) {
      throw new RangeError(`The value of "offset" is out of range: ${at}, size ${size}, length ${b.length}`);
    }
  }

  class Buffer extends Uint8Array {
    static from(x, encoding, length) {
      if (typeof x === 'string') x = toBytes(x, encoding);
      else if (x instanceof ArrayBuffer) return new Buffer(x, encoding, length);
      else if (x && x.type === 'Buffer' && Array.isArray(x.data)) x = x.data;
      if (typeof x !== 'object' || x === null) throw new TypeError('Buffer.from: want a string, an array or a buffer');
      const b = new Buffer(x.length >>> 0);
      for (let i = 0; i < b.length; i++) b[i] = x[i];
      return b;
    }
    static alloc(n, fill, encoding) {
      const b = new Buffer(n);
      return fill === undefined ? b : b.fill(fill, 0, n, encoding);
    }
    static allocUnsafe(n) { return new Buffer(n); }
    static isBuffer(x) { return x instanceof Buffer; }
    static byteLength(x, encoding) { return typeof x === 'string' ? toBytes(x, encoding).length : x.byteLength; }
    static concat(list, total) {
      if (total === undefined) {
        total = 0;
        for (const x of list) total += x.length;
      }
      const out = new Buffer(total);
      let at = 0;
      for (const x of list) {
        for (let i = 0; i < x.length && at < total; i++) out[at++] = x[i];
      }
      return out;
    }
    static compare(a, b) { return a.compare(b); }

    slice(start, end) { return this.subarray(start, end); } // of the same memory, as in Node
    toString(encoding, start = 0, end = this.length) {
      const b = super.subarray(start, end);
      let out = '';
      switch (name(encoding)) {
        case 'hex':
          for (let i = 0; i < b.length; i++) out += (b[i] < 16 ? '0' : '') + b[i].toString(16);
          return out;
        case 'ascii':
          for (let i = 0; i < b.length; i++) out += fromCharCode(b[i] & 127);
          return out;
        case 'latin1':
        case 'base64':
          for (let i = 0; i < b.length; i++) out += fromCharCode(b[i]);
          if (name(encoding) === 'latin1') return out;
          out = btoa(out);
          return `${encoding}`.toLowerCase() === 'base64' ? out : out.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
        case 'utf16le':
          for (let i = 0; i + 1 < b.length; i += 2) out += fromCharCode(b[i] | b[i + 1] << 8);
          return out;
      }
      return fromUTF8(b);
    }
    toJSON() { return Array.from(this); } // not Node's {type, data}: it may be a result
    equals(b) { return this.compare(b) === 0; }
    compare(b) {
      const n = Math.min(this.length, b.length);
      for (let i = 0; i < n; i++) if (this[i] !== b[i]) return this[i] < b[i] ? -1 : 1;
      return Math.sign(this.length - b.length);
    }
    copy(target, at = 0, start = 0, end = this.length) {
      const b = super.subarray(start, end);
      const n = Math.min(b.length, target.length - at);
      for (let i = 0; i < n; i++) target[at + i] = b[i];
      return n;
    }
    write(text, at = 0, length, encoding) {
      if (typeof at === 'string') [encoding, at, length] = [at, 0, undefined];
      if (typeof length === 'string') [encoding, length] = [length, undefined];
      const b = toBytes(text, encoding);
      const n = Math.min(b.length, this.length - at, length === undefined ? b.length : length);
      for (let i = 0; i < n; i++) this[at + i] = b[i];
      return n;
    }
    fill(x, start = 0, end = this.length, encoding) {
      if (typeof x !== 'string') return super.fill(x, start, end);
      const b = toBytes(x, encoding);
      for (let i = start; i < end; i++) this[i] = b.length ? b[(i - start) % b.length] : 0;
      return this;
    }
    readUIntBE(at, n) {
      check(this, at, n);
      let v = 0;
      for (let i = 0; i < n; i++) v = v * 256 + this[at + i];
      return v;
    }
    readUIntLE(at, n) {
      check(this, at, n);
      let v = 0;
      for (let i = n - 1; i >= 0; i--) v = v * 256 + this[at + i];
      return v;
    }
    readIntBE(at, n) { return signed(this.readUIntBE(at, n), n); }
    readIntLE(at, n) { return signed(this.readUIntLE(at, n), n); }
    writeUIntBE(v, at, n) {
      check(this, at, n);
      for (let i = n - 1; i >= 0; i--) {
        this[at + i] = v;
        v = Math.floor(v / 256);
      }
      return at + n;
    }
    writeUIntLE(v, at, n) {
      check(this, at, n);
      for (let i = 0; i < n; i++) {
        this[at + i] = v;
        v = Math.floor(v / 256);
      }
      return at + n;
    }
    writeIntBE(v, at, n) { return this.writeUIntBE(v < 0 ? v + 2 ** (8 * n) : v, at, n); }
    writeIntLE(v, at, n) { return this.writeUIntLE(v < 0 ? v + 2 ** (8 * n) : v, at, n); }
  }
  function signed(v, n) {
    const half = 2 ** (8 * n - 1);
    return v >= half ? v - 2 * half : v;
  }

  const members = {};
  function typed(suffix, size, little, get, set) {
    members['read' + suffix] = function (at = 0) {
      check(this, at, size);
      for (let i = 0; i < size; i++) scratch.setUint8(i, this[at + i]);
      return scratch[get](0, little);
    };
    members['write' + suffix] = function (v, at = 0) {
      check(this, at, size);
      scratch[set](0, v, little);
      for (let i = 0; i < size; i++) this[at + i] = scratch.getUint8(i);
      return at + size;
    };
  }
  for (const [suffix, size, view] of [
    ['UInt8', 1, 'Uint8'], ['Int8', 1, 'Int8'], ['UInt16', 2, 'Uint16'], ['Int16', 2, 'Int16'],
    ['UInt32', 4, 'Uint32'], ['Int32', 4, 'Int32'], ['Float', 4, 'Float32'], ['Double', 8, 'Float64'],
    ['BigUInt64', 8, 'BigUint64'], ['BigInt64', 8, 'BigInt64'],
  ]) {
    if (size === 1) typed(suffix, 1, false, 'get' + view, 'set' + view);
    else {
      typed(suffix + 'LE', size, true, 'get' + view, 'set' + view);
      typed(suffix + 'BE', size, false, 'get' + view, 'set' + view);
    }
  }
  define(Buffer.prototype, members);
  for (const key of Object.getOwnPropertyNames(Buffer.prototype)) {
    if (/UInt/.test(key)) define(Buffer.prototype, { [key.replace('UInt', 'Uint')]: Buffer.prototype[key] });
  }
  return Buffer;
}
