package edge

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"modellregion/edge/lorawan"
	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// Config is everything an edge is told from outside. Zero durations and
// sizes mean the defaults named at each.
type Config struct {
	Name     string            // of the edge, and its MQTT user name
	Dir      string            // for the database; created when missing
	UDP      string            // host:port for packet forwarders; loopback or VPN only, for the protocol knows no authentication
	UDPRate  int               // as of semtech.Options
	Station  Station           // for gateways with Basics Station
	Gateways []semtech.Allowed // served; empty: every gateway
	LoRaWAN  lorawan.Config    // region, and what devices are told; its Rand is not looked at
	Share    float64           // frames of unknown devices that are told to other edges, per second in the long run; 0: none, and theirs are not heard

	MQTT MQTT

	DedupWindow    time.Duration // 200 ms: how long further receptions of a frame are awaited
	CommitInterval time.Duration // 50 ms: how long a group of frames may wait for its commit
	Window         int           // 4096: uplinks that may be sent and unconfirmed

	Version string // of the program, for the status message
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Station says how gateways with Basics Station connect.
type Station struct {
	Addr  string                  // host:port; empty: none are served
	TLS   *tls.Config             // required outside loopback; verified client certificates must name the gateway
	Token func(uplink.EUI) string // as of basicstation.Options; nil: no token is asked for
}

// MQTT says how to reach the broker.
type MQTT struct {
	URL      string
	Username string // Name when empty
	Password string
	TLS      *tls.Config
}

// DefaultShare is a Config.Share that costs some 25 MB of traffic a day at most.
const DefaultShare = 1

const (
	defaultDedupWindow    = 200 * time.Millisecond
	defaultCommitInterval = 50 * time.Millisecond
	defaultWindow         = 4096

	// These bound what a kill can take that was acknowledged to a packet
	// forwarder: maxHeard + maxCollected + maxGroup frames, and those of the 32
	// datagrams that edge/semtech acknowledges before it has handed them over.
	maxHeard     = 512  // frames between the sockets and the process loop
	maxCollected = 2048 // frames in the deduplication window
	maxGroup     = 1024 // uplinks of one commit

	maxDown   = 256 // downlinks on their way to gateways
	maxOrders = 64  // commands on their way to the process loop
	maxRemote = 256 // frames of other edges
	maxNotes  = 256 // events and statistics waiting to be published
)

func (c *Config) setDefaults() {
	if c.DedupWindow == 0 {
		c.DedupWindow = defaultDedupWindow
	}
	if c.CommitInterval == 0 {
		c.CommitInterval = defaultCommitInterval
	}
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.MQTT.Username == "" {
		c.MQTT.Username = c.Name
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
}
