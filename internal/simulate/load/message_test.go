package load

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"modellregion/uplink"
	"modellregion/uplink/chirpstack"
)

func testWriter(t testing.TB, cfg Config) *writer {
	t.Helper()
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	p := newPlan(&cfg)
	return newWriter(&p, 0, &cfg, "5c1f0a2b")
}

func stamps(first, n uint64) []stamp {
	var out []stamp
	for seq := first; seq < first+n; seq++ {
		out = append(out, stamp{seq, 1_764_000_000_000 + int64(seq)*60_000})
	}
	return out
}

func TestMessagesKeepTheContract(t *testing.T) {
	w := testWriter(t, Config{Devices: 10})
	m := w.message(stamps(1, 256))
	b, refused, err := uplink.DecodeBatch(m.Payload)
	if err != nil || len(refused) > 0 || len(b.Uplinks) != 256 || b.Epoch != "5c1f0a2b" || m.QoS != 1 || m.Retained {
		t.Fatalf("%+v, %v, %v", b, refused, err)
	}
	if topic, err := uplink.ParseTopic(m.Topic); err != nil || topic.Edge != "load-1" || topic.Domain != uplink.Environment || topic.Kind != uplink.KindUp {
		t.Errorf("%+v, %v", topic, err)
	}
	for i, u := range b.Uplinks {
		device, n := w.plan.of(0, u.Seq)
		said := w.plan.sample(device, n, u.Time.UnixMilli())
		if u.Seq != uint64(i)+1 || u.DevEUI != w.plan.eui(device) || u.FCnt != uint32(n) || len(u.RX) != 1 ||
			!reflect.DeepEqual(u.Readings, said.readings(nil)) || !reflect.DeepEqual(u.Payload, said.payload(nil)) {
			t.Fatalf("uplink %d of device %d: %+v", n, device, u)
		}
	}
	// What is sent again is the same, byte for byte.
	if again := w.message(stamps(1, 256)); string(again.Payload) != string(m.Payload) {
		t.Error("a resend differs")
	}
}

func TestSizeIsPadded(t *testing.T) {
	for _, format := range []Format{Modellregion, ChirpStack} {
		for _, size := range []int{0, 1300, 2000, 10_000} {
			t.Run(fmt.Sprint(format, size), func(t *testing.T) {
				w := testWriter(t, Config{Devices: 10, Size: size, Format: format})
				got := w.size(stamp{50, 1_764_000_000_000})
				if size > 0 && (got < size-32 || got > size+32) || size == 0 && (got < 350 || got > 1300) {
					t.Errorf("an uplink has %d bytes, want %d", got, size)
				}
				if n := w.perMessage(256); format == Modellregion {
					m := w.message(stamps(1<<30, uint64(n)))
					if b, refused, err := uplink.DecodeBatch(m.Payload); err != nil || len(refused) > 0 || len(b.Uplinks) != n || size == 10_000 && n < 10 {
						t.Errorf("%d uplinks in %d bytes: %v, %v", n, len(m.Payload), refused, err)
					}
				}
			})
		}
	}
}

func TestChirpStackEvent(t *testing.T) {
	w := testWriter(t, Config{Devices: 3, Format: ChirpStack, Seed: 1})
	m := w.message(stamps(5, 1))
	if len(m.Payload) < 1100 || len(m.Payload) > 1300 {
		t.Errorf("%d bytes, want about 1200", len(m.Payload))
	}
	device, n := w.plan.of(0, 5)
	eui := w.plan.eui(device).String()
	if parts := strings.Split(m.Topic, "/"); len(parts) != 6 || parts[0] != "application" || len(parts[1]) != 36 || parts[3] != eui || parts[4]+parts[5] != "eventup" {
		t.Errorf("topic %s", m.Topic)
	}
	var e struct {
		DeduplicationID string
		Time            time.Time
		DeviceInfo      struct{ ApplicationID, DevEUI, DeviceProfileName, DeviceName string }
		FCnt, FPort, DR int
		Data            []byte
		Object          map[string]float64
		RxInfo          []struct {
			GatewayID      string
			GwTime, NsTime time.Time
			GPS            string `json:"timeSinceGpsEpoch"`
			RSSI           int
			SNR            float64
			CRCStatus      string
		}
		TxInfo struct {
			Frequency  int
			Modulation struct {
				Lora struct{ Bandwidth, SpreadingFactor int }
			}
		}
	}
	if err := json.Unmarshal(m.Payload, &e); err != nil {
		t.Fatalf("%v\n%s", err, m.Payload)
	}
	at := stamps(5, 1)[0].at
	said := w.plan.sample(device, n, at)
	if e.Time.UnixMilli() != at || e.DeviceInfo.DevEUI != eui || e.FCnt != int(n) || e.FPort != port || string(e.Data) != string(said.payload(nil)) {
		t.Errorf("%+v", e)
	}
	if len(e.Object) != len(quantities) || len(e.RxInfo) != 1 || e.RxInfo[0].GatewayID != w.plan.gateway(0).String() || !e.RxInfo[0].GwTime.Equal(e.Time) ||
		e.RxInfo[0].CRCStatus != "CRC_OK" || e.RxInfo[0].RSSI >= 0 || e.TxInfo.Frequency < 868_000_000 || e.TxInfo.Modulation.Lora.SpreadingFactor != 7 {
		t.Errorf("%+v", e)
	}
	for _, r := range said.readings(nil) {
		if e.Object[r.Quantity] != r.Value {
			t.Errorf("object has %s %v, want %v", r.Quantity, e.Object[r.Quantity], r.Value)
		}
	}
	if since, err := time.ParseDuration(e.RxInfo[0].GPS); err != nil || time.Date(1980, 1, 6, 0, 0, 0, 0, time.UTC).Add(since-18*time.Second).UnixMilli() != at {
		t.Errorf("time since the GPS epoch %s, %v", e.RxInfo[0].GPS, err)
	}
	if len(e.DeduplicationID) != 36 || e.DeduplicationID[14] != '4' {
		t.Errorf("deduplication id %s", e.DeduplicationID)
	}
}

// What stands for ChirpStack is understood as what ChirpStack sends.
func TestChirpStackIsUnderstood(t *testing.T) {
	w := testWriter(t, Config{Devices: 50, Format: ChirpStack})
	var d chirpstack.Decoder
	for seq := uint64(1); seq < 500; seq++ {
		s := stamps(seq, 1)[0]
		m := w.message([]stamp{s})
		event, err := d.Decode(m.Topic, m.Payload)
		if err != nil {
			t.Fatalf("%v\n%s", err, m.Payload)
		}
		device, n := w.plan.of(0, seq)
		said := w.plan.sample(device, n, s.at)
		u := event.Uplink
		if event.Kind != uplink.ServerUp || u.DevEUI != w.plan.eui(device) || u.Time.UnixMilli() != s.at || u.TimeQuality != uplink.TimeGPS ||
			u.FCnt != uint32(n) || u.FPort != port || u.DR != 5 || len(u.RX) != 1 || string(u.Payload) != string(said.payload(nil)) {
			t.Fatalf("%+v\n%s", u, m.Payload)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	w := testWriter(b, Config{Devices: 1000})
	uplinks := stamps(1, 256)
	b.ReportAllocs()
	for b.Loop() {
		w.message(uplinks)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/uplink")
}

func BenchmarkChirpStackEvent(b *testing.B) {
	w := testWriter(b, Config{Devices: 1000, Format: ChirpStack})
	uplinks := stamps(1, 1)
	b.ReportAllocs()
	for b.Loop() {
		w.message(uplinks)
	}
}
