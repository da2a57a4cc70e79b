package edge

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"

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

	MaxOutboxBytes int64         // 1 GB: of unconfirmed uplinks on disk; beyond it the oldest are given up
	MaxOutboxAge   time.Duration // 7 days: after which an unconfirmed uplink is given up
	DevicesFile    string        // the device list as a file, instead of the one over MQTT; empty: none
	SyncedClock    bool          // the host's clock is believed only while the kernel says that a time server has set it
	Earliest       time.Time     // nothing was received before: the build date of a release; 1 January 2026
	Silence        time.Duration // 15 min without a word from any gateway: not healthy; negative: never
	Stuck          time.Duration // 30 min without a confirmation for what waits: not healthy; negative: never

	Version string // of the program, for the status message
	Log     *slog.Logger
	Metrics *metrics.Set
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
	defaultOutboxBytes    = 1_000_000_000
	defaultOutboxAge      = 7 * 24 * time.Hour
	defaultSilence        = 15 * time.Minute
	defaultStuck          = 30 * time.Minute

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
	c.DedupWindow = cmp.Or(c.DedupWindow, defaultDedupWindow)
	c.CommitInterval = cmp.Or(c.CommitInterval, defaultCommitInterval)
	c.Window = cmp.Or(c.Window, defaultWindow)
	c.MaxOutboxBytes = cmp.Or(c.MaxOutboxBytes, defaultOutboxBytes)
	c.MaxOutboxAge = cmp.Or(c.MaxOutboxAge, defaultOutboxAge)
	c.Silence = cmp.Or(c.Silence, defaultSilence)
	c.Stuck = cmp.Or(c.Stuck, defaultStuck)
	if c.MQTT.Username == "" {
		c.MQTT.Username = c.Name
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = metrics.NewSet()
	}
}
