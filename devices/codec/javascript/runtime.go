package javascript

import (
	_ "embed"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/libquickjs"
)

// The stack of the engine is counted in slots: about one for a call in the
// codec and up to nine for one through a built-in function, at up to 13 kB of
// the goroutine's stack each. A goroutine whose stack exceeds 250 MB on 32-bit
// machines ends the process, so there must be such a limit.
const (
	loadStack = 5000 // an else-if takes one when the source is parsed
	callStack = 1000
)

var (
	//go:embed prelude.js
	prelude string
	//go:embed buffer.js
	buffer string
)

// bindings is evaluated after the codec, where its declarations are seen.
const bindings = `({
	decodeUplink: typeof decodeUplink === 'undefined' ? 0 : decodeUplink,
	encodeDownlink: typeof encodeDownlink === 'undefined' ? 0 : encodeDownlink,
	decodeDownlink: typeof decodeDownlink === 'undefined' ? 0 : decodeDownlink,
	normalizeUplink: typeof normalizeUplink === 'undefined' ? 0 : normalizeUplink,
	Decoder: typeof Decoder === 'undefined' ? 0 : Decoder,
	Decode: typeof Decode === 'undefined' ? 0 : Decode,
	Encoder: typeof Encoder === 'undefined' ? 0 : Encoder,
	Encode: typeof Encode === 'undefined' ? 0 : Encode,
})`

// operation is what the function of prelude.js is asked to do.
type operation int32

const (
	opDescribe operation = iota
	opBind
	opTime
	opDecodeUplink
	opDecodeDownlink
	opEncodeDownlink
)

// machine is one QuickJS with the codec loaded. It must not be used by two
// goroutines at once.
type machine struct {
	arena  *arena
	watch  *watch
	tls    *libc.TLS
	rt     uintptr // *lib.TJSRuntime
	ctx    uintptr // *lib.TJSContext
	run    lib.TJSValue
	global lib.TJSValue
	argv   uintptr // [2]lib.TJSValue
	length uintptr // of the last result, a size_t
	codec  []byte  // to be evaluated by every call, nil when it is loaded
	names  string  // what bind said
	broken bool    // only close it
}

// script is a codec as bytecode. Reading that leaves less garbage behind in an
// arena than parsing, and is faster.
type script struct {
	prelude, codec []byte
	reload         bool // evaluate it in every call, not once
}

// compileScript parses a codec.
func compileScript(source string) (s script, err error) {
	m, err := emptyMachine()
	if err != nil {
		return s, err
	}
	defer m.close()
	text := prelude
	if strings.Contains(source, "Buffer") {
		text = "(function () {" + buffer + "\nreturn (" + prelude + ")})()"
	}
	err = m.guard(MaxLoadTime, func() (err error) {
		if err = m.boot(); err != nil {
			return err
		}
		// Nobody reads the source and the line numbers of the prelude.
		lib.XJS_SetStripInfo(m.tls, m.rt, lib.MJS_STRIP_SOURCE|lib.MJS_STRIP_DEBUG)
		if s.prelude, err = m.compile(text); err != nil {
			return err
		}
		if m.run, err = m.eval(s.prelude); err != nil { // for describe
			return err
		}
		lib.XJS_SetStripInfo(m.tls, m.rt, lib.MJS_STRIP_SOURCE)
		s.codec, err = m.compile(source)
		return err
	})
	return s, err
}

// newMachine returns one with the script loaded, or ready to load it.
func newMachine(s script) (*machine, error) {
	m, err := emptyMachine()
	if err != nil {
		return nil, err
	}
	err = m.guard(MaxLoadTime, func() (err error) {
		if err = m.boot(); err != nil {
			return err
		}
		if m.run, err = m.eval(s.prelude); err != nil {
			return err
		}
		if !s.reload {
			if err = m.load(s.codec); err != nil {
				return err
			}
			lib.XJS_SetMaxStackSize(m.tls, m.rt, callStack)
		}
		lib.XJS_RunGC(m.tls, m.rt)
		return nil
	})
	if err == nil {
		err = m.arena.save()
	}
	if err != nil {
		m.close()
		return nil, err
	}
	if s.reload {
		m.codec = s.codec
	}
	return m, nil
}

func emptyMachine() (*machine, error) {
	a, err := newArena()
	if err != nil {
		return nil, err
	}
	return &machine{arena: a, watch: newWatch(a), tls: libc.NewTLS()}, nil
}

// boot makes the engine.
func (m *machine) boot() error {
	h := m.arena.header()
	mf := h.malloc(unsafe.Sizeof(lib.TJSMallocFunctions{}))
	*(*lib.TJSMallocFunctions)(at(mf)) = lib.TJSMallocFunctions{
		Fjs_malloc:             pointer(jsMalloc),
		Fjs_free:               pointer(jsFree),
		Fjs_realloc:            pointer(jsRealloc),
		Fjs_malloc_usable_size: pointer(jsUsable),
	}
	var v lib.TJSValue
	m.argv = h.malloc(2 * unsafe.Sizeof(v))
	m.length = h.malloc(unsafe.Sizeof(uintptr(0)))
	m.rt = lib.XJS_NewRuntime2(m.tls, mf, uintptr(unsafe.Pointer(h)))
	if m.rt == 0 {
		return errors.New("no runtime")
	}
	lib.XJS_SetMaxStackSize(m.tls, m.rt, loadStack)
	// All is put back after a call, so garbage matters only to a greedy one.
	lib.XJS_SetGCThreshold(m.tls, m.rt, MaxMemory/4)
	m.ctx = lib.XJS_NewContextRaw(m.tls, m.rt)
	if m.ctx == 0 {
		return errors.New("no context")
	}
	h.context = m.ctx
	for _, add := range []func(*libc.TLS, uintptr) int32{
		lib.XJS_AddIntrinsicBaseObjects, lib.XJS_AddIntrinsicDate, lib.XJS_AddIntrinsicEval,
		lib.XJS_AddIntrinsicStringNormalize, lib.XJS_AddIntrinsicRegExp, lib.XJS_AddIntrinsicJSON,
		lib.XJS_AddIntrinsicProxy, lib.XJS_AddIntrinsicMapSet, lib.XJS_AddIntrinsicTypedArrays,
		lib.XJS_AddIntrinsicPromise,
	} {
		if add(m.tls, m.ctx) != 0 {
			return errors.New("no built-in objects")
		}
	}
	lib.XJS_SetInterruptHandler(m.tls, m.rt, pointer(interrupt), uintptr(unsafe.Pointer(h)))
	(*lib.TJSContext)(at(m.ctx)).Frandom_state = 1 // seed of Math.random
	m.global = lib.XJS_GetGlobalObject(m.tls, m.ctx)
	return nil
}

// load evaluates a codec and finds its functions.
func (m *machine) load(codec []byte) error {
	if _, err := m.eval(codec); err != nil {
		return err
	}
	code, err := m.compile(bindings)
	if err != nil {
		return err
	}
	functions, err := m.eval(code)
	if err != nil {
		return err
	}
	m.names, err = m.call(opBind, functions)
	return err
}

// do runs an operation with JSON as its argument and returns its result, which
// is JSON. The next one finds nothing of it.
func (m *machine) do(op operation, input []byte) (result string, err error) {
	err = m.guard(MaxTime, func() error {
		if m.codec != nil {
			if _, err := m.ask(opTime, input); err != nil {
				return err
			}
			if err := m.load(m.codec); err != nil {
				return err
			}
		}
		result, err = m.ask(op, input)
		return err
	})
	if m.broken {
		return "", err
	}
	if failed := m.arena.restore(); failed != nil {
		m.broken = true
		return "", failed
	}
	return result, err
}

// guard calls f, which may run the codec, and turns what ends it into an error:
// exceptions, the panics of an engine that went wrong, and the faults of one
// whose arena the watch has locked, which are panics by SetPanicOnFault.
func (m *machine) guard(limit time.Duration, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	m.watch.begin(limit)
	defer func() {
		panicked := recover()
		locked, failed := m.watch.end()
		if failed != nil {
			m.broken = true
			err = fmt.Errorf("unlock memory of a runtime: %w", failed)
			return
		}
		h := m.arena.header()
		switch {
		case locked || h.stop.Load() != 0:
			err = fmt.Errorf("%w: more than %v", ErrTime, limit)
		case panicked != nil:
			err = fmt.Errorf("the engine failed: %v", panicked)
		case err != nil && h.full.Load() != 0:
			err = ErrMemory
		}
		if panicked != nil {
			m.tls.Close() // frames of the engine are still on its stack
			m.tls = libc.NewTLS()
		}
	}()
	return f()
}

// compile parses a script.
func (m *machine) compile(source string) ([]byte, error) {
	p, err := m.bytes([]byte(source))
	if err != nil {
		return nil, err
	}
	v := lib.XJS_Eval(m.tls, m.ctx, p, lib.Tsize_t(len(source)), uintptr(unsafe.Pointer(&fileName)), lib.MJS_EVAL_TYPE_GLOBAL|lib.MJS_EVAL_FLAG_COMPILE_ONLY)
	if lib.XJS_HasException(m.tls, m.ctx) != 0 {
		return nil, m.exception()
	}
	p = lib.XJS_WriteObject(m.tls, m.ctx, m.length, v, lib.MJS_WRITE_OBJ_BYTECODE)
	if p == 0 {
		return nil, m.exception()
	}
	return []byte(m.string(p)), nil
}

// eval evaluates what compile returned.
func (m *machine) eval(code []byte) (lib.TJSValue, error) {
	p, err := m.bytes(code)
	if err != nil {
		return m.global, err
	}
	v := lib.XJS_ReadObject(m.tls, m.ctx, p, lib.Tsize_t(len(code)), lib.MJS_READ_OBJ_BYTECODE)
	m.arena.header().release(p)
	if lib.XJS_HasException(m.tls, m.ctx) == 0 {
		v = lib.XJS_EvalFunction(m.tls, m.ctx, v)
	}
	if lib.XJS_HasException(m.tls, m.ctx) != 0 {
		return m.global, m.exception()
	}
	return v, nil
}

// fileName is what messages of the engine call the codec. It is not on the
// stack, which moves.
var fileName = [...]byte{'c', 'o', 'd', 'e', 'c', 0}

// call calls the function of prelude.js.
func (m *machine) call(op operation, x lib.TJSValue) (string, error) {
	args := (*[2]lib.TJSValue)(at(m.argv))
	args[0] = lib.XNewInt32(m.tls, m.ctx, int32(op))
	args[1] = x
	v := lib.XJS_Call(m.tls, m.ctx, m.run, m.global, 2, m.argv)
	if lib.XJS_HasException(m.tls, m.ctx) != 0 {
		if op == opDescribe {
			return "", errors.New("unknown")
		}
		return "", m.exception()
	}
	p := lib.XJS_ToCStringLen2(m.tls, m.ctx, m.length, v, 0)
	if p == 0 {
		return "", ErrMemory
	}
	text := m.string(p)
	if op != opDescribe && strings.HasPrefix(text, "!") {
		return "", thrown(text)
	}
	return text, nil
}

// exception takes the pending one.
func (m *machine) exception() error {
	text, err := m.call(opDescribe, lib.XJS_GetException(m.tls, m.ctx))
	if err != nil {
		return err
	}
	return thrown(text)
}

// ask calls with a JavaScript string made of UTF-8.
func (m *machine) ask(op operation, input []byte) (string, error) {
	p, err := m.bytes(input)
	if err != nil {
		return "", err
	}
	return m.call(op, lib.XJS_NewStringLen(m.tls, m.ctx, p, lib.Tsize_t(len(input))))
}

// string copies what is at p and has the last result's length.
func (m *machine) string(p uintptr) string {
	return string(unsafe.Slice((*byte)(at(p)), *(*uintptr)(at(m.length))))
}

// bytes copies s into the arena, with a NUL after it. It is not freed, as the
// arena is put back.
func (m *machine) bytes(s []byte) (uintptr, error) {
	p := m.arena.header().malloc(uintptr(len(s) + 1))
	if p == 0 {
		return 0, ErrMemory
	}
	b := unsafe.Slice((*byte)(at(p)), len(s)+1)
	copy(b, s)
	b[len(s)] = 0
	return p, nil
}

// close gives all memory back. The engine is not asked: its memory is the arena.
func (m *machine) close() {
	m.watch.timer.Stop()
	m.tls.Close()
	m.arena.close()
}
