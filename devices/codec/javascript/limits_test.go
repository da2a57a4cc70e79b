package javascript

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var recvTime = time.Date(2026, 3, 29, 1, 30, 0, 5e6, time.UTC)

func compileTest(t testing.TB, source string) *Program {
	t.Helper()
	p, err := Compile(source)
	if err != nil {
		t.Fatalf("%v in %s", err, source)
	}
	t.Cleanup(p.Close)
	return p
}

// greedy are statements that want too much, by what their error must wrap; nil
// means any error, or none when the statement ends.
var greedy = []struct {
	want error
	code string
}{
	{ErrTime, "while (true) {}"},
	{ErrTime, "for (;;) { try { for (;;); } catch (e) {} finally { continue } }"},
	{ErrTime, "/(a+)+$/.test('a'.repeat(60) + '!')"},
	{ErrTime, "({ toString() { for (;;); } }) + ''"},
	{ErrTime, "function* g() { for (;;) yield 1 } for (const x of g());"},
	{ErrTime, "for (const x of { [Symbol.iterator]: () => ({ next: () => ({}) }) });"},
	{ErrTime, "return { get data() { for (;;); } }"},
	{ErrTime, "return { data: { get a() { for (;;); } } }"},
	{ErrTime, "return { data: { toJSON() { for (;;); } } }"},
	{ErrTime, "return { data: new Proxy({}, { ownKeys() { for (;;); } }) }"},
	{ErrTime, "throw { get message() { for (;;); } }"},
	{ErrTime, "[2, 1].sort(() => { for (;;); })"},
	{ErrTime, "const a = []; for (let i = 0; i < 1e5; i++) a.push(i); for (;;) a.sort(() => 1)"},
	// What promises catch, an interrupt included.
	{ErrTime, "for (;;) new Promise(() => { for (;;); })"},
	{ErrTime, "async function f() { for (;;); } for (;;) f()"},
	{ErrTime, "async function f() { try { for (;;); } finally { return f() } } for (;;) f()"},
	// Loops of the engine that never ask whether to stop.
	{ErrTime, "[].indexOf.call({ length: 2 ** 53 - 1 }, 1)"},
	{ErrTime, "[].lastIndexOf.call({ length: 2 ** 53 - 1 }, 1)"},
	{ErrTime, "[].includes.call(Object.assign([], { length: 2 ** 32 - 1 }), 1)"},
	{nil, "[].join.call({ length: 2 ** 53 - 1 }, '')"},
	{ErrTime, "[].reverse.call({ length: 2 ** 53 - 1 })"},
	{ErrTime, "[].unshift.call({ length: 2 ** 53 - 2 }, 1)"},
	{ErrTime, "[].copyWithin.call({ length: 2 ** 53 - 2 }, 1, 0)"},
	{ErrTime, "const a = [1]; a.length = 2 ** 32 - 1; a.sort()"},
	{ErrTime, "const u = new Uint8Array(5e6); for (;;) u.indexOf(1)"},
	{ErrTime, "const s = 'a'.repeat(1e6); s.indexOf('a'.repeat(5e5) + 'b'); for (;;);"},
	{ErrTime, "const s = 'a'.repeat(1e6); for (;;) s.replaceAll('aa', 'b')"},
	{ErrTime, "JSON.stringify({}, Object.assign([], { length: 2 ** 32 - 1 })); for (;;);"},
	{ErrTime, "const a = new Array(1e5).fill('x'.repeat(1e6)); for (;;) a.indexOf('x'.repeat(1e6 - 1) + 'y')"},
	{ErrTime, "let b = 2n ** 200000n; for (;;) b * b % 7n"},
	{nil, "2n ** (2n ** 30n)"},
	{nil, "('1'.repeat(5e6)) * 1; BigInt('9'.repeat(1e5)).toString()"},
	{nil, "'\\u0300\\u0316'.repeat(2e5).normalize('NFD')"},

	{ErrStack, "function f() { return f() + 1 } f()"},
	{ErrStack, "const a = {}; a.toString = () => '' + a; '' + a"},
	{ErrStack, "const a = { get b() { return a.b } }; a.b"},
	{ErrStack, "const a = { toJSON() { return JSON.stringify(a) } }; JSON.stringify(a)"},
	{ErrStack, "const p = new Proxy({}, { get(t, k, r) { return r[k] } }); p.x"},
	{ErrStack, "let p = {}; for (let i = 0; i < 2e4; i++) p = new Proxy(p, {}); p.x"},
	{ErrStack, "let o = {}; for (let i = 0; i < 2e4; i++) o = { o }; return { data: o }"},
	{ErrStack, "JSON.parse('['.repeat(1e5))"},
	{ErrStack, "eval('('.repeat(1e5))"},
	{nil, "new RegExp('('.repeat(1e5))"},
	{nil, "new RegExp('(a{0,1000}'.repeat(50) + '){0,1000}'.repeat(50))"},

	{ErrMemory, "new Array(3e7).fill(1)"},
	{ErrMemory, "Array.from({ length: 1e9 })"},
	{nil, "'x'.repeat(1 << 30)"},
	{nil, "'x'.repeat(1 << 29).length; 'x'.repeat(1 << 29).charCodeAt(5)"},
	{nil, "let s = 'x'; for (;;) s += s"},
	{ErrMemory, "let s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1); JSON.stringify(s) }"},
	{ErrMemory, "const a = []; for (;;) a.push({})"},
	{ErrMemory, "new ArrayBuffer(1e9)"},
	{ErrMemory, "new Float64Array(1e8)"},
	{ErrMemory, "const m = new Map(); for (let i = 0; ; i++) m.set(i, i)"},
	{ErrMemory, "const a = [1, 2, 3]; for (;;) a.push(...a.slice(0, 1000))"},
	{nil, "let a = []; for (let i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a)"},
	{nil, "let a = 'x'; for (let i = 0; i < 40; i++) a = [a, a]; return { data: a }"},
	{ErrMemory, "for (const a = [];;) { try { for (;;) a.push([]) } catch (e) { throw e } }"},
	{ErrTime, "for (const a = [];;) { try { for (;;) a.push([]) } catch (e) {} }"},
}

// bad ends the others: with an error of the codec, whose text it contains.
var bad = []struct{ code, want string }{
	{"throw null", "null"},
	{"throw undefined", "undefined"},
	{"throw 7n", "7"},
	{"throw Symbol('x')", "Symbol(x)"},
	{"throw { message: 'oh' }", "oh"},
	{"throw { get message() { throw 1 } }", "unknown"},
	{"throw new Proxy({}, { get() { throw 1 }, getPrototypeOf() { throw 2 } })", "unknown"},
	{"const e = {}; e.e = e; throw e", "unknown"},
	{"throw { code: 5 }", `{"code":5}`},
	{"throw new Error('broken \\u{1F600}')", "broken \U0001F600"},
	{"throw new Error('x'.repeat(1000))", strings.Repeat("x", 100)},
	{"undefinedFunction()", "not defined"},
	{"null.x", "(line 3)"},
	{"return 5", "returned no object"},
	{"return", "returned no object"},
	{"return {}", "returned no data"},
	{"return Promise.resolve({ data: 1 })", "promise"},
	{"return { errors: ['too short', 'too long'] }", "too short; too long"},
	{"return { data: {}, errors: 'text' }", "text"},
	{"return { errors: [{ code: 1 }] }", `{"code":1}`},
	{"return { get data() { throw new Error('in a getter') } }", "in a getter"},
	{"return { data: { get a() { throw new Error('in a getter') } } }", "in a getter"},
	{"const a = {}; a.a = a; return { data: a }", "circular"},
	{"return { data: 'x'.repeat(65536) }", "64 KiB"},
	{"return { data: '\\u20ac'.repeat(30000) }", "64 KiB"},
	{"let a = 1; for (let i = 0; i < 40; i++) a = [a]; return { data: a }", "nested"},
	{"setTimeout(() => 1, 1)", "setTimeout"},
	{"require('fs')", "no module fs"},
	{"eval('import(\"std\")'); return { data: typeof std + typeof os + typeof Worker }", ""},
}

const guinea = `function decodeUplink(input) {
	if (input.fPort === 1) return { data: input.bytes[0] * 2 };
	`

// ends tells whether err is the one that is wanted. A slow machine, or the race
// detector, may reach the limit of time before another.
func ends(err, want error) bool { return errors.Is(err, want) || errors.Is(err, ErrTime) }

func check(t *testing.T, p *Program) {
	t.Helper()
	out, err := p.DecodeUplink(Input{Bytes: []byte{21}, FPort: 1, RecvTime: recvTime})
	if err != nil || out.Data != 42.0 {
		t.Fatalf("afterwards: %v, %v", out, err)
	}
}

func TestGreedy(t *testing.T) {
	for _, tt := range greedy {
		t.Run(tt.code, func(t *testing.T) {
			p := compileTest(t, guinea+tt.code+"; return { data: 1 } }")
			start := time.Now()
			out, err := p.DecodeUplink(Input{FPort: 2, RecvTime: recvTime})
			t.Log(out, err, time.Since(start).Round(time.Millisecond))
			if tt.want != nil && !ends(err, tt.want) {
				t.Errorf("got %v, %v, want %v", out, err, tt.want)
			}
			check(t, p)
		})
	}
}

// On Linux a busy machine does not make a codec slow.
func TestTimeIsFair(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the processor time of a thread")
	}
	p := compileTest(t, "function decodeUplink(i) { let n = i.variables.n; while (n-- > 0); return { data: 1 } }")
	loops := 1000
	decode := func() (time.Duration, error) {
		start := time.Now()
		_, err := p.DecodeUplink(Input{Variables: map[string]string{"n": strconv.Itoa(loops)}})
		return time.Since(start), err
	}
	for d := time.Duration(0); d < MaxTime/10; loops *= 2 { // the last took up to a fifth
		var err error
		if d, err = decode(); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
			}
		})
	}
	d, err := decode() // up to two fifths of MaxTime
	stop.Store(true)
	wg.Wait()
	if err != nil {
		t.Errorf("%v after %v", err, d)
	}
}

func TestBad(t *testing.T) {
	for _, tt := range bad {
		t.Run(tt.code, func(t *testing.T) {
			p := compileTest(t, guinea+tt.code+"\n}")
			out, err := p.DecodeUplink(Input{FPort: 2, RecvTime: recvTime})
			switch {
			case tt.want == "" && err == nil:
			case err == nil || !strings.Contains(err.Error(), tt.want):
				t.Errorf("got %v, %v, want %q", out, err, tt.want)
			case len(err.Error()) > 250:
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			check(t, p)
		})
	}
}

func TestGreedyAtLoad(t *testing.T) {
	for i, tt := range greedy {
		if strings.Contains(tt.code, "return") || tt.want == nil || i%6 != 0 {
			continue
		}
		p, err := Compile(tt.code + "\nfunction decodeUplink() {}")
		if !ends(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.code, err, tt.want)
		}
		if p != nil {
			p.Close()
		}
	}
}

// resident returns how much memory the process has, in bytes.
func resident(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc/self/statm")
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}

func TestMemoryIsGivenBack(t *testing.T) {
	use := func() {
		p, err := Compile("function decodeUplink() { const a = []; for (;;) a.push({}) }")
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if _, err := p.DecodeUplink(Input{}); !ends(err, ErrMemory) {
			t.Fatal(err)
		}
	}
	for range 5 {
		use()
	}
	before := resident(t)
	for range 30 {
		use() // 8 MiB each
	}
	if more := resident(t) - before; more > 16<<20 {
		t.Errorf("%d bytes more after 30 codecs were closed", more)
	}
}

func TestGreedyMemoryIsGivenBackAtOnce(t *testing.T) {
	p := compileTest(t, guinea+"const a = []; for (;;) a.push({}) }")
	check(t, p)
	before := resident(t)
	if _, err := p.DecodeUplink(Input{FPort: 2}); !ends(err, ErrMemory) {
		t.Fatal(err)
	}
	check(t, p)
	if more := resident(t) - before; more > 4<<20 {
		t.Errorf("%d bytes more after a greedy call", more)
	}
}

func TestMemoryPerRuntime(t *testing.T) {
	var all []*Program
	s := "function decodeUplink() { return { data: 1 } }"
	for range 5 {
		all = append(all, compileTest(t, s))
	}
	before := resident(t)
	const n = 100
	for range n {
		all = append(all, compileTest(t, s))
	}
	t.Logf("%d kB per runtime resident, %d kB used", (resident(t)-before)/n/1000, len(all[0].idle[0].arena.saved)/1000)
	if got := (resident(t) - before) / n; got > 700e3 {
		t.Errorf("%d bytes per runtime", got)
	}
}
