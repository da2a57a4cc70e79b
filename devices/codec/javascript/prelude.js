// Evaluated once in every runtime before the codec; gives the function that Go
// calls. What the codec may change afterwards is kept in constants here.
(function () {
  'use strict';
  const global = globalThis;
  const { parse, stringify } = JSON;
  const { construct } = Reflect;
  const { isArray } = Array;
  const { isView } = ArrayBuffer;
  const { fromCharCode } = String;
  const MapOf = Map, SetOf = Set, NumberOf = Number, BytesOf = Uint8Array, ErrorOf = Error, PromiseOf = Promise;
  const StringOf = String, arrayFrom = Array.from, fromEntries = Object.fromEntries;

  for (const name of ['Atomics', 'SharedArrayBuffer']) delete global[name];

  function define(object, members) {
    for (const key of Object.keys(members)) {
      Object.defineProperty(object, key, { value: members[key], writable: true, enumerable: false, configurable: true });
    }
  }

  // Date: no clock but the time of reception, no time zone but UTC.
  const NativeDate = Date;
  const nativeParse = Date.parse, utc = Date.UTC;
  let now = 0;
  let clocked = false; // the codec asked for the time
  function clock() {
    clocked = true;
    return now;
  }
  const zone = /\d:\d\d.*(Z|GMT|UTC?|[ECMP][SD]T|[+-]\d\d:?\d\d)/i;
  const dateOnly = /^\s*[+-]?\d{4,6}(-\d\d(-\d\d)?)?\s*$/;
  function parseDate(text) {
    const t = nativeParse(text);
    if (t !== t || dateOnly.test(text) || zone.test(text)) return t;
    let u = nativeParse(text + 'Z');
    if (u !== u) u = nativeParse(text + ' GMT');
    return u === u ? u : t;
  }
  function FakeDate(...a) {
    if (!new.target) return new NativeDate(clock()).toString();
    if (a.length === 0) a = [clock()];
    else if (a.length > 1) a = [utc(...a)];
    else if (typeof a[0] === 'string') a = [parseDate(a[0])];
    return construct(NativeDate, a, new.target);
  }
  const proto = NativeDate.prototype;
  Object.defineProperty(FakeDate, 'name', { value: 'Date' });
  Object.defineProperty(FakeDate, 'length', { value: 7 });
  Object.defineProperty(FakeDate, 'prototype', { value: proto, writable: false });
  define(FakeDate, { now() { return clock(); }, parse(text) { return parseDate(`${text}`); }, UTC: utc });
  define(proto, { constructor: FakeDate, getTimezoneOffset() { return this.getTime() * 0; } });
  for (const part of ['FullYear', 'Month', 'Date', 'Hours', 'Minutes', 'Seconds', 'Milliseconds']) {
    define(proto, { ['get' + part]: proto['getUTC' + part], ['set' + part]: proto['setUTC' + part] });
  }
  const two = (n) => (n < 10 ? '0' : '') + n;
  define(proto, {
    getDay: proto.getUTCDay,
    getYear() { return this.getUTCFullYear() - 1900; },
    setYear(y) { return this.setUTCFullYear(y >= 0 && y <= 99 ? 1900 + +y : y); },
    toDateString() {
      if (isNaN(this)) return 'Invalid Date';
      const s = this.toUTCString(); // Thu, 01 Jan 1970 00:00:00 GMT
      return s.slice(0, 3) + ' ' + s.slice(8, 11) + ' ' + s.slice(5, 7) + s.slice(11, -13);
    },
    toTimeString() {
      return isNaN(this) ? 'Invalid Date' : this.toUTCString().slice(-12) + '+0000 (Coordinated Universal Time)';
    },
    toString() { return isNaN(this) ? 'Invalid Date' : this.toDateString() + ' ' + this.toTimeString(); },
    toLocaleDateString() {
      return isNaN(this) ? 'Invalid Date' : this.getUTCMonth() + 1 + '/' + this.getUTCDate() + '/' + this.getUTCFullYear();
    },
    toLocaleTimeString() {
      const h = this.getUTCHours();
      return isNaN(this) ? 'Invalid Date' : (h % 12 || 12) + ':' + two(this.getUTCMinutes()) + ':' + two(this.getUTCSeconds()) + (h < 12 ? ' AM' : ' PM');
    },
    toLocaleString() { return isNaN(this) ? 'Invalid Date' : this.toLocaleDateString() + ', ' + this.toLocaleTimeString(); },
  });
  define(global, { Date: FakeDate });

  // What codecs expect around them.
  const nothing = () => {};
  const console = {};
  for (const name of ['log', 'debug', 'info', 'warn', 'error', 'trace', 'dir', 'table', 'assert', 'time', 'timeEnd', 'group', 'groupEnd']) {
    console[name] = nothing;
  }
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  function btoa(text) {
    text = `${text}`;
    let out = '';
    for (let i = 0; i < text.length; i += 3) {
      const a = text.charCodeAt(i), b = text.charCodeAt(i + 1), c = text.charCodeAt(i + 2);
      if (a > 255 || b > 255 || c > 255) throw new RangeError('btoa: character beyond 255');
      out += digits[a >> 2] + digits[(a & 3) << 4 | b >> 4];
      out += i + 1 < text.length ? digits[(b & 15) << 2 | c >> 6] : '=';
      out += i + 2 < text.length ? digits[c & 63] : '=';
    }
    return out;
  }
  const value = new Uint8Array(128).fill(64);
  for (let i = 0; i < 64; i++) value[digits.charCodeAt(i)] = i;
  value[45] = 62; // base64url
  value[95] = 63;
  // bytesOf calls each with the bytes of base64 text, and tells whether there
  // was nothing else in it but padding and white space.
  function bytesOf(text, each) {
    let bits = 0, n = 0, clean = true;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c === 61) break;
      if (c === 32 || c >= 9 && c <= 13) continue;
      const v = c < 128 ? value[c] : 64;
      if (v === 64) {
        clean = false;
        continue;
      }
      bits = (bits << 6 | v) & 0xffffff;
      n += 6;
      if (n >= 8) each(bits >> (n -= 8) & 255);
    }
    return clean;
  }
  function atob(text) {
    let out = '';
    if (!bytesOf(`${text}`, (b) => { out += fromCharCode(b); })) throw new SyntaxError('atob: not base64');
    return out;
  }
  const module = { exports: {} };
  function require(name) {
    if (name === 'buffer' || name === 'node:buffer') return { Buffer: global.Buffer };
    throw new ErrorOf(`there is no module ${name}`);
  }
  define(global, { console, btoa, atob, module, exports: module.exports, require });

  // How values leave: JSON, in which a number that it cannot carry is a string
  // of U+0000 and its name, and a string that starts with U+0000 has one more.
  function replacer(key, v) {
    switch (typeof v) {
      case 'number':
        return v - v === 0 ? v : '\0' + v;
      case 'string':
        return v.length > 0 && v[0] === '\0' ? '\0' + v : v;
      case 'bigint':
        return replacer(key, NumberOf(v));
      case 'object':
        if (v === null || isArray(v)) return v;
        if (isView(v)) return v.length === undefined ? null : arrayFrom(v);
        if (v instanceof MapOf) return fromEntries(v);
        if (v instanceof SetOf) return arrayFrom(v);
        if (v instanceof NumberOf) return replacer(key, NumberOf(v));
        if (v instanceof StringOf) return replacer(key, `${v}`);
    }
    return v;
  }
  const limit = 65536; // MaxOutput
  function json(v) {
    const s = stringify(v, replacer);
    if (s === undefined) return 'null';
    if (s.length > limit) throw new ErrorOf('result is larger than 64 KiB');
    return s;
  }

  // describe is the text of what was thrown, whatever it is, and where.
  function describe(e) {
    let text = 'unknown', stack = '';
    try {
      if (typeof e === 'object' && e !== null && !(e instanceof ErrorOf) && typeof e.message === 'string') text = e.message;
      else if (typeof e === 'object' && e !== null && !(e instanceof ErrorOf)) text = stringify(e);
      else text = StringOf(e);
    } catch { }
    try {
      if (typeof e.stack === 'string') stack = e.stack;
    } catch { }
    return `!${text}\n${stack}`.slice(0, 1000);
  }

  const found = {}; // the functions of the codec by their TS013 names
  // bind takes the functions that the codec declared and says which there are.
  function bind(declared) {
    const exported = [module.exports, global.exports, module.exports && module.exports.default];
    const get = (name) => {
      if (typeof declared[name] === 'function') return declared[name];
      for (const e of exported) if (e && typeof e[name] === 'function') return e[name];
    };
    for (const name of ['decodeUplink', 'encodeDownlink', 'decodeDownlink', 'normalizeUplink']) found[name] = get(name);
    const Decoder = get('Decoder'), Decode = get('Decode'), Encoder = get('Encoder'), Encode = get('Encode');
    if (!found.decodeUplink && Decoder) found.decodeUplink = (i) => ({ data: Decoder(i.bytes, i.fPort) });
    if (!found.decodeUplink && Decode) found.decodeUplink = (i) => ({ data: Decode(i.fPort, i.bytes, i.variables) });
    if (!found.encodeDownlink && Encoder) found.encodeDownlink = (i) => ({ bytes: Encoder(i.data, 1) });
    if (!found.encodeDownlink && Encode) found.encodeDownlink = (i) => ({ bytes: Encode(1, i.data, i.variables) });
    let names = clocked ? 'clock ' : '';
    for (const name in found) if (found[name]) names += name + ' ';
    return names;
  }

  function object(result, name) {
    if (result instanceof PromiseOf) throw new ErrorOf(`${name} returned a promise`);
    if (typeof result !== 'object' || result === null) throw new ErrorOf(`${name} returned no object`);
    return result;
  }
  // call gives {"data":...,"normalized":...,"warnings":...,"errors":...}.
  function call(name, input) {
    const result = object(found[name](input), name);
    const { data, warnings, errors } = result;
    if (data === undefined && warnings === undefined && errors === undefined) throw new ErrorOf(`${name} returned no data`);
    let out = '"data":' + json(data) + ',"warnings":' + json(warnings) + ',"errors":' + json(errors);
    if (name === 'decodeUplink' && found.normalizeUplink && data !== undefined && data !== null) {
      out += normalized(data, input.variables);
    }
    return '{' + out + '}';
  }
  function normalized(data, variables) {
    try {
      const result = object(found.normalizeUplink({ data, variables }), 'normalizeUplink');
      return ',"normalized":' + json(result.data) + ',"normalWarnings":' + json(result.warnings) + ',"normalErrors":' + json(result.errors);
    } catch (e) {
      const text = describe(e);
      return ',"normalErrors":' + stringify(text.slice(1, text.indexOf('\n')));
    }
  }
  function encode(input) {
    const result = object(found.encodeDownlink(input), 'encodeDownlink');
    const { fPort, warnings, errors } = result;
    let bytes = result.bytes;
    if (isArray(bytes) || isView(bytes)) bytes = arrayFrom(bytes);
    return '{"bytes":' + json(bytes) + ',"fPort":' + json(fPort) + ',"warnings":' + json(warnings) + ',"errors":' + json(errors) + '}';
  }

  // buffer.js, which is there if the codec may need it.
  if (typeof bufferClass === 'function') define(global, { Buffer: bufferClass(define, bytesOf, btoa) });

  // run is what Go calls: the operation and its argument.
  return function run(op, x) {
    if (op === 0) return describe(x);
    try {
      if (op === 1) return bind(x);
      const input = parse(x);
      if (input.recvTime !== undefined) {
        now = input.recvTime;
        input.recvTime = new NativeDate(now);
      }
      switch (op) {
        case 2: return '';
        case 3: return call('decodeUplink', input);
        case 4: return call('decodeDownlink', input);
        case 5: return encode(input);
      }
    } catch (e) {
      return describe(e);
    }
  };
})()
