package chirpstack

import (
	"fmt"
	"math"
	"strings"

	"modellregion/uplink"
	"modellregion/uplink/internal/foreign"
)

// Filters returns the MQTT filters of all that Decode reads of an application,
// or of every application when it is "+". An application is a UUID.
func Filters(application string) []string {
	prefix := "application/" + application + "/device/+/event/"
	return []string{prefix + "up", prefix + "join", prefix + "status"}
}

// Decoder decodes one message after the other and reuses its memory. It must
// not be used by two goroutines at once. The zero value is ready.
type Decoder struct{ reader foreign.Reader }

// Decode reads a message of at most 256 KiB from a topic of Filters. The event's
// Object, Uplink.RX and Uplink.Payload are valid until the next call.
//
// The uplink's time is the server's, which takes it from a gateway that knows
// it. Its quality is TimeGPS when the gateway that heard the frame best knows
// the time since the GPS epoch, as only a GPS tells it, and else TimeHost.
// Gateways whose id is no EUI are left out, and of a gateway's antennas all but
// the best. A frame without a payload has none in the event either.
//
// The error names the field that is wrong or missing. A number that is missing
// is zero, as ChirpStack leaves zeroes out. A payload that ChirpStack could not
// decrypt, for a join server keeps the AppSKey, is an error.
func (d *Decoder) Decode(topic string, payload []byte) (uplink.ServerEvent, error) {
	device, kind, err := parseTopic(topic)
	if err != nil {
		return uplink.ServerEvent{}, err
	}
	event := d.decode(device, kind, payload)
	if err := d.reader.Err(); err != nil {
		return uplink.ServerEvent{}, fmt.Errorf("chirpstack: %s of %s: %w", kind, device, err)
	}
	return event, nil
}

// parseTopic returns the device and the kind of event of a topic.
func parseTopic(topic string) (uplink.EUI, uplink.ServerEventKind, error) {
	rest, ok := strings.CutPrefix(topic, "application/")
	application, rest, _ := strings.Cut(rest, "/")
	rest, ok2 := strings.CutPrefix(rest, "device/")
	device, rest, _ := strings.Cut(rest, "/")
	kind, ok3 := strings.CutPrefix(rest, "event/")
	if !ok || !ok2 || !ok3 || application == "" {
		return uplink.EUI{}, "", fmt.Errorf("chirpstack: topic %.128q, want application/{id}/device/{dev_eui}/event/{kind}", topic)
	}
	eui, err := uplink.ParseEUI(device)
	if err != nil {
		return uplink.EUI{}, "", fmt.Errorf("chirpstack: topic %.128q: %w", topic, err)
	}
	switch k := uplink.ServerEventKind(kind); k {
	case uplink.ServerUp, uplink.ServerJoin, uplink.ServerStatus:
		return eui, k, nil
	}
	return uplink.EUI{}, "", fmt.Errorf("chirpstack: topic %.128q: event %.32q, want up, join or status", topic, kind)
}

func (d *Decoder) decode(device uplink.EUI, kind uplink.ServerEventKind, payload []byte) uplink.ServerEvent {
	o := d.reader.Parse(payload)
	event := uplink.ServerEvent{Kind: kind}
	u := &event.Uplink
	u.DevEUI = o.DevEUI("deviceInfo", "devEui")
	if u.DevEUI != device {
		d.reader.Fail("deviceInfo.devEui is %s, want %s as in the topic", u.DevEUI, device)
	}
	u.Time = d.reader.Moment(o.Time("time"), "time")
	u.TimeQuality = uplink.TimeHost
	switch kind {
	case uplink.ServerUp:
		d.decodeUp(o, &event)
	case uplink.ServerStatus:
		decodeStatus(o, &event)
	}
	return event
}

func (d *Decoder) decodeUp(o foreign.Object, event *uplink.ServerEvent) {
	u := &event.Uplink
	if o.Has("joinServerContext") {
		d.reader.Fail("joinServerContext is set: data is encrypted, and ChirpStack has no AppSKey; want it to have one")
	}
	u.FCnt = uint32(o.Int(0, math.MaxUint32, "fCnt"))
	u.FPort = uint8(o.Int(0, 255, "fPort"))
	u.DR = uint8(o.Int(0, 15, "dr"))
	u.FreqHz = uint32(o.Int(0, math.MaxUint32, "txInfo", "frequency"))
	o.Each("rxInfo", func(rx foreign.Object) {
		if !rx.Hear(rx.Text("gatewayId")) {
			return
		}
		u.TimeQuality = uplink.TimeHost
		if rx.Has("gwTime") && rx.Has("timeSinceGpsEpoch") {
			u.TimeQuality = uplink.TimeGPS
		}
	})
	u.RX = d.reader.Receptions()
	u.Payload = o.Payload("data")
	event.Object = o.JSON("object")
}

// decodeStatus reads a DevStatusAns (LoRaWAN 1.0.4, 5.5). A battery of 0 %
// does not answer: there, 0 stands for external power and 1 for the lowest
// level, so that one without a level is one of which nothing is known.
func decodeStatus(o foreign.Object, event *uplink.ServerEvent) {
	margin := float64(o.Int(-32, 31, "margin"))
	event.Margin = new(margin)
	level := o.Float(0, 100, "batteryLevel")
	external, unavailable := o.True("externalPowerSource"), o.True("batteryLevelUnavailable")
	if level > 0 && !external && !unavailable {
		event.Battery = new(level)
	}
}
