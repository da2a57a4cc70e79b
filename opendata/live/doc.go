// Package live is the public stream of windows and states: Server-Sent Events
// (HTML Living Standard §9.2) at /live.
//
// It knows which windows are complete, sends each once and again when it is
// recomputed, remembers the last of them for who was away for a moment, and
// lets go of listeners that do not keep up. It is fed by opendata.Latest and
// leaves to others how windows are computed, what is kept for ever (files), and
// how many listeners one client may have (package internal/guard).
//
// An event is encoded once, however many listen. Why ids are what they are is
// in docs/adr/0025-live.md.
package live
