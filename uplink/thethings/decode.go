package thethings

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"modellregion/uplink"
	"modellregion/uplink/internal/foreign"
)

// Filters returns the MQTT filters of all that Decode reads of an application,
// or of every application when it is "+". An application is "name@tenant", as
// "bridges@ttn" on The Things Network, and without tenant on an open source
// deployment.
func Filters(application string) []string {
	prefix := "v3/" + application + "/devices/+/"
	return []string{prefix + "up", prefix + "join"}
}

// Decoder decodes one message after the other and reuses its memory. It must
// not be used by two goroutines at once. The zero value is ready.
type Decoder struct{ reader foreign.Reader }

// Decode reads a message of at most 256 KiB from a topic of Filters. The event's
// Object, Uplink.RX and Uplink.Payload are valid until the next call.
//
// The uplink's time is one of a gateway, if it lies in the ten minutes before
// the network server received the frame: that of the GPS of the gateway that
// heard the frame best, which makes it TimeGPS; or that of the settings; or that
// of the same gateway's clock. Otherwise it is when the network server received
// the frame. Gateways without an EUI are left out, but those of other networks
// have theirs from Packet Broker; of a gateway's antennas only the best counts.
//
// Battery is set when the device reported it in this very frame; The Things
// Stack repeats it with all that follow. Object is decoded_payload. A message
// that was simulated is of kind ServerOther and has no data, whatever it says:
// it must not become a measurement.
//
// The error names the field that is wrong or missing. A number that is missing
// is zero, as The Things Stack leaves zeroes out. A payload that is still
// encrypted, for the device has skip_payload_crypto, is an error, and so is a
// data rate that EU868 does not have.
func (d *Decoder) Decode(topic string, payload []byte) (uplink.ServerEvent, error) {
	device, kind, err := parseTopic(topic)
	if err != nil {
		return uplink.ServerEvent{}, err
	}
	event := d.decode(device, kind, payload)
	if err := d.reader.Err(); err != nil {
		return uplink.ServerEvent{}, fmt.Errorf("thethings: %s of %.64s: %w", kind, device, err)
	}
	return event, nil
}

// parseTopic returns the id of the device and the kind of event of a topic.
func parseTopic(topic string) (device string, kind uplink.ServerEventKind, err error) {
	rest, ok := strings.CutPrefix(topic, "v3/")
	application, rest, _ := strings.Cut(rest, "/")
	rest, ok2 := strings.CutPrefix(rest, "devices/")
	device, last, _ := strings.Cut(rest, "/")
	kind = uplink.ServerEventKind(last)
	if !ok || !ok2 || application == "" || device == "" || kind != uplink.ServerUp && kind != uplink.ServerJoin {
		return "", "", fmt.Errorf("thethings: topic %.128q, want v3/{application}/devices/{device_id}/up or /join", topic)
	}
	return device, kind, nil
}

func (d *Decoder) decode(device string, kind uplink.ServerEventKind, payload []byte) uplink.ServerEvent {
	o := d.reader.Parse(payload)
	event := uplink.ServerEvent{Kind: kind}
	u := &event.Uplink
	u.DevEUI = o.DevEUI("end_device_ids", "dev_eui")
	if id := o.Text("end_device_ids", "device_id"); string(id) != device {
		d.reader.Fail("end_device_ids.device_id is %.64q, want %.64q as in the topic", id, device)
	}
	field := "uplink_message"
	if kind == uplink.ServerJoin {
		field = "join_accept"
	}
	if !o.Has(field) {
		d.reader.Fail("%s is missing", field)
	}
	message := o.Object(field)
	received := message.Time("received_at") // by the network server
	if received.IsZero() {
		received = o.Time("received_at") // by the application server, a little later
	}
	u.Time, u.TimeQuality = received, uplink.TimeHost
	switch {
	case o.True("simulated"):
		event.Kind = uplink.ServerOther
	case kind == uplink.ServerUp:
		d.decodeUp(message, &event)
	}
	u.Time = d.reader.Moment(u.Time, "received_at")
	return event
}

// decodeUp reads an ApplicationUplink. The event's time is when it was
// received by the network server.
func (d *Decoder) decodeUp(m foreign.Object, event *uplink.ServerEvent) {
	u := &event.Uplink
	if m.Has("app_s_key") {
		d.reader.Fail("uplink_message.app_s_key is set: frm_payload is encrypted; want a device without skip_payload_crypto")
	}
	u.FCnt = uint32(m.Int(0, math.MaxUint32, "f_cnt"))
	u.FPort = uint8(m.Int(0, 255, "f_port"))

	received := u.Time
	var gps, clock time.Time // of the best gateway
	m.Each("rx_metadata", func(rx foreign.Object) {
		gateway := rx.Text("gateway_ids", "eui")
		if gateway == nil {
			gateway = rx.Text("packet_broker", "forwarder_gateway_eui")
		}
		if rx.Hear(gateway) {
			gps, clock = rx.Time("gps_time"), rx.Time("time")
		}
	})
	u.RX = d.reader.Receptions()

	if at := m.Time("settings", "time"); plausible(at, received) {
		clock = at
	}
	switch {
	case plausible(gps, received):
		u.Time, u.TimeQuality = gps, uplink.TimeGPS
	case plausible(clock, received):
		u.Time = clock
	}
	u.FreqHz = d.frequency(m.Text("settings", "frequency"))
	u.DR = d.dataRate(m)
	u.Payload = m.Payload("frm_payload")
	event.Object = m.JSON("decoded_payload")

	level, of := m.Float(0, 100, lastBattery, "value"), m.Int(0, math.MaxUint32, lastBattery, "f_cnt")
	if m.Has(lastBattery, "value") && uint32(of) == u.FCnt {
		event.Battery = new(level)
	}
}

// plausible reports whether a gateway's time can be that of a frame which the
// network server received at that time.
func plausible(at, received time.Time) bool {
	return !at.After(received) && received.Sub(at) <= 10*time.Minute
}

// frequency reads a number of Hz, which is a text as all numbers of 64 bits
// are in JSON of Protocol Buffers. It is 0 when it is missing.
func (d *Decoder) frequency(text []byte) uint32 {
	if text == nil {
		return 0
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil {
		d.reader.Fail("uplink_message.settings.frequency is %.32q, want Hz like \"868100000\"", text)
	}
	return uint32(n)
}

const lastBattery = "last_battery_percentage"

// dataRate returns the number of a data rate of EU868 (LoRaWAN Regional
// Parameters RP002-1.0.4, 2.4.3).
func (d *Decoder) dataRate(m foreign.Object) uint8 {
	number := func(modulation, key string) int64 {
		return m.Int(0, math.MaxUint32, "settings", "data_rate", modulation, key)
	}
	switch {
	case m.Has("settings", "data_rate", "lora"):
		sf, hz := number("lora", "spreading_factor"), number("lora", "bandwidth")
		switch {
		case hz == 125_000 && sf >= 7 && sf <= 12:
			return uint8(12 - sf)
		case hz == 250_000 && sf == 7:
			return 6
		}
		d.reader.Fail("uplink_message.settings.data_rate.lora is SF%d with %d Hz, want one of EU868: SF7 to SF12 with 125000 Hz, or SF7 with 250000 Hz", sf, hz)
	case m.Has("settings", "data_rate", "fsk"):
		bits := number("fsk", "bit_rate")
		if bits == 50_000 {
			return 7
		}
		d.reader.Fail("uplink_message.settings.data_rate.fsk has %d bit/s, want 50000", bits)
	case m.Has("settings", "data_rate", "lrfhss"):
		hz, coding := number("lrfhss", "operating_channel_width"), m.Text("settings", "data_rate", "lrfhss", "coding_rate")
		for i, r := range lrFHSS {
			if hz == r.hz && string(coding) == r.coding {
				return uint8(8 + i)
			}
		}
		d.reader.Fail("uplink_message.settings.data_rate.lrfhss is %d Hz with %.16q, want 137000 or 336000 Hz with 1/3 or 2/3", hz, coding)
	default:
		d.reader.Fail("uplink_message.settings.data_rate is missing, want one with lora, fsk or lrfhss")
	}
	return 0
}

// lrFHSS are the data rates 8 to 11 of EU868.
var lrFHSS = [...]struct {
	hz     int64 // operating channel width
	coding string
}{{137_000, "1/3"}, {137_000, "2/3"}, {336_000, "1/3"}, {336_000, "2/3"}}
