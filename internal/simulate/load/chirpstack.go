package load

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"modellregion/uplink"
)

// server is the ChirpStack that all edges of a load stand for.
type server struct{ tenant, application, profile string }

func newServer(p *plan) server {
	return server{tenant: p.uuid(forServer, 0), application: p.uuid(forServer, 2), profile: p.uuid(forServer, 4)}
}

// uuid returns a UUID that looks drawn (RFC 9562 §5.4).
func (p *plan) uuid(use, x uint64) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.chance(use, x))
	binary.BigEndian.PutUint64(b[8:], p.chance(use, x+1))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (s *server) topic(device uplink.EUI) string {
	return "application/" + s.application + "/device/" + device.String() + "/event/up"
}

// chirpstackTime is a time as ChirpStack writes it.
const chirpstackTime = "2006-01-02T15:04:05.000-07:00"

// gpsEpoch is when GPS began to count, in Unix milliseconds, and earlier by the
// 18 leap seconds that it has not counted since.
const gpsEpoch = (315_964_800 - 18) * 1000

// appendEvent appends an uplink as an integration event of ChirpStack v4, with
// the fields and in the order in which it writes them (chirpstack-api,
// integration/integration.proto, UplinkEvent).
func (w *writer) appendEvent(dst []byte, s stamp) []byte {
	device, n := w.plan.of(w.edge, s.seq)
	said := w.plan.sample(device, n, s.at)
	rssi, snr, freq := w.plan.radio(device, n)
	id := uint64(device)<<32 ^ n
	eui, gateway := w.plan.eui(device), w.plan.gateway(w.edge)
	at := time.UnixMilli(s.at).UTC()
	text := func(key, value string) { dst = append(append(append(dst, key...), value...), '"') }
	number := func(key string, value int64) { dst = strconv.AppendInt(append(dst, key...), value, 10) }
	stamped := func(key string, t time.Time) {
		dst = append(t.AppendFormat(append(dst, key...), chirpstackTime), '"')
	}

	text(`{"deduplicationId":"`, w.plan.uuid(forServer, mix(id)))
	stamped(`,"time":"`, at)
	text(`,"deviceInfo":{"tenantId":"`, w.server.tenant)
	text(`,"tenantName":"Modellregion","applicationId":"`, w.server.application)
	text(`,"applicationName":"Umwelt","deviceProfileId":"`, w.server.profile)
	text(`,"deviceProfileName":"`, ProfileID)
	number(`,"deviceName":"Lastgerät `, int64(device+1))
	text(`","devEui":"`, eui.String())
	text(`,"deviceClassEnabled":"CLASS_A","tags":{"profile":"`, ProfileID)
	dst = fmt.Appendf(dst, `}},"devAddr":"%08x","adr":true,"dr":5`, 0x26000000|uint32(device)&0x1ffffff)
	number(`,"fCnt":`, int64(uint32(n)))
	number(`,"fPort":`, port)
	dst = append(dst, `,"confirmed":false,"data":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, w.pad(said.payload(w.payload[:0])))
	for i, q := range quantities {
		dst = append(dst, [...]string{`","object":{"`, `,"`}[min(i, 1)]...)
		dst = append(append(dst, q.name...), `":`...)
		dst = strconv.AppendFloat(dst, said.value(i), 'f', -1, 64)
	}
	text(`},"rxInfo":[{"gatewayId":"`, gateway.String())
	number(`,"uplinkId":`, int64(uint32(mix(id))))
	stamped(`,"gwTime":"`, at)
	stamped(`,"nsTime":"`, at.Add(time.Duration(20+id%60)*time.Millisecond))
	dst = strconv.AppendFloat(append(dst, `,"timeSinceGpsEpoch":"`...), float64(s.at-gpsEpoch)/1000, 'f', 3, 64)
	number(`s","rssi":`, int64(rssi))
	dst = strconv.AppendFloat(append(dst, `,"snr":`...), snr, 'f', -1, 64)
	number(`,"channel":`, int64(freq-868_100_000)/200_000)
	dst = fmt.Appendf(dst, `,"rfChain":1,"location":{"latitude":51.7189,"longitude":8.7575,"altitude":124.0},"context":"%s"`,
		base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(mix(id)>>32))))
	dst = append(dst, `,"metadata":{"region_config_id":"eu868","region_common_name":"EU868"},"crcStatus":"CRC_OK"}]`...)
	number(`,"txInfo":{"frequency":`, int64(freq))
	return append(dst, `,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7,"codeRate":"CR_4_5"}}},"regionConfigId":"eu868"}`...)
}
