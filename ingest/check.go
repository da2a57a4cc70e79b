package ingest

import (
	"fmt"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// The reasons of dead letters.
const (
	reasonTopic    = "topic"            // not a topic of the contract
	reasonFormat   = "malformed"        // message or uplink breaks the contract
	reasonCodec    = "codec"            // the edge could not decode the payload
	reasonDevice   = "unknown_device"   // not in the registry
	reasonEdge     = "wrong_edge"       // sent by an edge that does not serve the device
	reasonTime     = "time"             // older than the retention, or in the future
	reasonQuantity = "unknown_quantity" // not in the vocabulary
	reasonChannel  = "channel"          // not a short word
	reasonRange    = "range"            // physically impossible
	reasonRefused  = "refused"          // the database will not take it
)

const (
	maxChannel = 32      // bytes of a channel's name
	maxMessage = 4 << 10 // bytes of a message that a dead letter keeps
)

// check decodes a message and adds what is good of it to the batch, and the
// rest as dead letters, value by value.
func (i *Ingest) check(m message, b *batch) {
	now := time.Now()
	i.metrics.messages.Inc()
	topic, err := uplink.ParseTopic(m.topic)
	if err == nil && topic.Kind != uplink.KindUp {
		err = fmt.Errorf("topic %q carries no uplinks", m.topic)
	}
	if err != nil {
		i.bury(b, devices.DeadLetter{Time: now, Reason: reasonTopic, Message: string(m.payload)}, err)
		return
	}
	decoded, refused, err := uplink.DecodeBatch(m.payload)
	if err != nil {
		i.bury(b, devices.DeadLetter{Time: now, Edge: topic.Edge, Reason: reasonFormat, Message: string(m.payload)}, err)
		return
	}
	from := sender{topic.Edge, decoded.Epoch}
	for _, r := range refused {
		i.bury(b, devices.DeadLetter{Time: now, Edge: topic.Edge, Reason: reasonFormat, Message: string(r.Raw)}, r.Err)
		if r.Seq > 0 {
			b.seqs[from] = append(b.seqs[from], r.Seq)
		}
	}
	for n := range decoded.Uplinks {
		u := &decoded.Uplinks[n]
		b.seqs[from] = append(b.seqs[from], u.Seq)
		i.checkUplink(topic, u, b, now)
	}
}

// checkUplink adds an uplink as a report, without the readings that are wrong,
// or as a dead letter when all of it is.
func (i *Ingest) checkUplink(topic uplink.Topic, u *uplink.Uplink, b *batch, now time.Time) {
	i.metrics.uplinks.Inc()
	whole := func(reason string, err error) {
		letter := devices.DeadLetter{Time: u.Time, Edge: topic.Edge, Reason: reason, Message: string(u.AppendJSON(nil))}
		if !i.timely(u.Time, now) {
			letter.Time = now
		}
		i.bury(b, letter, err)
	}
	if !i.timely(u.Time, now) {
		whole(reasonTime, fmt.Errorf("time %s is not between %v ago and %v ahead", u.Time.Format(time.RFC3339), i.cfg.Retention, maxAhead))
		return
	}
	d, ok := i.cfg.Directory.Device(u.DevEUI)
	if !ok {
		whole(reasonDevice, fmt.Errorf("device %s is not in the registry", u.DevEUI))
		return
	}
	if d.Edge != topic.Edge {
		whole(reasonEdge, fmt.Errorf("device %s is served by edge %s, not by %s", u.DevEUI, d.Edge, topic.Edge))
		return
	}
	if u.Error != "" {
		whole(reasonCodec, fmt.Errorf("%s", u.Error))
	} else if len(u.Readings) == 0 {
		whole(reasonCodec, fmt.Errorf("uplink of device %s was not decoded", u.DevEUI))
	}
	report := devices.Report{
		Device: u.DevEUI, Station: d.Station, Municipality: d.Municipality, Domain: d.Domain,
		Time: u.Time.UTC(), FCnt: u.FCnt, Lost: u.Lost, DR: u.DR, RX: u.RX,
		Readings: make([]devices.Reading, 0, len(u.Readings)),
	}
	for _, r := range u.Readings {
		reading, reason, err := checkReading(r)
		if err != nil {
			part := *u
			part.Readings, part.RX, part.Payload = []uplink.Reading{r}, nil, nil
			i.bury(b, devices.DeadLetter{Time: u.Time, Edge: topic.Edge, Reason: reason, Message: string(part.AppendJSON(nil))}, err)
			continue
		}
		report.Readings = append(report.Readings, reading)
	}
	i.metrics.readings.Add(len(report.Readings))
	i.metrics.lag.Update(max(0, now.Sub(u.Time).Seconds())) // a clock may be ahead
	b.reports = append(b.reports, report)
	b.origins = append(b.origins, origin{topic.Edge, u})
	b.readings += len(report.Readings)
}

// checkReading returns the reading, or the reason of its dead letter.
func checkReading(r uplink.Reading) (devices.Reading, string, error) {
	q, ok := devices.Lookup(r.Quantity)
	switch {
	case !ok:
		return devices.Reading{}, reasonQuantity, fmt.Errorf("quantity %.64q is unknown", r.Quantity)
	case !validChannel(r.Channel):
		return devices.Reading{}, reasonChannel, fmt.Errorf("channel %.64q: want at most %d of a-z, 0-9, _ and -", r.Channel, maxChannel)
	case !q.Valid(r.Value):
		return devices.Reading{}, reasonRange, fmt.Errorf("%s of %v is outside %v to %v %s", q.Name, r.Value, q.Min, q.Max, q.Unit)
	}
	return devices.Reading{Quantity: q, Channel: r.Channel, Value: r.Value}, "", nil
}

// validChannel keeps what becomes a tag bounded: short words, no free text.
func validChannel(s string) bool {
	if len(s) > maxChannel {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func (i *Ingest) timely(t, now time.Time) bool {
	return t.After(now.Add(-i.cfg.Retention)) && t.Before(now.Add(maxAhead))
}

func (i *Ingest) bury(b *batch, letter devices.DeadLetter, err error) {
	i.metrics.deadLetters(letter.Reason).Inc()
	i.cfg.Log.Debug("dead letter", "reason", letter.Reason, "edge", letter.Edge, "err", err)
	if len(letter.Message) > maxMessage {
		letter.Message = strings.Clone(letter.Message[:maxMessage])
	}
	b.letters = append(b.letters, letter)
}
