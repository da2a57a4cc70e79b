package semtech

import (
	"bytes"
	"net/netip"
	"sync"
	"time"
)

const (
	queueLength = 512             // PUSH_DATA waiting for the receiver: 32 MiB at the very worst
	queueShare  = queueLength / 4 // of one source: beside one that floods there is room, and a wait of 128 datagrams at most

	// So many that wait are acknowledged already, of one source and in all. A
	// kill takes them.
	ackAhead    = 8
	ackAheadAll = 32
)

// push is a PUSH_DATA on its way to the receiver.
type push struct {
	packet  Packet
	from    netip.AddrPort
	account netip.AddrPort // the source it counts as
	at      time.Time      // of its arrival
	acked   bool
}

// queue holds what was heard until the receiver has room, first come, first
// served: frames of one device must not overtake each other, whichever
// gateways they come by. One goroutine puts and one takes.
type queue struct {
	pushes chan push

	mu      sync.Mutex
	waiting map[netip.AddrPort]int // by account
	acked   int                    // of those that wait
}

func newQueue() *queue {
	return &queue{pushes: make(chan push, queueLength), waiting: make(map[netip.AddrPort]int)}
}

// put gives p a place, with a copy of its JSON, and tells whether it is to be
// acknowledged at once; if not, it is to be when it is taken. The error says
// that there is no room.
func (q *queue) put(p push) (ack bool, err error) {
	q.mu.Lock()
	waiting := q.waiting[p.account]
	room := waiting < queueShare && len(q.pushes) < cap(q.pushes)
	if room {
		q.waiting[p.account]++
		if p.acked = waiting < ackAhead && q.acked < ackAheadAll; p.acked {
			q.acked++
		}
	}
	q.mu.Unlock()
	if !room {
		return false, dropf(DropBusy, "PUSH_DATA of gateway %s: %d datagrams of the source are waiting, and %d in all", p.packet.Gateway, waiting, len(q.pushes))
	}
	p.packet.JSON = bytes.Clone(p.packet.JSON)
	q.pushes <- p // has room: nobody else puts
	return p.acked, nil
}

// taken notes that p has left the queue.
func (q *queue) taken(p push) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.acked {
		q.acked--
	}
	if q.waiting[p.account]--; q.waiting[p.account] == 0 {
		delete(q.waiting, p.account)
	}
}
