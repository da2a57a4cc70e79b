package edge

import (
	"context"
	"time"

	"github.com/brocaar/lorawan"

	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// Edges tell each other the frames that none of their own devices has sent: the
// gateway that hears a device is not always that of its edge. Strangers' frames
// are many, and a link by radio is paid by the byte, so there is a limit.

// sharing bounds how many frames an edge tells the others.
type sharing struct {
	perSecond float64 // 0: none
	tokens    float64
	filled    time.Time
}

// sharedAtOnce is how many frames may be told in a burst. The upper half of it
// is kept for frames that are likely to be of devices of this network.
const sharedAtOnce = 60

// allow reports whether one more frame may be told at the instant now.
func (s *sharing) allow(ours bool, now time.Time) bool {
	if s.filled.IsZero() {
		s.tokens = sharedAtOnce
	} else {
		s.tokens = min(s.tokens+now.Sub(s.filled).Seconds()*s.perSecond, sharedAtOnce)
	}
	s.filled = now
	need := 1.0
	if !ours {
		need += sharedAtOnce / 2
	}
	if s.perSecond <= 0 || s.tokens < need {
		return false
	}
	s.tokens--
	return true
}

// share tells the other edges of a frame that was dropped as none of this
// one's. A wrong MIC may be a device of another edge with the same address.
func (e *Edge) share(rx []radio.Frame, dec *session.Decision, g *group) {
	kind := lorawan.MType(rx[0].PHYPayload[0] >> 5)
	if dec.Dropped != session.UnknownDevice && (dec.Dropped != session.WrongMIC || kind == lorawan.JoinRequest) {
		return
	}
	at, quality, _, known := e.clock.frameTime(rx[0].Time, rx[0].Heard)
	if !known || !e.mqtt.Connected() || !e.sharing.allow(session.Ours(rx[0].PHYPayload), time.Now()) {
		e.metrics.shared.with("not_sent").Inc()
		return
	}
	f := uplink.Frame{
		V: uplink.Version, Time: at, TimeQuality: quality, FreqHz: rx[0].FreqHz,
		DataRate: uplink.DataRate(rx[0].DataRate), RX: receptions(rx), PHYPayload: rx[0].PHYPayload,
	}
	if err := f.Check(); err != nil {
		e.metrics.shared.with("not_sent").Inc()
		return
	}
	e.metrics.shared.with("sent").Inc()
	g.notes = append(g.notes, note{topic: e.topic(uplink.KindFrame), qos: 1, message: &f})
}

// onFrame takes a frame that another edge has heard. When too many wait, it is
// dropped: it is one more reception, seldom the only one.
func (e *Edge) onFrame(_ context.Context, m mqtt.Message) {
	topic, err := uplink.ParseTopic(m.Topic)
	if err == nil && topic.Edge == e.cfg.Name {
		return
	}
	var f uplink.Frame
	if err == nil {
		f, err = uplink.DecodeFrame(m.Payload)
	}
	if err != nil {
		e.metrics.badMessages.with(string(uplink.KindFrame)).Inc()
		e.cfg.Log.Debug("frame of another edge cannot be read", "err", err, "topic", m.Topic)
		return
	}
	select {
	case e.remote <- f:
	default:
		e.metrics.shared.with("overflow").Inc()
	}
}

// hearRemote adds the receptions of another edge, if the frame may be of one of
// this edge's devices.
func (e *Edge) hearRemote(f *uplink.Frame, seen *dedup) {
	if !e.network.Knows(f.PHYPayload) {
		e.metrics.shared.with("of_others").Inc()
		return
	}
	e.metrics.shared.with("heard").Inc()
	now := time.Now()
	for _, rx := range f.RX {
		r := radio.Frame{
			PHYPayload: f.PHYPayload, Gateway: lorawan.EUI64(rx.Gateway), Heard: now, FreqHz: f.FreqHz,
			DataRate: radio.DataRate(f.DataRate), RSSIdBm: rx.RSSIdBm, SNRdB: rx.SNRdB, Remote: true,
		}
		if f.TimeQuality == uplink.TimeGPS {
			r.Time = f.Time
		}
		seen.add(r, now)
	}
}

// isRemote reports whether no gateway of this edge has heard the frame.
func isRemote(rx []radio.Frame) bool {
	for i := range rx {
		if !rx[i].Remote {
			return false
		}
	}
	return true
}

func receptions(rx []radio.Frame) []uplink.Reception {
	out := make([]uplink.Reception, len(rx))
	for i, f := range rx {
		out[i] = uplink.Reception{Gateway: uplink.EUI(f.Gateway), RSSIdBm: f.RSSIdBm, SNRdB: f.SNRdB}
	}
	return out
}
