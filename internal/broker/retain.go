package broker

import (
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// retains keeps the library (v2.7.9) from changing its index of retained messages
// while it looks up what a new subscription with a wildcard gets: it takes a lock
// for the one and none for the other. What is held meanwhile waits for no client:
// the answer to the subscription is written before, and messages go to queues.
//
// A will that its client wants to be delayed (MQTT 5) is retained without.
type retains struct {
	mochi.HookBase
	index    sync.RWMutex
	changing atomic.Pointer[mochi.Client] // who changes the index
}

// change begins a change of the index by a client, which OnRetainMessage ends.
func (r *retains) change(cl *mochi.Client) {
	r.index.Lock()
	r.changing.Store(cl)
}

// OnRetainMessage implements mochi.Hook.
func (r *retains) OnRetainMessage(cl *mochi.Client, _ packets.Packet, _ int64) {
	if r.changing.CompareAndSwap(cl, nil) {
		r.index.Unlock()
	}
}

// OnWill implements mochi.Hook.
func (r *retains) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if will.Retain && cl.Properties.Will.WillDelayInterval == 0 {
		r.change(cl)
	}
	return will, nil
}

// OnPacketSent implements mochi.Hook. A subscription is answered, and what is
// retained for it is looked up next.
func (r *retains) OnPacketSent(cl *mochi.Client, pk packets.Packet, _ []byte) {
	if pk.FixedHeader.Type != packets.Suback {
		return
	}
	if c, ours := cl.Net.Conn.(*conn); ours {
		r.index.RLock()
		c.lookingUp = true
	}
}

// OnPacketProcessed implements mochi.Hook.
func (r *retains) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, _ error) {
	if pk.FixedHeader.Type != packets.Subscribe {
		return
	}
	if c, ours := cl.Net.Conn.(*conn); ours && c.lookingUp {
		c.lookingUp = false
		r.index.RUnlock()
	}
}
