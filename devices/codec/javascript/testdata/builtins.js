// Calls built-in functions at random, the payload being the seed.
var fns = [], seen = new Set();
(function walk(o, d) {
  if ((typeof o !== 'object' && typeof o !== 'function') || o === null || seen.has(o) || d > 5) return;
  seen.add(o);
  if (typeof o === 'function') fns.push(o);
  for (const k of Reflect.ownKeys(o)) { const p = Object.getOwnPropertyDescriptor(o, k); walk(p.value, d + 1); walk(p.get, d + 1); walk(p.set, d + 1); }
  walk(Object.getPrototypeOf(o), d + 1);
})(globalThis, 0);
[function*(){}, async function(){}, async function*(){}, [][Symbol.iterator](), new Map().entries(), ''.matchAll(/a/g), ''[Symbol.iterator]()].forEach(function w(o){ for(let p=o;p;p=Object.getPrototypeOf(p)) if(!seen.has(p)){seen.add(p); for (const k of Reflect.ownKeys(p)) try { if (typeof p[k]==='function') fns.push(p[k]) } catch {} } });
function decodeUplink(input) {
  var s = input.bytes.reduce((a, b) => (a * 256 + b) >>> 0, 7);
  function r(n) { s ^= s << 13; s >>>= 0; s ^= s >>> 17; s ^= s << 5; s >>>= 0; return s % n; }
  var pool = [0, 1, -1, 3, 255, 2**31-1, 2**31, 2**32-1, 2**53-1, -(2**53), NaN, Infinity, -0, 1.5, 1e300, '', 'a', '\ud800', 'x'.repeat(300), 'ab'.repeat(5e4), '\u0300\u0316'.repeat(50), true, null, undefined, 10n, -(2n**64n), 2n**3000n, Symbol.iterator, Symbol('q'),
    [], [1,2,3], new Array(50000), Object.assign([], {length: 2**32-1}), {length: 2**53-1}, {length: 70000, 0: 'x'}, {}, function(){ return arguments.length }, (a,b)=>a<b?1:-1, class A {}, class B extends Array {}, new Proxy([1,2],{}), new Proxy(function(){},{}), new Proxy({}, {get(t,k){ return k === 'length' ? 3 : t[k] }, ownKeys(){ return ['a','b'] }}),
    new Uint8Array(10), new Uint8Array(1e5), new Float64Array([NaN,1,-0]), new BigInt64Array(3), new DataView(new ArrayBuffer(16)), new ArrayBuffer(64), new ArrayBuffer(8,{maxByteLength:1000}), new Map([[1,2],[NaN,3]]), new Set([1,2,3]), new WeakMap(), new WeakSet(), /(a+)+b/g, /(?<n>.)(?=x)|[^\u0000-\uffff]/giu, /\p{L}/u, /a/y, new Date(0), new Date(NaN), new Error('e'), Promise.resolve(1), Buffer.from([1,2,3]), (function*(){ yield 1; yield 2 })(), [1,2][Symbol.iterator](), 'js', 'utf8', 'constructor', '__proto__', 'length', globalThis, JSON, Math, Reflect,
    {valueOf(){ return 3 }, toString(){ return 'ts' }}, {valueOf(){ pool.length = 40; return 1 }}, {toString(){ throw 1 }}, {[Symbol.toPrimitive](){ return 2 }}, {[Symbol.species]: Array, constructor: Array}, {then(f){ f(1) }}, {get length(){ pool[30].length = 0; return 5 }}, '(?<a>x{2,})*', 'return 1', 'function f(){ for(let i=0;i<5;i++) f }', '[' .repeat(200), '{"a":[1,{"b":null}]}'];
  var n = 1 + r(25), log = '';
  for (var i = 0; i < n; i++) {
    var f = fns[r(fns.length)], a = [];
    for (var k = r(5); k > 0; k--) a.push(pool[r(pool.length)]);
    var t = pool[r(pool.length)];
    try {
      var v = r(4) ? Reflect.apply(f, t, a) : Reflect.construct(f, a);
      if (v !== undefined) pool.push(v);
    } catch (e) { if (r(3) === 0) pool.push(e) }
    if (r(6) === 0) try { t[pool[r(pool.length)]] = pool[r(pool.length)] } catch (e) {}
  }
  return { data: pool.slice(-3) };
}
