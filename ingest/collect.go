package ingest

import (
	"context"
	"hash/maphash"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// lane is a batch that is filled and a writer that stores the one before it.
type lane struct {
	batch *batch
	spare *batch // empty; nil while its writer has it
	work  chan *batch
	free  bool // the writer waits for a batch
}

// batch is what is stored together and then confirmed. Its memory is used
// again: nothing in it may be kept.
type batch struct {
	reports  []devices.Report
	origins  []origin // of the reports
	letters  []devices.DeadLetter
	senders  []sender
	acks     []*ack
	readings []devices.Reading  // of the reports
	rx       []uplink.Reception // likewise
	doubts   []devices.Doubt    // likewise

	lines   int       // points that the store will get
	bytes   int       // of letters
	began   time.Time // when the first part came
	touched time.Time // when the last did
}

// origin is where a report came from, should the store refuse it.
type origin struct{ edge, topic string }

// sender is an edge in one life of its database, and what of it is in a batch.
type sender struct {
	edge, epoch string
	seqs        []uint64
}

func (b *batch) reset() {
	clear(b.reports) // so that old messages are not kept by them
	clear(b.origins)
	clear(b.letters)
	b.reports, b.origins, b.letters, b.acks = b.reports[:0], b.origins[:0], b.letters[:0], b.acks[:0]
	b.readings, b.rx, b.doubts = b.readings[:0], b.rx[:0], b.doubts[:0]
	b.senders, b.lines, b.bytes = b.senders[:0], 0, 0
}

func (b *batch) empty() bool { return len(b.reports) == 0 && len(b.letters) == 0 && len(b.acks) == 0 }

func (b *batch) full(maxLines int) bool { return b.lines >= maxLines || b.bytes >= maxLetters }

// stored notes that an uplink of an edge is dealt with once the batch is.
func (b *batch) stored(edge, epoch string, seq uint64) {
	for n := range b.senders {
		if s := &b.senders[n]; s.edge == edge && s.epoch == epoch {
			s.seqs = append(s.seqs, seq)
			return
		}
	}
	if n := len(b.senders); n < cap(b.senders) { // with the memory of another
		b.senders = b.senders[:n+1]
		s := &b.senders[n]
		s.edge, s.epoch, s.seqs = edge, strings.Clone(epoch), append(s.seqs[:0], seq)
		return
	}
	// The epoch is a part of its message, which need not stay in memory.
	b.senders = append(b.senders, sender{edge, strings.Clone(epoch), []uint64{seq}})
}

// stride is how many items are checked before the lanes are looked at again.
const stride = 64

// collect checks what is in the queue and forms batches by size, age and quiet
// until ctx ends. While a lane is full it takes nothing.
func (i *Ingest) collect(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		queue := i.queue
		if i.full() {
			queue = nil
		}
		select {
		case <-ctx.Done():
			return
		case l := <-i.idle:
			l.free = true
			i.free.Add(1)
		case it := <-queue:
			i.take(it)
			for n := 1; n < stride && len(i.queue) > 0 && !i.full(); n++ {
				i.take(<-i.queue) // nobody else takes from it
			}
		case <-i.hurry:
		case <-timer.C:
		}
		if next := i.dispatch(time.Now()); next > 0 {
			timer.Reset(next)
		}
	}
}

// full reports whether a lane has no room before its writer is free.
func (i *Ingest) full() bool {
	for _, l := range i.lanes {
		if l.batch.full(i.cfg.MaxLines) {
			return true
		}
	}
	return false
}

// dispatch hands the batches that are due to their writers, and returns when it
// has to be called again; 0: when something happens.
func (i *Ingest) dispatch(now time.Time) (next time.Duration) {
	for _, l := range i.lanes {
		if l.batch.empty() || !l.free {
			continue
		}
		// Nothing more comes for a Source without room: waiting would be for nothing.
		wait := min(l.batch.began.Add(i.cfg.MaxAge).Sub(now), l.batch.touched.Add(i.cfg.Quiet).Sub(now))
		if wait > 0 && i.starved.Load() == 0 && !l.batch.full(i.cfg.MaxLines) {
			if next == 0 || wait < next {
				next = wait
			}
			continue
		}
		l.free = false
		i.free.Add(-1)
		full := l.batch
		l.batch, l.spare = l.spare, nil
		l.work <- full // has room for it
	}
	return next
}

// take checks an item into the batch of its lane.
func (i *Ingest) take(it item) {
	now := time.Now()
	i.room.Release(it.size)
	i.metrics.messages.Inc()
	if it.foreign != nil {
		b := i.laneOfDevice(it.foreign.uplink.DevEUI).batch
		b.touch(now)
		i.checker.foreign(it.foreign, b, now)
		return
	}
	topic, err := uplink.ParseTopic(it.topic)
	b := i.laneOfEdge(topic.Edge).batch
	b.touch(now)
	i.checker.message(it, topic, err, b, now)
}

func (b *batch) touch(now time.Time) {
	if b.empty() {
		b.began = now
	}
	b.touched = now
}

// laneOfEdge deals lanes to edges in turn. Broken topics have the edge "".
func (i *Ingest) laneOfEdge(edge string) *lane {
	l, ok := i.byEdge[edge]
	if !ok {
		l = i.lanes[len(i.byEdge)%len(i.lanes)]
		i.byEdge[edge] = l // a broker lets nobody publish for an edge that there is not
	}
	return l
}

var seed = maphash.MakeSeed()

func (i *Ingest) laneOfDevice(eui uplink.EUI) *lane {
	return i.lanes[maphash.Bytes(seed, eui[:])%uint64(len(i.lanes))]
}
