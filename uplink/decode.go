package uplink

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// Refused is an uplink of a batch that breaks the contract.
type Refused struct {
	Seq uint64 // 0 when not even that could be read
	Err error
	Raw []byte // the uplink's JSON
}

// DecodeBatch parses a message from an up topic. The good uplinks of a batch
// are returned even if others break the contract; those are returned as
// refused. The error is non-nil when nothing of the message can be used.
func DecodeBatch(data []byte) (Batch, []Refused, error) {
	var d Decoder
	return d.Decode(data)
}

// Decoder is DecodeBatch for who reads many messages: it keeps its memory for
// the next one. It must not be used by two goroutines at once.
//
// What AppendJSON and JoinBatch write, byte for byte, is read in a tenth of the
// time of other JSON that says the same.
type Decoder struct {
	uplinks  []Uplink
	readings []Reading
	rx       []Reception
	payloads []byte

	date   string // of the last time that was read, and when it began
	dateAt time.Time
}

// Decode is DecodeBatch. What it returns is valid until the next call, but for
// its strings: they are parts of data, which must not change any more, and keep
// it in memory.
func (d *Decoder) Decode(data []byte) (Batch, []Refused, error) {
	if len(data) > MaxBytes {
		return Batch{}, nil, fmt.Errorf("batch has %d bytes, at most %d are allowed", len(data), MaxBytes)
	}
	if b, ok := d.exact(data); ok {
		return b, nil, nil
	}
	var b Batch
	if err := json.Unmarshal(data, &b); err == nil {
		if err := b.checkHead(len(b.Uplinks)); err != nil {
			return Batch{}, nil, err
		}
		if b.good() {
			return b, nil, nil
		}
	}
	return decodeOneByOne(data)
}

func (b *Batch) good() bool {
	for i := range b.Uplinks {
		if b.Uplinks[i].Check() != nil {
			return false
		}
	}
	return true
}

// decodeOneByOne is the slow way of DecodeBatch: it isolates bad uplinks.
func decodeOneByOne(data []byte) (Batch, []Refused, error) {
	var parts struct {
		V       int               `json:"v"`
		Epoch   string            `json:"epoch"`
		Uplinks []json.RawMessage `json:"uplinks"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return Batch{}, nil, fmt.Errorf("batch: %w", err)
	}
	b := Batch{V: parts.V, Epoch: parts.Epoch}
	if err := b.checkHead(len(parts.Uplinks)); err != nil {
		return Batch{}, nil, err
	}
	var refused []Refused
	for _, raw := range parts.Uplinks {
		var u Uplink
		err := json.Unmarshal(raw, &u)
		if err == nil {
			err = u.Check()
		}
		if err != nil {
			var seq struct{ Seq uint64 }
			_ = json.Unmarshal(raw, &seq) // seq stays 0 when it cannot be read, as Refused says
			refused = append(refused, Refused{Seq: seq.Seq, Err: err, Raw: raw})
			continue
		}
		b.Uplinks = append(b.Uplinks, u)
	}
	return b, refused, nil
}

// exact reads a batch in the form that JoinBatch and AppendJSON write, whose
// uplinks are all good. False means that it is something else, good or bad.
func (d *Decoder) exact(data []byte) (Batch, bool) {
	r := reader{s: unsafe.String(unsafe.SliceData(data), len(data))}
	d.uplinks, d.readings, d.rx, d.payloads = d.uplinks[:0], d.readings[:0], d.rx[:0], d.payloads[:0]
	r.want(`{"v":1,"epoch":`)
	b := Batch{V: Version, Epoch: r.text()}
	r.want(`,"uplinks":[`)
	for more := !r.bad; more; more = !r.bad && r.has(",") {
		if len(d.uplinks) == MaxUplinks {
			return b, false
		}
		d.uplinks = append(d.uplinks, Uplink{})
		d.uplink(&r, &d.uplinks[len(d.uplinks)-1])
	}
	r.want("]}")
	b.Uplinks = d.uplinks
	return b, !r.bad && r.at == len(r.s) && b.checkHead(len(b.Uplinks)) == nil && b.good()
}

// uplink reads what AppendJSON writes.
func (d *Decoder) uplink(r *reader, u *Uplink) {
	r.want(`{"seq":`)
	u.Seq = r.whole(64)
	r.want(`,"dev_eui":"`)
	u.DevEUI = r.eui()
	r.want(`","time":"`)
	u.Time = d.time(r)
	r.want(`","time_quality":`)
	u.TimeQuality = TimeQuality(r.text())
	r.want(`,"f_cnt":`)
	u.FCnt = uint32(r.whole(32))
	if r.has(`,"lost":`) {
		u.Lost = uint32(r.whole(32))
	}
	r.want(`,"f_port":`)
	u.FPort = uint8(r.whole(8))
	r.want(`,"dr":`)
	u.DR = uint8(r.whole(8))
	r.want(`,"freq_hz":`)
	u.FreqHz = uint32(r.whole(32))
	if r.has(`,"rx":[`) {
		u.RX = d.receptions(r)
	}
	if r.has(`,"readings":[`) {
		first := len(d.readings)
		for more := true; more; more = !r.bad && r.has(",") {
			r.want(`{"q":`)
			reading := Reading{Quantity: r.text()}
			if r.has(`,"ch":`) {
				reading.Channel = r.text()
			}
			r.want(`,"v":`)
			reading.Value = r.number()
			r.want("}")
			d.readings = append(d.readings, reading)
		}
		r.want("]")
		u.Readings = d.readings[first:len(d.readings):len(d.readings)]
	}
	if r.has(`,"payload":`) {
		first := len(d.payloads)
		var err error
		if d.payloads, err = base64.StdEncoding.AppendDecode(d.payloads, []byte(r.text())); err != nil {
			r.bad = true
		}
		u.Payload = d.payloads[first:len(d.payloads):len(d.payloads)]
	}
	if r.has(`,"error":`) {
		u.Error = r.text()
	}
	r.want("}")
}

func (d *Decoder) receptions(r *reader) []Reception {
	first := len(d.rx)
	for more := true; more; more = !r.bad && r.has(",") {
		r.want(`{"gateway":"`)
		rx := Reception{Gateway: r.eui()}
		r.want(`","rssi_dbm":`)
		negative := r.has("-")
		rx.RSSIdBm = int(r.whole(31))
		if negative {
			rx.RSSIdBm = -rx.RSSIdBm
		}
		r.want(`,"snr_db":`)
		rx.SNRdB = r.number()
		r.want("}")
		d.rx = append(d.rx, rx)
	}
	r.want("]")
	return d.rx[first:len(d.rx):len(d.rx)]
}

// time reads 2006-01-02T15:04:05.000Z. Most times of a batch are of one day.
func (d *Decoder) time(r *reader) time.Time {
	s := r.take(len(timeLayout))
	if r.bad || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		r.bad = true
		return time.Time{}
	}
	if date := s[:10]; date != d.date {
		at, err := time.Parse(time.DateOnly, date)
		if err != nil {
			r.bad = true
			return time.Time{}
		}
		d.date, d.dateAt = strings.Clone(date), at
	}
	hour, minute, second, milli := digits(s[11:13]), digits(s[14:16]), digits(s[17:19]), digits(s[20:23])
	if min(hour, minute, second, milli) < 0 || hour > 23 || minute > 59 || second > 59 {
		r.bad = true
		return time.Time{}
	}
	return d.dateAt.Add(time.Duration(((hour*60+minute)*60+second)*1000+milli) * time.Millisecond)
}

// digits returns the number that s is, or -1.
func digits(s string) (n int) {
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return -1
		}
		n = 10*n + int(c)
	}
	return n
}

// reader is a place in a text that has one form. It is bad once the text has
// another, and then says nothing of value.
type reader struct {
	s   string
	at  int
	bad bool
}

// has passes prefix if it comes next.
func (r *reader) has(prefix string) bool {
	if !strings.HasPrefix(r.s[r.at:], prefix) {
		return false
	}
	r.at += len(prefix)
	return true
}

func (r *reader) want(prefix string) {
	if !r.has(prefix) {
		r.bad = true
	}
}

// take passes n bytes, or none.
func (r *reader) take(n int) string {
	if len(r.s)-r.at < n {
		r.bad = true
		return ""
	}
	r.at += n
	return r.s[r.at-n : r.at]
}

// text reads a string of ASCII without escapes.
func (r *reader) text() string {
	r.want(`"`)
	for i := r.at; i < len(r.s) && !r.bad; i++ {
		switch c := r.s[i]; {
		case c == '"':
			s := r.s[r.at:i]
			r.at = i + 1
			return s
		case c < ' ' || c == '\\' || c >= utf8.RuneSelf:
			r.bad = true
		}
	}
	r.bad = true
	return ""
}

// whole reads a number without sign, fraction and exponent, below 2^bits.
func (r *reader) whole(bits int) (n uint64) {
	begin := r.at
	for ; r.at < len(r.s); r.at++ {
		c := uint64(r.s[r.at] - '0')
		if c > 9 {
			break
		}
		n = 10*n + c
	}
	// 19 digits fit in 64 bits; what has more is left to encoding/json.
	if size := r.at - begin; size == 0 || size > 19 || size > 1 && r.s[begin] == '0' || n>>(bits-1)>>1 != 0 {
		r.bad = true
	}
	return n
}

// powers of ten that a float64 holds exactly.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number reads a number of JSON (RFC 8259 §6). One of at most 15 digits and
// without exponent is a quotient of two numbers that a float64 holds exactly,
// and so rounded as strconv.ParseFloat does; others are left to that.
func (r *reader) number() float64 {
	begin := r.at
	negative := r.has("-")
	first := r.at
	var n uint64
	for ; r.at < len(r.s) && r.s[r.at]-'0' <= 9; r.at++ {
		n = 10*n + uint64(r.s[r.at]-'0')
	}
	all := r.at - first
	if all == 0 || all > 1 && r.s[first] == '0' {
		r.bad = true
		return 0
	}
	decimals := 0
	if r.has(".") {
		point := r.at
		for ; r.at < len(r.s) && r.s[r.at]-'0' <= 9; r.at++ {
			n = 10*n + uint64(r.s[r.at]-'0')
		}
		if decimals = r.at - point; decimals == 0 {
			r.bad = true
			return 0
		}
		all += decimals
	}
	if r.at < len(r.s) && r.s[r.at]|0x20 == 'e' || all > 15 {
		return r.long(begin)
	}
	f := float64(n) / powers[decimals]
	if negative {
		return -f
	}
	return f
}

// long reads the number that begins at begin, of whose digits before an
// exponent the last was read.
func (r *reader) long(begin int) float64 {
	if r.at < len(r.s) && r.s[r.at]|0x20 == 'e' {
		r.at++
		if r.at < len(r.s) && (r.s[r.at] == '+' || r.s[r.at] == '-') {
			r.at++
		}
		exponent := r.at
		for r.at < len(r.s) && r.s[r.at]-'0' <= 9 {
			r.at++
		}
		if r.at == exponent {
			r.bad = true
		}
	}
	f, err := strconv.ParseFloat(r.s[begin:r.at], 64)
	if err != nil {
		r.bad = true
	}
	return f
}

// eui reads sixteen lower-case hexadecimal digits.
func (r *reader) eui() (e EUI) {
	s := r.take(2 * len(e))
	for i := range e {
		if r.bad {
			return EUI{}
		}
		high, low := nibble(s[2*i]), nibble(s[2*i+1])
		if high|low > 15 {
			r.bad = true
		}
		e[i] = high<<4 | low
	}
	return e
}

// nibble returns what a digit stands for, or 255.
func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	default:
		return 255
	}
}
