package load

import (
	"time"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// stamp is an uplink: its sequence number and its time in Unix milliseconds.
// The rest follows from the plan.
type stamp struct {
	seq uint64
	at  int64
}

// writer makes the messages of one edge. It is used by one goroutine at a time.
type writer struct {
	plan    *plan
	edge    int
	topic   string
	epoch   string
	format  Format
	padding int // bytes added to each payload
	server  server

	uplink  uplink.Uplink // its slices are used again
	texts   []byte        // the uplinks of a message, one behind the other
	parts   [][]byte
	bounds  []int
	payload []byte
}

func newWriter(p *plan, edge int, cfg *Config, epoch string) *writer {
	w := &writer{
		plan: p, edge: edge, epoch: epoch, format: cfg.Format,
		topic: uplink.Topic{Edge: cfg.Names[edge], Kind: uplink.KindUp, Domain: uplink.Environment}.String(),
	}
	if w.format == ChirpStack {
		w.server = newServer(p)
	}
	// The size of one uplink in the middle of a run stands for all.
	typical := w.size(stamp{100_000, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixMilli()})
	if more := cfg.Size - typical; more > 0 {
		w.padding = more / 4 * 3 // as base64 makes it longer
	}
	return w
}

// size is how many bytes of JSON an uplink has.
func (w *writer) size(s stamp) int {
	if w.format == ChirpStack {
		return len(w.appendEvent(nil, s))
	}
	return len(w.appendUplink(nil, s))
}

// perMessage is how many uplinks of this edge fit a message, at most n.
func (w *writer) perMessage(n int) int {
	const slack = 64 // numbers grow
	most := w.size(stamp{1 << 40, 0}) + slack
	return max(1, min(n, (uplink.MaxBytes-uplink.BatchOverhead(w.epoch, n))/most))
}

// message is the message with these uplinks, of which ChirpStack has one.
func (w *writer) message(uplinks []stamp) mqtt.Message {
	if w.format == ChirpStack {
		device, _ := w.plan.of(w.edge, uplinks[0].seq)
		return mqtt.Message{Topic: w.server.topic(w.plan.eui(device)), QoS: 1, Payload: w.appendEvent(make([]byte, 0, 1536), uplinks[0])}
	}
	w.texts, w.parts, w.bounds = w.texts[:0], w.parts[:0], append(w.bounds[:0], 0)
	for _, s := range uplinks {
		w.texts = w.appendUplink(w.texts, s)
		w.bounds = append(w.bounds, len(w.texts))
	}
	for i := range uplinks {
		w.parts = append(w.parts, w.texts[w.bounds[i]:w.bounds[i+1]])
	}
	size := uplink.BatchOverhead(w.epoch, len(uplinks)) + len(w.texts)
	return mqtt.Message{Topic: w.topic, QoS: 1, Payload: uplink.JoinBatch(make([]byte, 0, size), w.epoch, w.parts)}
}

// appendUplink appends an uplink as an edge writes it.
func (w *writer) appendUplink(dst []byte, s stamp) []byte {
	device, n := w.plan.of(w.edge, s.seq)
	said := w.plan.sample(device, n, s.at)
	rssi, snr, freq := w.plan.radio(device, n)
	u := &w.uplink
	*u = uplink.Uplink{
		Seq: s.seq, DevEUI: w.plan.eui(device), Time: time.UnixMilli(s.at), TimeQuality: uplink.TimeGPS,
		FCnt: uint32(n), FPort: port, DR: 5, FreqHz: freq,
		RX:       append(u.RX[:0], uplink.Reception{Gateway: w.plan.gateway(w.edge), RSSIdBm: rssi, SNRdB: snr}),
		Readings: said.readings(u.Readings[:0]),
		Payload:  w.pad(said.payload(w.payload[:0])),
	}
	return u.AppendJSON(dst)
}

// pad adds the padding to a payload and keeps its memory for the next.
func (w *writer) pad(payload []byte) []byte {
	for range w.padding {
		payload = append(payload, 0)
	}
	w.payload = payload
	return payload
}

// radio is how an uplink was heard.
func (p *plan) radio(device int, n uint64) (rssi int, snr float64, freqHz uint32) {
	c := p.chance(forRadio, uint64(device)<<32^n)
	return -80 - int(c%30), float64(c>>8%41) / 4, 868_100_000 + 200_000*uint32(c>>16%3)
}
