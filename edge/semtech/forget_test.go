package semtech

import (
	"encoding/binary"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brocaar/lorawan"
)

// Gateways that a stranger invents fill the table; a real one gets in again
// when they have been silent.
func TestInventedGatewaysAreForgotten(t *testing.T) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // only the acknowledgements went there
	synctest.Test(t, func(t *testing.T) {
		s := &Server{conn: conn, log: slog.New(slog.DiscardHandler), gateways: map[lorawan.EUI64]peer{}}
		pull := func(n uint64) error {
			var eui lorawan.EUI64
			binary.BigEndian.PutUint64(eui[:], n)
			return s.pullData(Packet{Version: 2, Kind: PullData, Gateway: eui}, conn.LocalAddr().(*net.UDPAddr).AddrPort())
		}
		for n := range uint64(maxGateways) {
			if err := pull(n); err != nil {
				t.Fatal(err)
			}
		}
		if err := pull(maxGateways); err == nil {
			t.Error("one more than fit was taken while all are alive")
		}
		time.Sleep(silentFor + time.Second)
		if err := pull(maxGateways); err != nil || len(s.gateways) != 1 {
			t.Errorf("%d gateways (%v) after all others were silent, want the new one alone", len(s.gateways), err)
		}
	})
}
