package semtech

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestQueue(t *testing.T) {
	q := newQueue()
	put := func(account int, want string) {
		t.Helper()
		ack, err := q.put(push{packet: Packet{JSON: []byte("{}")}, account: addr(account)})
		got := "later"
		switch {
		case err != nil:
			got = dropReason(err)
		case ack:
			got = "ack"
		}
		if got != want {
			t.Fatalf("source %d with %d waiting: %s, want %s", account, len(q.pushes), got, want)
		}
	}
	take := func() {
		t.Helper()
		q.taken(<-q.pushes)
	}
	for range ackAhead {
		put(1, "ack")
	}
	for range queueShare - ackAhead {
		put(1, "later")
	}
	put(1, DropBusy) // its share is full
	for account := 2; account <= ackAheadAll/ackAhead; account++ {
		for range ackAhead {
			put(account, "ack")
		}
	}
	put(10, "later") // enough are acknowledged
	take()
	put(10, "ack") // one of them is gone
	put(1, "later")
	put(1, DropBusy)
	for account := 100; len(q.pushes) < queueLength; account++ {
		put(account, "later")
	}
	put(9999, DropBusy) // the queue is full
	for len(q.pushes) > 0 {
		take()
	}
	if len(q.waiting) != 0 || q.acked != 0 {
		t.Errorf("empty: %d sources, %d acknowledged", len(q.waiting), q.acked)
	}
	put(1, "ack")
}

// The buffer of the socket is used for the next datagram.
func TestQueueCopies(t *testing.T) {
	q := newQueue()
	buf := []byte(`{"rxpk":[]}`)
	if _, err := q.put(push{packet: Packet{JSON: buf}, account: netip.AddrPort{}}); err != nil {
		t.Fatal(err)
	}
	clear(buf)
	if p := <-q.pushes; !bytes.Equal(p.packet.JSON, []byte(`{"rxpk":[]}`)) {
		t.Errorf("got %q", p.packet.JSON)
	}
}
