package edge

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/uplink"
)

// Verdict says what became of one frame, of one downlink, or of what a gateway
// protocol has dropped. It holds neither keys nor payloads.
type Verdict struct {
	Seq      uint64          `json:"seq"` // counts verdicts since the program's start
	Time     time.Time       `json:"time"`
	What     VerdictKind     `json:"what"`
	Reason   string          `json:"reason,omitempty"` // why it was dropped, in a word: as in the metrics
	Gateway  uplink.EUI      `json:"gateway,omitzero"` // that heard it best, or sends it
	Gateways int             `json:"gateways,omitempty"`
	DevEUI   uplink.EUI      `json:"dev_eui,omitzero"` // with a wrong MIC: of the device with that address
	DevAddr  string          `json:"dev_addr,omitempty"`
	FCnt     *uint32         `json:"f_cnt,omitempty"` // of a dropped frame the low 16 bits, which are all it has
	FPort    *uint8          `json:"f_port,omitempty"`
	DataRate uplink.DataRate `json:"data_rate,omitzero"`
	FreqHz   uint32          `json:"freq_hz,omitempty"`
	RSSIdBm  *int            `json:"rssi_dbm,omitempty"`
	SNRdB    *float64        `json:"snr_db,omitempty"`
	Text     string          `json:"text"` // for people
}

// VerdictKind is what a Verdict is about.
type VerdictKind string

// The kinds of verdicts.
const (
	VerdictUplink   VerdictKind = "uplink"      // an accepted data frame
	VerdictCodec    VerdictKind = "codec_error" // one whose payload the codec refused
	VerdictJoin     VerdictKind = "join"
	VerdictDropped  VerdictKind = "dropped"  // a frame
	VerdictRefused  VerdictKind = "refused"  // a datagram or message of a gateway
	VerdictDownlink VerdictKind = "downlink" // what came of one
	VerdictMissed   VerdictKind = "missed"   // lines that were not read in time
)

// sight is what a verdict is made of. Errors and what pointers lead to do not
// change any more.
type sight struct {
	frame    radio.Frame // the best reception; of anything else only the time
	gateways int
	remote   bool // heard by other edges alone
	device   lorawan.EUI64
	reason   string
	err      error
	join     *session.Join
	data     *session.Data
	events   []session.Event
	outcome  outcome
	down     *sent
	refused  int // so many since the last one of that reason
}

// outcome is what came of the payload of an accepted frame.
type outcome struct {
	readings int
	status   bool   // the device has told of its battery and signal
	codec    string // why the codec refused it
}

// sent is a downlink with what came of it.
type sent struct {
	about  session.InFlight
	result session.Result
}

// verdictsOf puts a batch that ends at a place into words.
func verdictsOf(batch []sight, end, missed uint64) []Verdict {
	out := make([]Verdict, 0, len(batch)+1)
	first := end - uint64(len(batch))
	if missed > 0 {
		out = append(out, Verdict{Seq: first - 1, Time: batch[0].frame.Heard.UTC(), What: VerdictMissed, Text: fmt.Sprintf("… %s missed", number(missed, "line"))})
	}
	for i := range batch {
		r := batch[i].verdict()
		r.Seq = first + uint64(i)
		out = append(out, r)
	}
	return out
}

func (s *sight) verdict() Verdict {
	v := Verdict{Time: s.frame.Heard.UTC().Truncate(time.Millisecond), DevEUI: uplink.EUI(s.device), Reason: s.reason}
	switch {
	case s.down != nil:
		v.What, v.Text = VerdictDownlink, s.down.text()
		s.down.fill(&v)
	case s.refused > 0:
		v.What, v.Text = VerdictRefused, "refused: "+s.err.Error()
		if s.refused > 1 {
			v.Text += fmt.Sprintf(" (and %d more)", s.refused-1)
		}
	default:
		s.fill(&v)
		v.What, v.Text = s.became()
	}
	v.Text = oneLine(v.Text)
	return v
}

// became says what became of a frame.
func (s *sight) became() (VerdictKind, string) {
	switch {
	case s.join != nil:
		return VerdictJoin, "join, DevAddr " + s.join.DevAddr.String()
	case s.data != nil && s.outcome.codec != "":
		return VerdictCodec, "codec: " + s.outcome.codec + s.besides()
	case s.data != nil:
		return VerdictUplink, "uplink, " + s.content() + s.besides()
	}
	text := "dropped: " + s.reason
	if s.err != nil {
		text = "dropped: " + s.err.Error()
	}
	if s.remote {
		text += " (heard by another edge)"
	}
	return VerdictDropped, text
}

func (s *sight) content() string {
	switch {
	case !s.data.HasPort:
		return "no payload"
	case s.data.FPort == 0:
		return "MAC commands"
	}
	return number(uint64(s.outcome.readings), "reading")
}

// besides says what else there is to tell of an accepted frame.
func (s *sight) besides() (text string) {
	if s.outcome.status {
		text += ", device status"
	}
	if s.data.Lost > 0 {
		text += fmt.Sprintf(", %d lost before it", s.data.Lost)
	}
	if s.data.Reset {
		text += ", its counter begins anew"
	}
	for _, event := range s.events {
		text += fmt.Sprintf(", command %s %s", event.Command, event.What)
	}
	if s.remote {
		text += ", heard by another edge"
	}
	if s.err != nil {
		text += ", no answer: " + s.err.Error()
	}
	return text
}

// fill tells what is known of a frame, and of one that was dropped what it says
// of itself.
func (s *sight) fill(v *Verdict) {
	f := &s.frame
	v.Gateway, v.Gateways = uplink.EUI(f.Gateway), s.gateways
	v.DataRate, v.FreqHz, v.RSSIdBm, v.SNRdB = uplink.DataRate(f.DataRate), f.FreqHz, &f.RSSIdBm, &f.SNRdB
	fields, ok := session.Peek(f.PHYPayload)
	if !ok {
		return
	}
	if fields.Join {
		v.DevEUI = uplink.EUI(fields.DevEUI)
		return
	}
	v.DevAddr, v.FCnt = fields.DevAddr.String(), &fields.FCnt
	if s.data != nil {
		v.FCnt = &s.data.FCnt
	}
	if fields.HasPort {
		v.FPort = &fields.FPort
	}
}

func (d *sent) text() string {
	var what []string
	a := &d.about
	if a.Join {
		what = append(what, "join accept")
	}
	if a.Ack {
		what = append(what, "ack")
	}
	if a.MAC {
		what = append(what, "MAC commands")
	}
	if a.Command != "" {
		what = append(what, "command "+a.Command)
	}
	if len(what) == 0 {
		what = append(what, "empty frame")
	}
	text := strings.Join(what, ", ")
	switch {
	case d.result.Err != nil && d.result.NotSent:
		return "not sent: " + text + ": " + d.result.Err.Error()
	case d.result.Err != nil:
		return "perhaps not sent: " + text + ": " + d.result.Err.Error()
	case a.Windows[0].Delay == 0:
		return "sent: " + text + ", at once"
	}
	return fmt.Sprintf("answered: %s, in window %d of %d", text, d.result.Used+1, len(a.Windows))
}

func (d *sent) fill(v *Verdict) {
	v.Gateway = uplink.EUI(d.about.Gateway)
	if !d.about.Join {
		v.FCnt = &d.about.FCnt
	}
	if d.result.Err == nil && d.result.Used < len(d.about.Windows) {
		w := &d.about.Windows[d.result.Used]
		v.DataRate, v.FreqHz = uplink.DataRate(w.DataRate), w.FreqHz
	}
}

func number(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

const maxVerdictText = 400 // bytes

// oneLine makes a text safe to be shown: what strangers send may be quoted in
// it.
func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ")
	if len(s) > maxVerdictText {
		s = s[:maxVerdictText] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
