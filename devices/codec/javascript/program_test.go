package javascript

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestShapes(t *testing.T) {
	for _, tt := range []struct{ name, source string }{
		{"TS013", "function decodeUplink(input) { return { data: { port: input.fPort, first: input.bytes[0], v: input.variables.v } } }"},
		{"constant", "const decodeUplink = ({ bytes, fPort, variables }) => ({ data: { port: fPort, first: bytes[0], v: variables.v } });"},
		{"undeclared", "decodeUplink = function (i) { port = i.fPort; return { data: { port, first: i.bytes[0], v: i.variables.v } } }"},
		{"this", "this.decodeUplink = function (i) { return { data: { port: i.fPort, first: i.bytes[0], v: i.variables.v } } }"},
		{"Decoder", "function Decoder(bytes, port) { return { port: port, first: bytes[0], v: 'x' } }"},
		{"Decode", "function Decode(fPort, bytes, variables) { return { port: fPort, first: bytes[0], v: variables.v } }"},
		{"both", "function decodeUplink(i) { return { data: Decoder(i.bytes, i.fPort) } } function Decoder(bytes, port) { return { port, first: bytes[0], v: 'x' } }"},
		{"exports", "exports.decodeUplink = (i) => ({ data: { port: i.fPort, first: i.bytes[0], v: i.variables.v } })"},
		{"module", "module.exports = { decodeUplink(i) { return { data: { port: i.fPort, first: i.bytes[0], v: i.variables.v } } } }"},
		{"typeof", "if (typeof module !== 'undefined' && module.exports) module.exports = { Decode: (p, b, v) => ({ port: p, first: b[0], v: v.v }) }"},
		{"export", "const x = 'x';\nexport function decodeUplink(i) { return { data: { port: i.fPort, first: i.bytes[0], v: x } } }\nexport default decodeUplink;"},
		{"export list", "function decodeUplink(i) { return { data: { port: i.fPort, first: i.bytes[0], v: i.variables.v } } }\nexport { decodeUplink };"},
		{"class", "class C { #v = 'x'; static d(i) { return { data: { port: i.fPort, first: i.bytes[0], v: new C().#v } } } }\nvar decodeUplink = C.d"},
		{"strict", "'use strict'; function decodeUplink(i) { return { data: { ...{ port: i.fPort, first: i.bytes?.[0] }, v: `${i.variables.v ?? ''}` } } }"},
		{"byte order mark", "\ufefffunction Decoder(b, p) { return { port: p, first: b[0], v: 'x' } }"},
		{"html comments", "<!-- old\nfunction Decoder(b, p) { return { port: p, first: b[0], v: 'x' } }\n--> end"},
		{"buffer", "const { Buffer } = require('buffer'); function Decoder(b, p) { return { port: p, first: Buffer.from(b).readInt8(), v: 'x' } }"},
		{"console", "function Decoder(b, p) { console.log(b); console.error('x', console); return { port: p, first: b[0], v: 'x' } }"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := compileTest(t, tt.source)
			got, err := p.DecodeUplink(Input{Bytes: []byte{7, 8}, FPort: 3, Variables: map[string]string{"v": "x"}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]any{"port": 3.0, "first": 7.0, "v": "x"}, got.Data); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct{ source, want string }{
		{"", "no function decodeUplink"},
		{"function encodeDownlink() {}", "no function decodeUplink"},
		{"var decodeUplink = 5", "no function decodeUplink"},
		{"\n\nfunction decodeUplink( {", "(line 3)"},
		{"function decodeUplink() {}\n}", "(line 2)"},
		{"}); (function () { decodeUplink = 1", "SyntaxError"},
		{"\nthrow new Error('at the top')", "at the top (line 2)"},
		{"const lib = require('./lib')", "no module ./lib"},
		{"import lib from 'lib'\nfunction decodeUplink() {}", "SyntaxError"},
		{"await 5", "SyntaxError"},
		{"while (true) {}", "ran too long: more than 1s"},
		{"let x = 1; let x = 2", "(line 1)"},
		{"function decodeUplink() {} /" + strings.Repeat("*", MaxSource), "more than 262144"},
		{"\xff", "not UTF-8"},
	} {
		p, err := Compile(tt.source)
		if err == nil {
			p.Close()
			t.Errorf("%.60q was taken", tt.source)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60q: %v, want %s", tt.source, err, tt.want)
		}
	}
}

// What a call does is gone in the next.
func TestIsolation(t *testing.T) {
	for _, code := range []string{
		"top++; return top",
		"list.push(1); return list.length",
		"table.a = (table.a || 0) + 1; return table.a",
		"undeclared = typeof undeclared === 'undefined' ? 1 : 2; return undeclared",
		"globalThis.x = (globalThis.x || 0) + 1; return x",
		"Object.defineProperty(globalThis, 'fixed', { value: typeof fixed === 'undefined' ? 1 : 2 }); return fixed",
		"Object.setPrototypeOf(globalThis, { y: (globalThis.y || 0) + 1 }); return y",
		"(0, eval)('var z = typeof z === \"undefined\" ? 1 : z + 1'); return z",
		"Function('w = typeof w === \"undefined\" ? 1 : w + 1')(); return w",
		"Array.prototype.n = (Array.prototype.n || 0) + 1; return [].n",
		"Object.prototype.n = ({}).n === undefined ? 1 : 2; return ({}).n",
		"Math.n = (Math.n || 0) + 1; return Math.n",
		"const m = Math.max; Math.max = () => 5; return m(0, 1) === 1 ? m === Math.max ? 3 : 1 : 2",
		"const r = JSON.parse('1') === 1 ? 1 : 2; JSON.parse = JSON.stringify = () => 7; return r",
		"const r = [3].map((x) => x)[0] === 3 ? 1 : 2; Array.prototype.map = () => 7; return r",
		"const g = Object.getPrototypeOf(function* () {}); g.n = (g.n || 0) + 1; return g.n",
		"const g = Object.getPrototypeOf([][Symbol.iterator]()); g.n = (g.n || 0) + 1; return g.n",
		"Date.prototype.n = (Date.prototype.n || 0) + 1; return new Date().n",
		"Buffer.prototype.n = (Buffer.prototype.n || 0) + 1; return Buffer.alloc(1).n",
		"decodeUplink.n = (decodeUplink.n || 0) + 1; return decodeUplink.n",
		"const was = decodeUplink; decodeUplink = () => ({ data: 5 }); return 1",
		"const r = typeof Map === 'function' ? 1 : 2; delete globalThis.Map; return r",
		"const r = typeof Uint8Array === 'function' ? 1 : 2; Uint8Array = undefined; return r",
		"Object.freeze(globalThis); Object.freeze(Object.prototype); return 1",
		"f = () => { n++ }; n = typeof n === 'undefined' ? 1 : n + 1; Promise.resolve().then(f); return n",
		"re.exec('aa'); return re.lastIndex",
		"g.next(); return g.next().value",
		"const s = Symbol.for('s'); globalThis[s] = (globalThis[s] || 0) + 1; return globalThis[s]",
		"exports.n = (exports.n || 0) + 1; return exports.n",
		"class A extends Array {} A.n = 1; Array.from = Reflect = null; return 1",
		"const t = (x) => x; const k = t`a`; const m = globalThis.w ??= new WeakMap(); const n = (m.get(k) || 0) + 1; m.set(k, n); return n",
	} {
		t.Run(code, func(t *testing.T) {
			p := compileTest(t, "let top = 0; const list = [], table = {}; var re = /a/g; const g = (function* () { yield 0; yield 1; yield 5 })();\n"+
				"function decodeUplink(input) { return { data: run(input) } }\nfunction run(input) { "+code+" }")
			for i := range 3 {
				out, err := p.DecodeUplink(Input{})
				if err != nil || out.Data != 1.0 {
					t.Errorf("call %d: %v, %v", i, out.Data, err)
				}
			}
		})
	}
}

// Codecs may change built-ins for themselves.
func TestPolyfill(t *testing.T) {
	p := compileTest(t, `
Array.prototype.sum = function () { return this.reduce((a, b) => a + b, 0) };
String.prototype.padStart = function (n) { return 'padded' };
function Shape() {}
Shape.prototype.toString = function () { return 'shape' };
Shape.prototype.constructor = Shape;
function decodeUplink(i) {
	var o = {}; o.toString = function () { return 'own' }; o.constructor = 1; o.name = 'n';
	var e = new Error('x'); e.name = 'Mine'; e.message = 'm';
	return { data: [i.bytes.sum(), 'x'.padStart(3), String(new Shape()), String(o), String(e), undefined, () => 1] };
}`)
	got, err := p.DecodeUplink(Input{Bytes: []byte{1, 2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{6.0, "padded", "shape", "own", "Mine: m", nil, nil}, got.Data); diff != "" {
		t.Error(diff)
	}
}

func TestResults(t *testing.T) {
	for _, tt := range []struct {
		code string
		want any
	}{
		{"null", nil},
		{"[1, 'a', true, null, { x: [] }, {}]", []any{1.0, "a", true, nil, map[string]any{"x": []any{}}, map[string]any{}}},
		{"{ a: undefined, b: () => 1, c: Symbol('x'), d: 1 }", map[string]any{"d": 1.0}},
		{"1e300 * 10", 1e301},
		{"-Infinity", math.Inf(-1)},
		{"{ a: [1 / 0] }", map[string]any{"a": []any{math.Inf(1)}}},
		{"new Number(-1 / 0)", math.Inf(-1)},
		{"'\\0NaN'", "\x00NaN"},
		{"'\\0\\0Infinity'", "\x00\x00Infinity"},
		{"new String('\\0Infinity')", "\x00Infinity"},
		{"'NaN'", "NaN"},
		{"{ '\\0NaN': 1 }", map[string]any{"\x00NaN": 1.0}},
		{"{ toJSON() { return '\\0NaN' } }", "\x00NaN"},
		{"10n ** 20n", 1e20},
		{"new Date(0)", "1970-01-01T00:00:00.000Z"},
		{"new Date(NaN)", nil},
		{"new Map([['a', 1], [2, new Map()]])", map[string]any{"a": 1.0, "2": map[string]any{}}},
		{"new Set([1, 2])", []any{1.0, 2.0}},
		{"new Float32Array([0.5, NaN])", []any{0.5, "nan"}},
		{"Buffer.from([1, 255])", []any{1.0, 255.0}},
		{"'\\ud83d\\ude00 \\ud800'", "\U0001F600 \ufffd"},
		{"{ __proto__: null, ['__proto__']: 1 }", map[string]any{"__proto__": 1.0}},
		{"typeof performance + typeof fetch + typeof XMLHttpRequest + typeof WebAssembly + typeof SharedArrayBuffer + typeof Atomics + typeof setTimeout + typeof std + typeof os + typeof Worker + typeof process", strings.Repeat("undefined", 11)},
		{"atob(btoa('\\xff\\xfe1')) + btoa('ab')", "\u00ff\u00fe1YWI="},
		{"Function('return this')() === globalThis", true},
		{"[Math.random() === Math.random(), Math.random() < 1]", []any{false, true}},
	} {
		p := compileTest(t, "function decodeUplink(i) { return { data: "+tt.code+" } }")
		got, err := p.DecodeUplink(Input{})
		if err != nil {
			t.Errorf("%s: %v", tt.code, err)
			continue
		}
		if list, ok := got.Data.([]any); ok && len(list) == 2 {
			if f, ok := list[1].(float64); ok && math.IsNaN(f) {
				list[1] = "nan"
			}
		}
		if !reflect.DeepEqual(got.Data, tt.want) {
			t.Errorf("%s: got %#v, want %#v", tt.code, got.Data, tt.want)
		}
	}
}

func TestRandomIsTheSame(t *testing.T) {
	p := compileTest(t, "const at = Math.random(); function decodeUplink(i) { return { data: [at, Math.random(), Math.random()] } }")
	a, _ := p.DecodeUplink(Input{})
	b, _ := p.DecodeUplink(Input{RecvTime: recvTime})
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}

func TestWarningsAndNormalized(t *testing.T) {
	p := compileTest(t, `
function decodeUplink(i) { return { data: { t: i.bytes[0], n: NaN }, warnings: ['low battery', 5, null] } }
function normalizeUplink(i) {
	const { t } = i.data;
	i.data.t = 0;
	if (t === 1) throw new Error('cannot');
	if (t === 2) return { errors: ['bad'] };
	if (t === 3) for (;;);
	return { data: { air: { temperature: t } }, warnings: ['rounded'] };
}`)
	for _, tt := range []struct {
		t          byte
		warnings   []string
		normalized any
	}{
		{0, []string{"low battery", "5", "rounded"}, map[string]any{"air": map[string]any{"temperature": 0.0}}},
		{1, []string{"low battery", "5", "normalizeUplink: Error: cannot"}, nil},
		{2, []string{"low battery", "5", "normalizeUplink: bad"}, nil},
	} {
		got, err := p.DecodeUplink(Input{Bytes: []byte{tt.t}})
		if err != nil {
			t.Fatal(err)
		}
		data := got.Data.(map[string]any)
		if data["t"] != float64(tt.t) || !math.IsNaN(data["n"].(float64)) {
			t.Errorf("data %v", data)
		}
		if !reflect.DeepEqual(got.Normalized, tt.normalized) || !reflect.DeepEqual(got.Warnings, tt.warnings) {
			t.Errorf("got %v, %q, want %v, %q", got.Normalized, got.Warnings, tt.normalized, tt.warnings)
		}
	}
	if _, err := p.DecodeUplink(Input{Bytes: []byte{3}}); !errors.Is(err, ErrTime) {
		t.Error(err)
	}
}

func TestDownlink(t *testing.T) {
	for _, tt := range []struct {
		source, want string
		bytes        []byte
		port         uint8
	}{
		{"function encodeDownlink(i) { return { bytes: [i.data.n, 255], fPort: 10, warnings: ['w'] } }", "", []byte{5, 255}, 10},
		{"function Encoder(o, port) { return [o.n, port] }", "", []byte{5, 1}, 0},
		{"function Encode(port, o, v) { return Buffer.from([o.n, +v.x]) }", "", []byte{5, 9}, 0},
		{"function encodeDownlink(i) { return { bytes: new Uint8Array([i.data.n]) } }", "", []byte{5}, 0},
		{"function encodeDownlink(i) { return { bytes: [] } }", "", []byte{}, 0},
		{"function encodeDownlink(i) { return { bytes: [256] } }", "256 as byte 0", nil, 0},
		{"function encodeDownlink(i) { return { bytes: [1, NaN] } }", "byte 1", nil, 0},
		{"function encodeDownlink(i) { return { bytes: 'ff' } }", "no array", nil, 0},
		{"function encodeDownlink(i) { return { bytes: [], fPort: -1 } }", "fPort -1", nil, 0},
		{"function encodeDownlink(i) { return { errors: ['no such command'] } }", "no such command", nil, 0},
		{"", "no function encodeDownlink", nil, 0},
	} {
		p := compileTest(t, tt.source+"\nfunction Decoder() {}")
		if p.Has("encodeDownlink") != (tt.source != "") || !p.Has("decodeUplink") || p.Has("decodeDownlink") || p.Has("normalizeUplink") {
			t.Errorf("%s: has %v", tt.source, p.names)
		}
		got, err := p.EncodeDownlink(map[string]any{"n": 5}, map[string]string{"x": "9"})
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.source, err, tt.want)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.source, err)
		case !reflect.DeepEqual(got.Bytes, tt.bytes) || got.FPort != tt.port:
			t.Errorf("%s: %v", tt.source, got)
		}
	}
	p := compileTest(t, "function decodeUplink() {} function decodeDownlink(i) { return { data: [i.bytes, i.fPort] } }")
	if got, err := p.DecodeDownlink(Input{Bytes: []byte{1}, FPort: 2}); err != nil || !reflect.DeepEqual(got.Data, []any{[]any{1.0}, 2.0}) {
		t.Error(got, err)
	}
}

func TestConcurrentAndClosed(t *testing.T) {
	p := compileTest(t, "var n = 0; function decodeUplink(i) { for (let k = 0; k < 1000; k++) n += i.bytes[0]; return { data: n } }")
	var wg sync.WaitGroup
	for g := range 3 * MaxRuntimes {
		wg.Go(func() {
			for range 20 {
				out, err := p.DecodeUplink(Input{Bytes: []byte{byte(g)}, RecvTime: time.Now()})
				if err != nil || out.Data != float64(1000*g) {
					t.Errorf("%v, %v, want %d", out.Data, err, 1000*g)
				}
			}
		})
	}
	wg.Wait()
	if n := len(p.idle); n > MaxRuntimes {
		t.Errorf("%d runtimes", n)
	}
	for range 4 { // during calls
		wg.Go(func() {
			for {
				if _, err := p.DecodeUplink(Input{Bytes: []byte{1}}); err != nil {
					return
				}
			}
		})
	}
	p.Close()
	wg.Wait()
	p.Close()
	if _, err := p.DecodeUplink(Input{}); err == nil {
		t.Error("works after Close")
	}
	if len(p.idle) != 0 {
		t.Errorf("%d runtimes after Close", len(p.idle))
	}
}
