package lorawan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/brocaar/lorawan"
)

// The record of a state: a version byte, then the fields in the order in which
// append writes them, big endian. The DevEUI is the key and not part of it.
// Version 1 knew less and had the nonces at its end.
const (
	recordVersion = 2

	hasActive  = 1
	hasPending = 2

	isV11    = 1
	isClassC = 2

	isConfirmed = 1
	isOnAir     = 2
)

// MarshalBinary returns the state without its nonces, as it is kept on disk.
func (s *State) MarshalBinary() ([]byte, error) {
	var flags byte
	if s.Active != nil {
		flags |= hasActive
	}
	if s.Pending != nil {
		flags |= hasPending
	}
	out := make([]byte, 0, 256)
	out = append(out, recordVersion, flags)
	out = append(out, s.Root[:]...)
	out = append(out, s.JoinEUI[:]...)
	out = binary.BigEndian.AppendUint32(out, s.JoinNonce)
	out = binary.BigEndian.AppendUint32(out, s.Flushed)
	for _, session := range []*Session{s.Active, s.Pending} {
		if session != nil {
			out = session.append(out)
		}
	}
	out = append(out, byte(len(s.Queue)))
	for i := range s.Queue {
		out = s.Queue[i].append(out)
	}
	out = append(out, byte(len(s.Done)))
	for _, f := range s.Done {
		out = append(binary.BigEndian.AppendUint64(out, f.Hash), byte(f.What))
	}
	return out, nil
}

func (s *Session) append(out []byte) []byte {
	var flags byte
	if s.V11 {
		flags |= isV11
	}
	if s.ClassC {
		flags |= isClassC
	}
	out = append(append(out, flags), s.DevAddr[:]...)
	for _, key := range [][16]byte{s.NwkSKey, s.SNwkSIntKey, s.NwkSEncKey, s.AppSKey} {
		out = append(out, key[:]...)
	}
	out = binary.BigEndian.AppendUint32(out, s.NextFCntUp)
	out = binary.BigEndian.AppendUint32(out, s.NextFCntDown)
	out = binary.BigEndian.AppendUint32(out, s.NextAFCntDown)
	out = s.Radio.append(out)
	out = s.Link.append(out)
	out = append(out, byte(s.Asked))
	out = s.AskedRadio.append(out)
	out = s.AskedLink.append(out)
	out = append(out, s.AskedNew[:]...)
	out = append(out, byte(s.Refused), s.MaxDR, s.MaxTXPower)
	out = append(out, s.Gateway[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(s.Antenna))
	out = appendTime(appendTime(out, s.Heard), s.StatusAsked)
	out = append(out, byte(len(s.Confirmed)))
	for _, n := range s.Confirmed {
		out = binary.BigEndian.AppendUint16(out, n)
	}
	return out
}

func (r *Radio) append(out []byte) []byte {
	out = append(out, r.RX1Delay, r.RX1DROffset, r.RX2DR, r.MaxDutyCycle)
	return binary.BigEndian.AppendUint32(out, r.RX2FreqHz)
}

func (l *Link) append(out []byte) []byte {
	return append(append(out, l.DR, l.TXPower, l.NbTrans), l.Channels[:]...)
}

func (c *Command) append(out []byte) []byte {
	var flags byte
	if c.Confirmed {
		flags |= isConfirmed
	}
	if c.OnAir {
		flags |= isOnAir
	}
	out = append(out, flags, c.FPort, c.Tries)
	out = binary.BigEndian.AppendUint32(out, c.FCnt)
	out = appendTime(out, c.Expires)
	out = appendTime(out, c.TriedAt)
	out = append(append(out, byte(len(c.ID))), c.ID...)
	return append(append(out, byte(len(c.Payload))), c.Payload...)
}

// appendTime appends seconds since 1970; the zero time is 0.
func appendTime(out []byte, t time.Time) []byte {
	var s int64
	if !t.IsZero() {
		s = t.Unix()
	}
	return binary.BigEndian.AppendUint64(out, uint64(s))
}

// UnmarshalBinary reads what MarshalBinary wrote, in this version or the one
// before, and refuses anything else, so that a damaged record is never taken
// for a device without history. Of the version before it also sets the nonces;
// otherwise they stay as they are.
func (s *State) UnmarshalBinary(data []byte) error {
	if len(data) == 0 {
		return errors.New("session record is empty")
	}
	r := reader{data: data[1:]}
	out := State{DevEUI: s.DevEUI, DevNonces: s.DevNonces}
	switch data[0] {
	case 1:
		out.readV1(&r)
	case recordVersion:
		out.read(&r)
	default:
		return fmt.Errorf("session record is of version %d, want at most %d", data[0], recordVersion)
	}
	if r.err != nil {
		return fmt.Errorf("session record of %d bytes: %w", len(data), r.err)
	}
	if len(r.data) > 0 {
		return fmt.Errorf("session record of %d bytes: %d are left at its end", len(data), len(r.data))
	}
	*s = out
	return nil
}

// RecordVersion returns the version of a record.
func RecordVersion(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	return int(data[0])
}

func (s *State) read(r *reader) {
	flags := r.flags(hasActive | hasPending)
	r.bytes(s.Root[:])
	r.bytes(s.JoinEUI[:])
	s.JoinNonce, s.Flushed = r.u32(), r.u32()
	if flags&hasActive != 0 {
		s.Active = r.session()
	}
	if flags&hasPending != 0 {
		s.Pending = r.session()
	}
	for n := r.u8(); n > 0 && r.err == nil; n-- {
		s.Queue = append(s.Queue, r.command())
	}
	for n := r.u8(); n > 0 && r.err == nil; n-- {
		f := Finished{r.u64(), What(r.u8())}
		if f.What < Queued || f.What > Expired {
			r.fail(fmt.Errorf("the end of a command is %d", f.What))
		}
		s.Done = append(s.Done, f)
	}
}

// readV1 reads the record of a version that knew neither radio nor commands.
func (s *State) readV1(r *reader) {
	flags := r.flags(hasActive | hasPending)
	r.bytes(s.Root[:])
	s.JoinNonce = r.u32()
	session := func() *Session {
		v := &Session{}
		r.bytes(v.DevAddr[:])
		r.bytes(v.NwkSKey[:])
		r.bytes(v.AppSKey[:])
		v.NextFCntUp, v.NextFCntDown = r.u32(), r.u32()
		return v
	}
	if flags&hasActive != 0 {
		s.Active = session()
	}
	if flags&hasPending != 0 {
		s.Pending = session()
	}
	s.DevNonces = r.nonces()
}

// MarshalNonces returns the used nonces as they are kept on disk: two bytes
// each, big endian, in the order of use.
func (s *State) MarshalNonces() []byte {
	out := make([]byte, 0, 2*len(s.DevNonces))
	for _, n := range s.DevNonces {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	return out
}

// UnmarshalNonces reads what MarshalNonces wrote.
func (s *State) UnmarshalNonces(data []byte) error {
	r := reader{data: data}
	nonces := r.nonces()
	if r.err != nil {
		return fmt.Errorf("nonce record of %d bytes: %w", len(data), r.err)
	}
	s.DevNonces = nonces
	return nil
}

// reader takes fields from the front of a record until one is not there.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) bytes(dst []byte) {
	if len(r.data) < len(dst) {
		r.fail(errors.New("it ends too early"))
		r.data = nil
		return
	}
	copy(dst, r.data)
	r.data = r.data[len(dst):]
}

func (r *reader) u8() uint8 {
	var b [1]byte
	r.bytes(b[:])
	return b[0]
}

func (r *reader) u16() uint16 {
	var b [2]byte
	r.bytes(b[:])
	return binary.BigEndian.Uint16(b[:])
}

func (r *reader) u32() uint32 {
	var b [4]byte
	r.bytes(b[:])
	return binary.BigEndian.Uint32(b[:])
}

func (r *reader) u64() uint64 {
	var b [8]byte
	r.bytes(b[:])
	return binary.BigEndian.Uint64(b[:])
}

func (r *reader) flags(known byte) byte {
	f := r.u8()
	if f&^known != 0 {
		r.fail(fmt.Errorf("flags %#x are unknown", f))
	}
	return f
}

func (r *reader) time() time.Time {
	s := int64(r.u64())
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}

func (r *reader) nonces() []lorawan.DevNonce {
	var out []lorawan.DevNonce
	for len(r.data) > 0 {
		out = append(out, lorawan.DevNonce(r.u16()))
	}
	return out
}

func (r *reader) text() []byte {
	b := make([]byte, r.u8())
	r.bytes(b)
	return b
}

func (r *reader) radio() Radio {
	out := Radio{RX1Delay: r.u8(), RX1DROffset: r.u8(), RX2DR: r.u8(), MaxDutyCycle: r.u8(), RX2FreqHz: r.u32()}
	return out
}

func (r *reader) link() Link {
	l := Link{DR: r.u8(), TXPower: r.u8(), NbTrans: r.u8()}
	r.bytes(l.Channels[:])
	return l
}

func (r *reader) session() *Session {
	s := &Session{}
	flags := r.flags(isV11 | isClassC)
	s.V11, s.ClassC = flags&isV11 != 0, flags&isClassC != 0
	r.bytes(s.DevAddr[:])
	for _, key := range []*lorawan.AES128Key{&s.NwkSKey, &s.SNwkSIntKey, &s.NwkSEncKey, &s.AppSKey} {
		r.bytes(key[:])
	}
	s.NextFCntUp, s.NextFCntDown, s.NextAFCntDown = r.u32(), r.u32(), r.u32()
	s.Radio, s.Link = r.radio(), r.link()
	s.Asked = Kinds(r.u8())
	s.AskedRadio, s.AskedLink = r.radio(), r.link()
	r.bytes(s.AskedNew[:])
	s.Refused, s.MaxDR, s.MaxTXPower = Kinds(r.u8()), r.u8(), r.u8()
	r.bytes(s.Gateway[:])
	s.Antenna = int64(r.u64())
	s.Heard, s.StatusAsked = r.time(), r.time()
	for n := r.u8(); n > 0 && r.err == nil; n-- {
		s.Confirmed = append(s.Confirmed, r.u16())
	}
	return s
}

func (r *reader) command() Command {
	flags := r.flags(isConfirmed | isOnAir)
	c := Command{Confirmed: flags&isConfirmed != 0, OnAir: flags&isOnAir != 0, FPort: r.u8(), Tries: r.u8(), FCnt: r.u32()}
	c.Expires, c.TriedAt = r.time(), r.time()
	c.ID, c.Payload = string(r.text()), r.text()
	return c
}
