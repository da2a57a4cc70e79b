// Package javascript runs payload codecs after TS013 (LoRa Alliance, "Payload
// Codec API") that strangers wrote.
//
// A Program (program.go) is such a codec. It is called in runtimes (runtime.go)
// of QuickJS. A runtime has all its memory, engine included, in one arena
// (arena.go) of MaxMemory bytes. Once the codec is loaded the arena is copied,
// and before the next call it is put back as it was: so no variable, no change
// of a built-in, no pending promise and no damage survives from one payload to
// the next, and nothing need be frozen that a codec may want to change. A
// watchdog (watch.go) ends calls that take too long.
//
// Around the language a codec finds what prelude.js and buffer.js put there:
// Buffer, atob and btoa, a console that says nothing, module and exports, and a
// Date that knows no time but that of the reception and no zone but UTC. There
// are no files, no network, no timers and no modules.
//
// It uses modernc.org/libquickjs and not modernc.org/quickjs, which wraps it,
// as that has no way to give a runtime memory or an interrupt handler of its
// own. With its own timeout `for (;;) new Promise(() => { for (;;); })` and
// `[].indexOf.call({length: 2**53-1}, 1)` run forever.
//
// What cannot be promised: the engine is C turned into Go and uses memory
// unchecked, so a bug in it may do anything a bug in C may. An assertion of
// its own that fails ends the process.
//
// What it leaves to others: which readings the result means.
package javascript
