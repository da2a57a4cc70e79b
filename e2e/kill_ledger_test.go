package e2e

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// transmission is a frame on the air. A device that repeats a frame makes
// another one, and so does an attacker who gives a recording another counter.
type transmission struct {
	node    *node
	session *session         // nil: a join request
	fCnt    uint32           // of a data frame
	nonce   lorawan.DevNonce // of a join request
	counter uint32           // the gateways' clock at its end, µs
	freqHz  uint32
	phy     []byte
	sent    moment
}

// moment is when something was sent: in which life of the edge's program, and
// on which beat of the fleet.
type moment struct{ life, beat int }

// session is what a device and the network share from a join to the next, or
// for ever. Its number is in the payload of each of its frames.
type session struct {
	device lorawan.EUI64
	number uint16
	addr   lorawan.DevAddr
	modern bool   // of LoRaWAN 1.1, with a second counter for downlinks
	frames []fate // by frame counter
}

// fate is what became of a frame.
type fate struct {
	first int       // beat on which it was sent first
	acked []moment  // when that was sent which was acknowledged to a forwarder
	seq   uint64    // under which it is stored; 0: it is not
	lost  uint32    // that were missed before it, as stored
	time  time.Time // of its reception, as stored
}

// ackedIn returns the beat on which the frame was sent first in a life, and
// false when nothing of it was acknowledged in that life.
func (f *fate) ackedIn(life int) (beat int, ok bool) {
	for _, m := range f.acked {
		if m.life == life && (!ok || m.beat < beat) {
			beat, ok = m.beat, true
		}
	}
	return beat, ok
}

type (
	sessionID struct {
		device lorawan.EUI64
		number uint16
	}
	nonceID struct {
		device lorawan.EUI64
		nonce  uint32 // a DevNonce or a JoinNonce
	}
	downID struct {
		session *session
		port    bool // the counter of downlinks with a port above 0, which 1.1 has
		fCnt    uint16
	}
)

// ledger knows every frame that was on the air and what became of it. What
// must never happen it tells the test at once.
type ledger struct {
	t    *testing.T
	seed maphash.Seed

	mu         sync.Mutex
	births     []time.Time // of the lives of the edge's program, from 1
	byCounter  map[uint32]*transmission
	sessions   map[sessionID]*session
	epoch      string
	marks      map[uint64]uint64 // hashes of the uplinks stored, by sequence number
	accepts    map[nonceID]string
	joinNonces map[nonceID]lorawan.DevNonce
	downs      map[downID]string
	faults     int
	count      counts
}

// counts are for the report.
type counts struct {
	transmissions, datagrams, acked int
	uplinks, again                  int // stored, and sent again
	replays, joinReplays            int
	joinRequests, accepts, joins    int
	downlinks, heard                int
	commands                        int
}

func newLedger(t *testing.T) *ledger {
	return &ledger{
		t: t, seed: maphash.MakeSeed(), byCounter: map[uint32]*transmission{}, sessions: map[sessionID]*session{}, marks: map[uint64]uint64{},
		accepts: map[nonceID]string{}, joinNonces: map[nonceID]lorawan.DevNonce{}, downs: map[downID]string{},
	}
}

// maxTaken is what a kill can take of the frames that were acknowledged, by
// edge/config.go: 512 frames between socket and process loop, 2048 in the
// deduplication window, 1024 in a commit, and those of 32 datagrams.
const maxTaken = 512 + 2048 + 1024 + 32*maxInDatagram

const maxFaults = 20 // that are told; one bug makes thousands

// fault tells the test. The caller holds mu.
func (l *ledger) fault(format string, args ...any) {
	if l.faults++; l.faults <= maxFaults {
		l.t.Errorf(format, args...)
	}
}

// tally changes the counts.
func (l *ledger) tally(change func(*counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.count)
}

// birth notes that the edge's program is about to be started once more; the one
// before is gone, and its socket too.
func (l *ledger) birth() (life int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.births = append(l.births, time.Now())
	return len(l.births)
}

// begin notes a new session.
func (l *ledger) begin(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[sessionID{s.device, s.number}] = s
}

// sent notes a frame before it is on the air.
func (l *ledger) sent(tx *transmission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byCounter[tx.counter] = tx
	if tx.session != nil && tx.fCnt == uint32(len(tx.session.frames)) {
		tx.session.frames = append(tx.session.frames, fate{first: tx.sent.beat})
	}
}

// acked notes that a forwarder was promised these frames. A program that is
// dead promises nothing, so it was the one that lived when they were sent.
func (l *ledger) acked(frames []*transmission) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.acked++
	for _, tx := range frames {
		if tx.session != nil {
			f := &tx.session.frames[tx.fCnt]
			f.acked = append(f.acked, tx.sent)
		}
	}
}

// stored takes an uplink as the platform's database does.
func (l *ledger) stored(epoch string, u *uplink.Uplink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == "" {
		l.epoch = epoch
	}
	if l.epoch != epoch {
		l.fault("ONE EPOCH: uplink %d comes under epoch %s, others came under %s", u.Seq, epoch, l.epoch)
		return
	}
	mark := maphash.Bytes(l.seed, u.AppendJSON(nil))
	if before, again := l.marks[u.Seq]; again {
		l.count.again++
		if before != mark {
			l.fault("SEQUENCE NUMBERS: %d was given to two uplinks, or one has changed: now %s", u.Seq, u.AppendJSON(nil))
		}
		return
	}
	l.marks[u.Seq] = mark
	l.count.uplinks++
	s, err := l.origin(u)
	if err != nil {
		l.fault("CONTENT: %v: %s", err, u.AppendJSON(nil))
		return
	}
	f := &s.frames[u.FCnt]
	if f.seq != 0 {
		l.fault("EXACTLY ONCE: frame %d of session %d of %s was accepted twice, as uplinks %d and %d", u.FCnt, s.number, s.device, f.seq, u.Seq)
		return
	}
	f.seq, f.lost, f.time = u.Seq, u.Lost, u.Time
}

// origin returns the session of an uplink. Session and counter are its payload.
func (l *ledger) origin(u *uplink.Uplink) (*session, error) {
	if len(u.Readings) != 2 || u.Error != "" {
		return nil, fmt.Errorf("payload is not decoded")
	}
	id := sessionID{lorawan.EUI64(u.DevEUI), uint16(u.Readings[0].Value)}
	s := l.sessions[id]
	if s == nil {
		return nil, fmt.Errorf("device never had a session %d", id.number)
	}
	if sent := uint32(u.Readings[1].Value); sent != u.FCnt || int(sent) >= len(s.frames) {
		return nil, fmt.Errorf("f_cnt is %d, the payload is that of frame %d, and %d were sent", u.FCnt, sent, len(s.frames))
	}
	return s, nil
}

// delays are those between a frame and the windows of its answer: two after
// data, two after a join request.
var delays = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 6 * time.Second}

// ordered checks a downlink that a gateway was asked to send. It returns the
// frame that it answers, and how long after that it is to be sent; nil when it
// answers none.
func (l *ledger) ordered(o semtech.Order) (*transmission, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.downlinks++
	for _, delay := range delays {
		tx := l.byCounter[o.Counter-uint32(delay/time.Microsecond)]
		switch {
		case tx == nil:
			continue
		case lorawan.MType(o.PHYPayload[0]>>5) == lorawan.JoinAccept:
			l.accepted(tx, o.PHYPayload)
		default:
			l.answered(tx, o.PHYPayload)
		}
		return tx, delay
	}
	l.fault("DOWNLINK: %x is to be sent at %d and answers no frame", o.PHYPayload, o.Counter)
	return nil, 0
}

// accepted checks a join accept: neither nonce may be used twice.
func (l *ledger) accepted(tx *transmission, phy []byte) {
	if tx.session != nil {
		l.fault("DOWNLINK: a join accept answers frame %d of %s", tx.fCnt, tx.node.eui)
		return
	}
	id := nonceID{tx.node.eui, uint32(tx.nonce)}
	if before, again := l.accepts[id]; again {
		if before != string(phy) { // in another window it is the same
			l.fault("DEVNONCE: %d of device %s was accepted twice", tx.nonce, tx.node.eui)
		}
		return
	}
	l.accepts[id] = string(phy)
	l.count.accepts++
	var accept lorawan.PHYPayload
	err := accept.UnmarshalBinary(phy)
	if err == nil {
		err = accept.DecryptJoinAcceptPayload(tx.node.root())
	}
	if err != nil {
		l.fault("DOWNLINK: join accept for %s: %v", tx.node.eui, err)
		return
	}
	joinNonce := uint32(accept.MACPayload.(*lorawan.JoinAcceptPayload).JoinNonce)
	if other, again := l.joinNonces[nonceID{tx.node.eui, joinNonce}]; again {
		l.fault("JOINNONCE: %d of device %s was used for DevNonces %d and %d", joinNonce, tx.node.eui, other, tx.nonce)
	}
	l.joinNonces[nonceID{tx.node.eui, joinNonce}] = tx.nonce
}

// answered checks the counter of a data downlink. Only its low half is on the
// air; no session here comes as far as the other.
func (l *ledger) answered(tx *transmission, phy []byte) {
	if len(phy) < 12 || tx.session == nil {
		l.fault("DOWNLINK: %x answers a join request of %s", phy, tx.node.eui)
		return
	}
	if addr := (lorawan.DevAddr{phy[4], phy[3], phy[2], phy[1]}); addr != tx.session.addr {
		l.fault("DOWNLINK: frame %d of %s is answered to %s, want %s", tx.fCnt, tx.node.eui, addr, tx.session.addr)
		return
	}
	options := int(phy[5] & 0x0f)
	body := len(phy) - 12 - options // port and payload
	id := downID{tx.session, tx.session.modern && body > 0 && phy[8+options] > 0, binary.LittleEndian.Uint16(phy[6:])}
	if before, again := l.downs[id]; again && before != string(phy) {
		l.fault("DOWNLINK COUNTER: %d (port %t) in session %d of %s was used for %x and %x", id.fCnt, id.port, tx.session.number, tx.node.eui, before, phy)
	}
	l.downs[id] = string(phy)
}

// gap is a frame that was acknowledged and is not stored.
type gap struct {
	session *session
	fCnt    int
	beat    int // on which it was sent first
	after   int // beat of the last one that is stored and that it must have been committed before
}

func (g gap) String() string {
	return fmt.Sprintf("frame %d of %d of session %d (%s) of %s, sent on beat %d",
		g.fCnt, len(g.session.frames), g.session.number, g.session.addr, g.session.device, g.beat)
}

// taken returns the frames that were acknowledged in a life and not stored by
// it, each with the beat of the last one that was: of all, or, for a device
// whose frames wait for its codec while others' do not, of that device. One that
// was sent before may be stored because somebody has played it again, and tells
// nothing of that beat.
func (l *ledger) taken(life int) (gaps []gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ofDevice := 0, map[lorawan.EUI64]int{}
	for _, s := range l.sessions {
		for i := range s.frames {
			f := &s.frames[i]
			beat, acked := f.ackedIn(life)
			switch by := l.storedBy(f); {
			case !acked:
			case by == 0 || by > life: // what a kill took may be played again and stored then
				gaps = append(gaps, gap{session: s, fCnt: i, beat: beat})
			case by == life && f.first == beat:
				last = max(last, beat)
				ofDevice[s.device] = max(ofDevice[s.device], beat)
			}
		}
	}
	for i := range gaps {
		g := &gaps[i]
		if g.after = last; scripted(g.session.device) {
			g.after = ofDevice[g.session.device]
		}
	}
	return gaps
}

// storedBy returns the life that received what is stored of a frame, 0 when
// nothing is.
func (l *ledger) storedBy(f *fate) int {
	if f.seq == 0 {
		return 0
	}
	life, _ := slices.BinarySearchFunc(l.births, f.time, time.Time.Compare)
	return life
}

// check tells what is wrong with all that is stored in the end. It returns how
// many acknowledged frames each kill has taken.
func (l *ledger) check() (taken []int) {
	for life := range l.births {
		gaps := l.taken(life + 1)
		taken = append(taken, len(gaps))
		l.checkTaken(life+1, gaps)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq := range uint64(len(l.marks)) {
		if _, ok := l.marks[seq+1]; !ok {
			l.fault("SEQUENCE NUMBERS: %d uplinks are stored, and none has number %d", len(l.marks), seq+1)
		}
	}
	for _, s := range l.sessions {
		l.checkSession(s)
	}
	return taken
}

// checkTaken wants a kill to have taken the last frames only. The edge commits
// frames in the order in which they came: one that is missing although a later
// one is stored was committed and lost, or refused. Those of a beat and the next
// may have come in any order.
func (l *ledger) checkTaken(life int, gaps []gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(gaps) > maxTaken {
		l.fault("TAKEN: the kill of life %d took %d frames that were acknowledged, want at most %d", life, len(gaps), maxTaken)
	}
	for _, g := range gaps {
		if g.beat+1 < g.after {
			l.fault("LOST: %s was acknowledged in life %d, which has stored what came up to beat %d", g, life, g.after)
		}
	}
}

// checkSession wants each counter up to the last that is stored to be either
// stored or counted as lost by the next that is.
func (l *ledger) checkSession(s *session) {
	next, seq := 0, uint64(0)
	for i, f := range s.frames {
		if f.seq == 0 {
			continue
		}
		if int(f.lost) != i-next {
			l.fault("EXACTLY ONCE: frame %d of session %d of %s says that %d were lost before it, and %d are missing", i, s.number, s.device, f.lost, i-next)
		}
		if f.seq < seq {
			l.fault("REPLAY: frame %d of session %d of %s has sequence number %d, a frame before it %d", i, s.number, s.device, f.seq, seq)
		}
		next, seq = i+1, f.seq
	}
}

// frames returns how many data frames there were, each counted once.
func (l *ledger) frames() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sessions {
		n += len(s.frames)
	}
	return n
}
