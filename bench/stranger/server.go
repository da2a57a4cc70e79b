package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

const roleServer = "server"

// serverConfig is what the server's process is told.
type serverConfig struct {
	Limit   int
	Results string // the file for its results when it ends
}

// serverReady is what it answers when it serves.
type serverReady struct {
	UDP string
}

// results is what the receiver has seen.
type results struct {
	Delays  map[uint64]int64 // ns, of each of the gateway's frames at its first arrival
	Others  int              // frames that came again, or not from it
	Dropped map[string]int
}

// stamp is the part of a frame that times it: its number, and when it was sent
// by the clock that both processes have.
func stamp(number uint64, sent time.Time) []byte {
	b := make([]byte, 0, 24)
	b = append(b, "\x40stamped"...)
	b = binary.BigEndian.AppendUint64(b, number)
	return binary.BigEndian.AppendUint64(b, uint64(sent.UnixNano()))
}

// receiver takes every frame at once.
type receiver struct {
	mu  sync.Mutex
	got results
}

// Frame implements semtech.Receiver.
func (r *receiver) Frame(_ context.Context, f radio.Frame) error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	p := f.PHYPayload
	if len(p) != 24 || string(p[:8]) != "\x40stamped" {
		r.got.Others++
		return nil
	}
	number := binary.BigEndian.Uint64(p[8:])
	if _, again := r.got.Delays[number]; again {
		r.got.Others++
		return nil
	}
	r.got.Delays[number] = now.UnixNano() - int64(binary.BigEndian.Uint64(p[16:]))
	return nil
}

// Stats implements semtech.Receiver.
func (r *receiver) Stats(context.Context, radio.Stats) {}

// Dropped implements semtech.Receiver.
func (r *receiver) Dropped(reason string, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got.Dropped[reason]++
}

// Unknown implements semtech.Receiver.
func (r *receiver) Unknown(lorawan.EUI64, string) {}

// runServer serves until it is stopped and leaves its results.
func runServer(ctx context.Context, c serverConfig, ready func(any) error) error {
	s, err := semtech.Listen("127.0.0.1:0", semtech.Options{Rate: c.Limit})
	if err != nil {
		return err
	}
	r := &receiver{got: results{Delays: map[uint64]int64{}, Dropped: map[string]int{}}}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx, r) }()
	err = errors.Join(ready(serverReady{UDP: s.Addr().String()}), <-ran)
	if err != nil {
		return err
	}
	data, err := json.Marshal(r.got)
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	return os.WriteFile(c.Results, data, 0o600)
}

// total returns how many datagrams were dropped.
func (r *results) total() (n int) {
	for v := range maps.Values(r.Dropped) {
		n += v
	}
	return n
}
