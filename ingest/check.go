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
	reasonCodec    = "codec"            // the payload could not be decoded
	reasonDevice   = "unknown_device"   // not in the registry
	reasonDisabled = "disabled"         // in the registry, and not to be served
	reasonEdge     = "wrong_edge"       // sent by an edge that does not serve the device
	reasonTime     = "time"             // older than the retention, or in the future
	reasonQuantity = "unknown_quantity" // not in the vocabulary
	reasonChannel  = "channel"          // not a short word
	reasonRange    = "range"            // physically impossible
	reasonRefused  = "refused"          // the database will not take it
)

var reasons = []string{
	reasonTopic, reasonFormat, reasonCodec, reasonDevice, reasonDisabled, reasonEdge, reasonTime, reasonQuantity, reasonChannel, reasonRange, reasonRefused,
}

const (
	maxChannel = 32       // bytes of a channel's name
	maxMessage = 60 << 10 // bytes of a message that a dead letter keeps
)

// checker checks messages one after the other.
type checker struct {
	*Ingest
	decoder  uplink.Decoder
	doubts   *doubts
	channels map[string]string
}

func (i *Ingest) newChecker(series int) *checker {
	return &checker{Ingest: i, doubts: newDoubts(series), channels: map[string]string{}}
}

// message adds what is good of an edge's message to the batch, and the rest as
// dead letters, value by value. topicErr says that the topic is none of ours.
func (c *checker) message(it item, topic uplink.Topic, topicErr error, b *batch, now time.Time) {
	if topicErr == nil && topic.Kind != uplink.KindUp {
		topicErr = fmt.Errorf("topic %q carries no uplinks", it.topic)
	}
	if topicErr != nil {
		c.bury(b, devices.DeadLetter{Time: dayOf(now), Reason: reasonTopic, Topic: it.topic, Message: string(it.payload)}, topicErr)
		return
	}
	decoded, refused, err := c.decoder.Decode(it.payload)
	if err != nil {
		c.bury(b, devices.DeadLetter{Time: dayOf(now), Edge: topic.Edge, Reason: reasonFormat, Topic: it.topic, Message: string(it.payload)}, err)
		return
	}
	for _, r := range refused {
		c.bury(b, devices.DeadLetter{Time: dayOf(now), Edge: topic.Edge, Reason: reasonFormat, Topic: it.topic, Message: string(r.Raw)}, r.Err)
		if r.Seq > 0 {
			b.stored(topic.Edge, decoded.Epoch, r.Seq)
		}
	}
	c.silence.heardEdge(topic.Edge, now)
	for n := range decoded.Uplinks {
		u := &decoded.Uplinks[n]
		b.stored(topic.Edge, decoded.Epoch, u.Seq)
		c.uplink(origin{topic.Edge, it.topic}, u, b, now)
	}
}

// uplink adds an uplink as a report, without the readings that are wrong, or as
// a dead letter when all of it is. It reports whether there is a report.
func (c *checker) uplink(from origin, u *uplink.Uplink, b *batch, now time.Time) bool {
	c.metrics.uplinks.Inc()
	whole := func(reason string, err error) bool {
		letter := devices.DeadLetter{Time: u.Time, Edge: from.edge, Reason: reason, Topic: from.topic, Device: u.DevEUI.String(), Message: string(u.AppendJSON(nil))}
		if !c.timely(u.Time, now) {
			letter.Time = dayOf(now)
		}
		c.bury(b, letter, err)
		return false
	}
	if !c.timely(u.Time, now) {
		return whole(reasonTime, fmt.Errorf("time %s is not between %v ago and %v ahead", u.Time.Format(time.RFC3339), c.cfg.Retention, maxAhead))
	}
	d, ok := c.cfg.Directory.Find(u.DevEUI)
	switch {
	case !ok:
		return whole(reasonDevice, fmt.Errorf("device %s is not in the registry", u.DevEUI))
	case d.Disabled:
		return whole(reasonDisabled, fmt.Errorf("device %s is disabled", u.DevEUI))
	case d.Edge != from.edge:
		return whole(reasonEdge, fmt.Errorf("device %s is served by %s, not by %s", u.DevEUI, d.Edge, from.edge))
	}
	c.silence.heardDevice(d.Number, u.DevEUI, u.Time, u.Lost)
	if u.Error != "" {
		whole(reasonCodec, fmt.Errorf("%s", u.Error))
	} else if len(u.Readings) == 0 {
		whole(reasonCodec, fmt.Errorf("uplink of device %s was not decoded", u.DevEUI))
	}
	first := len(b.readings)
	for n := range u.Readings {
		reading, reason, err := checkReading(&u.Readings[n])
		if err != nil {
			part := *u
			part.Readings, part.RX, part.Payload = u.Readings[n:n+1:n+1], nil, nil
			c.bury(b, devices.DeadLetter{
				Time: u.Time, Edge: from.edge, Reason: reason, Topic: from.topic, Device: u.DevEUI.String(), Message: string(part.AppendJSON(nil)),
			}, err)
			continue
		}
		reading.Channel = c.channel(reading.Channel)
		b.readings = append(b.readings, reading)
	}
	readings := b.readings[first:len(b.readings):len(b.readings)]
	firstRX := len(b.rx)
	b.rx = append(b.rx, u.RX...)
	firstDoubt := len(b.doubts)
	b.doubts = c.doubts.check(b.doubts, u, readings)
	c.metrics.readings.Add(len(readings))
	b.reports = append(b.reports, devices.Report{
		Device: u.DevEUI, Station: d.Station, Municipality: d.Municipality, Domain: d.Domain,
		Time: u.Time.UTC(), FCnt: u.FCnt, Lost: u.Lost, DR: u.DR, RX: b.rx[firstRX:len(b.rx):len(b.rx)],
		Readings: readings, Doubts: b.doubts[firstDoubt:len(b.doubts):len(b.doubts)],
	})
	for _, d := range b.doubts[firstDoubt:] {
		c.metrics.doubts(d.Mark).Inc()
	}
	b.origins = append(b.origins, from)
	b.lines += len(u.RX) + len(b.doubts) - firstDoubt
	for n := range readings { // those of one channel mostly stand together
		if n == 0 || readings[n].Channel != readings[n-1].Channel {
			b.lines++
		}
	}
	return true
}

// checkReading returns the reading, or the reason of its dead letter.
func checkReading(r *uplink.Reading) (devices.Reading, string, error) {
	q, ok := devices.Lookup(r.Quantity)
	switch {
	case !ok:
		return devices.Reading{}, reasonQuantity, fmt.Errorf("quantity %.64q is unknown", r.Quantity)
	case q.Derived:
		return devices.Reading{}, reasonQuantity, fmt.Errorf("quantity %s is computed by the platform, no device reports it", q.Name)
	case !validChannel(r.Channel):
		return devices.Reading{}, reasonChannel, fmt.Errorf("channel %.64q: want at most %d of a-z, 0-9, _ and -", r.Channel, maxChannel)
	case !q.Valid(r.Value):
		return devices.Reading{}, reasonRange, fmt.Errorf("%s of %v is outside %v to %v %s", q.Name, r.Value, q.Min, q.Max, q.Unit)
	}
	return devices.Reading{Quantity: q, Channel: r.Channel, Value: r.Value}, "", nil
}

const maxChannels = 4096 // that are remembered

// channel returns a channel's name that is no part of a message, which need not
// stay in memory for it.
func (c *checker) channel(name string) string {
	if name == "" {
		return ""
	}
	own, ok := c.channels[name]
	if !ok {
		if len(c.channels) == maxChannels {
			clear(c.channels)
		}
		own = strings.Clone(name)
		c.channels[own] = own
	}
	return own
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

// dayOf is the time of a dead letter that has none of its own. It is the same
// when the edge sends again, because its confirmation was lost, and so is the
// letter.
func dayOf(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }

func (i *Ingest) timely(t, now time.Time) bool {
	return t.After(now.Add(-i.cfg.Retention)) && t.Before(now.Add(maxAhead))
}

// bury adds a dead letter to the batch.
func (i *Ingest) bury(b *batch, letter devices.DeadLetter, err error) {
	i.metrics.deadLetters(letter.Reason).Inc()
	letter.Why = err.Error()
	if len(letter.Message) > maxMessage {
		letter.Message, letter.Cut = strings.Clone(letter.Message[:maxMessage]), true
	}
	b.letters = append(b.letters, letter)
	b.bytes += len(letter.Message)
	b.lines++
}
