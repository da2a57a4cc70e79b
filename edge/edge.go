package edge

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/brocaar/lorawan"
	"golang.org/x/sync/errgroup"

	"modellregion/devices/codec"
	"modellregion/edge/basicstation"
	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// Edge is a gateway's side of the platform.
type Edge struct {
	cfg     Config
	metrics *meters
	store   *store
	semtech *semtech.Server
	station *basicstation.Server // nil: none
	mqtt    *mqtt.Client
	outbox  *outbox // of the store
	memory  *memory
	spare   *outbox // of the memory
	clock   *clock

	frames  chan radio.Frame
	remote  chan uplink.Frame // that other edges have heard
	lists   chan []byte       // device lists as they arrive
	orders  chan order
	down    chan answer
	results chan session.Result // of what was sent down
	notes   chan note

	strangers strangers
	verdicts  verdicts
	health    *health
	looks     chan chan<- look

	ready   atomic.Bool           // a device list is in use
	version atomic.Uint64         // of that list
	depth   atomic.Int64          // uplinks in the outbox
	serving atomic.Int64          // devices
	diskErr atomic.Pointer[error] // why the disk refuses

	// What follows belongs to the process loop alone.
	network *session.Network
	list    [sha256.Size]byte // of the device list in use
	devices map[uplink.EUI]served
	codecs  map[string]*compiled // by id of their profile
	input   codec.Input
	decoded codec.Output
	lanes   lanes
	sharing sharing
	disk    trouble
	unsaid  bool             // uplinks were given up, and the status has not told
	said    time.Time        // when it did, last
	datedTo uint64           // of the uplinks without a time, those up to here have got one
	unsent  []session.Result // of downlinks that found no room, for the next round
}

const (
	downWorkers    = 128 // downlinks that wait for their gateway at the same time
	statusInterval = time.Minute
)

// Open opens the edge's database and its UDP socket. Run must follow.
func Open(cfg Config) (*Edge, error) {
	cfg.setDefaults()
	if err := uplink.CheckEdgeName(cfg.Name); err != nil {
		return nil, err
	}
	clock, err := newClock(cfg.SyncedClock)
	if err != nil {
		return nil, err
	}
	if cfg.Earliest.After(clock.earliest) {
		clock.earliest = cfg.Earliest
	}
	var epoch [4]byte
	if _, err := rand.Read(epoch[:]); err != nil {
		return nil, fmt.Errorf("draw an epoch: %w", err)
	}
	lorawanConfig := cfg.LoRaWAN
	lorawanConfig.Rand, lorawanConfig.Earliest = rand.Reader, clock.earliest
	network, err := session.New(lorawanConfig)
	if err != nil {
		return nil, err
	}
	s, err := openStore(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &Edge{
		cfg: cfg, metrics: newMeters(cfg.Metrics), store: s, network: network,
		frames:  make(chan radio.Frame, maxHeard),
		remote:  make(chan uplink.Frame, maxRemote),
		lists:   make(chan []byte, 1),
		orders:  make(chan order, maxOrders),
		down:    make(chan answer, maxDown),
		results: make(chan session.Result, maxDown),
		notes:   make(chan note, maxNotes),
		looks:   make(chan chan<- look),
		health:  newHealth(cfg.Silence, cfg.Stuck, time.Now),
		sharing: sharing{perSecond: cfg.Share}, clock: clock, memory: &memory{epoch: "m" + hex.EncodeToString(epoch[:])},
	}
	e.lanes = lanes{done: make(chan *job), pending: map[lorawan.EUI64]int{}, readings: e.readings}
	if err := e.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return e, nil
}

func (e *Edge) open() error {
	for _, repair := range e.store.repairs() {
		e.cfg.Log.Error("database was repaired", "what", repair)
	}
	e.depth.Store(int64(e.store.depth()))
	e.metrics.depth.Set(float64(e.store.depth()))
	if err := e.store.airtime(e.network.RestoreAirtime); err != nil {
		return err
	}
	if err := e.restoreDevices(); err != nil {
		return err
	}
	will, err := json.Marshal(uplink.Status{V: uplink.Version, Epoch: e.store.epoch})
	if err != nil {
		return fmt.Errorf("build last will: %w", err)
	}
	e.mqtt, err = mqtt.New(mqtt.Config{
		URL: e.cfg.MQTT.URL, Username: e.cfg.MQTT.Username, Password: e.cfg.MQTT.Password, TLS: e.cfg.MQTT.TLS,
		ClientID: "edge-" + e.cfg.Name,
		Will:     &mqtt.Message{Topic: e.topic(uplink.KindStatus).String(), QoS: 1, Retained: true, Payload: will},
		OnUp: func(context.Context) {
			e.metrics.connected.Set(1)
			e.outbox.reset()
			e.spare.reset()
			e.postStatus()
		},
		OnDown: func(error) { e.metrics.connected.Set(0) },
		Log:    e.cfg.Log,
	})
	if err != nil {
		return err
	}
	e.mqtt.Subscribe(e.topic(uplink.KindStored).String(), 1, e.onStored)
	if e.cfg.DevicesFile == "" {
		e.mqtt.Subscribe(e.topic(uplink.KindDevices).String(), 1, e.onDevices)
	}
	e.mqtt.Subscribe(uplink.Filter(e.cfg.Name, uplink.KindDown), 1, e.onDown)
	if e.cfg.Share > 0 {
		e.mqtt.Subscribe(uplink.Filter("+", uplink.KindFrame), 1, e.onFrame)
	}
	e.outbox = newOutbox(&e.cfg, e.store, e.mqtt, e.metrics)
	e.spare = newOutbox(&e.cfg, e.memory, e.mqtt, e.metrics)
	var allow []lorawan.EUI64
	for _, g := range e.cfg.Gateways {
		allow = append(allow, g.Gateway)
	}
	if st := e.cfg.Station; st.Addr != "" {
		opts := basicstation.Options{Band: e.cfg.LoRaWAN.Band, TLS: st.TLS, Allow: allow, Log: e.cfg.Log}
		if st.Token != nil {
			opts.Token = func(g lorawan.EUI64) string { return st.Token(uplink.EUI(g)) }
		}
		if e.station, err = basicstation.Listen(st.Addr, opts); err != nil {
			return err
		}
	}
	e.semtech, err = semtech.Listen(e.cfg.UDP, semtech.Options{Allow: e.cfg.Gateways, Rate: e.cfg.UDPRate, Log: e.cfg.Log})
	return err
}

// Name returns the name of the edge.
func (e *Edge) Name() string { return e.cfg.Name }

// Addr returns where packet forwarders reach the edge.
func (e *Edge) Addr() netip.AddrPort { return e.semtech.Addr() }

// StationAddr returns where gateways with Basics Station reach the edge, or the
// zero value when none are served.
func (e *Edge) StationAddr() netip.AddrPort {
	if e.station == nil {
		return netip.AddrPort{}
	}
	return e.station.Addr()
}

// Ready returns nil when the edge can do its work, or what it still lacks.
func (e *Edge) Ready() error {
	switch {
	case !e.ready.Load():
		return errors.New("no device list yet")
	case !e.mqtt.Connected():
		return errors.New("no connection to the broker")
	}
	return nil
}

// Outbox returns how many uplinks wait on disk for their confirmation.
func (e *Edge) Outbox() int { return int(e.depth.Load()) }

// Run works until ctx ends, then commits what was heard and closes everything.
func (e *Edge) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// The process loop ends after the last frame, so that none is lost
		// that was acknowledged.
		defer close(e.frames)
		servers, ctx := errgroup.WithContext(ctx)
		servers.Go(func() error { return e.semtech.Run(ctx, receiver{e}) })
		if e.station != nil {
			servers.Go(func() error { return e.station.Run(ctx, receiver{e}) })
		}
		return servers.Wait()
	})
	group.Go(e.process)
	group.Go(func() error { return e.outbox.run(ctx) })
	group.Go(func() error { return e.spare.run(ctx) })
	group.Go(func() error { return e.mqtt.Run(ctx) })
	group.Go(func() error { return e.publishNotes(ctx) })
	if e.cfg.DevicesFile != "" {
		group.Go(func() error { return e.watchList(ctx) })
	}
	for range downWorkers {
		group.Go(func() error { return e.sendDown(ctx) })
	}
	err := group.Wait()
	if closeErr := e.store.close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close the edge's database: %w", closeErr))
	}
	return err
}

func (e *Edge) topic(k uplink.Kind) uplink.Topic { return uplink.Topic{Edge: e.cfg.Name, Kind: k} }

// receiver is what the gateway protocol sees of the edge.
type receiver struct{ e *Edge }

// Frame implements semtech.Receiver.
func (r receiver) Frame(ctx context.Context, f radio.Frame) error {
	r.e.health.hear(1)
	select {
	case r.e.frames <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats implements semtech.Receiver.
func (r receiver) Stats(_ context.Context, s radio.Stats) {
	r.e.health.hear(0)
	at := s.Time
	if !r.e.clock.possible(at) {
		at = r.e.clock.stamp()
	}
	r.e.post(note{
		topic: uplink.Topic{Edge: r.e.cfg.Name, Kind: uplink.KindGateway, EUI: uplink.EUI(s.Gateway)},
		message: uplink.GatewayStats{
			V: uplink.Version, Time: at.UTC(), Received: s.Received, ReceivedOK: s.ReceivedOK,
			Forwarded: s.Forwarded, AckedPct: s.AckedPct, Sent: s.Sent,
		},
	})
}

// Unknown implements semtech.Receiver.
func (r receiver) Unknown(gateway lorawan.EUI64, from string) {
	r.e.strangers.note(gateway, from, time.Now())
}

// Dropped implements semtech.Receiver.
func (r receiver) Dropped(reason string, err error) {
	r.e.metrics.dropped.with(reason).Inc()
	r.e.verdicts.drop(reason, err, time.Now())
	r.e.cfg.Log.Debug("datagram or frame dropped", "reason", reason, "err", err)
}

// post queues an event or statistic; when too many wait, it is dropped.
func (e *Edge) post(n note) {
	select {
	case e.notes <- n:
	default:
		e.cfg.Log.Debug("event dropped, too many are waiting", "topic", n.topic.String())
	}
}

func (e *Edge) postStatus() {
	e.post(note{topic: e.topic(uplink.KindStatus), qos: 1, message: uplink.Status{
		V: uplink.Version, Online: true, Time: e.clock.stamp(), Version: e.cfg.Version, Epoch: e.store.epoch,
		DeviceList: e.version.Load(), OutboxDepth: e.Outbox(), UnknownGateways: e.strangers.list(),
		GivenUp: e.store.droppedTotal(), Undated: e.store.undatedCount(), Disk: e.diskError(),
	}})
}

// publishNotes publishes events and statistics, and the status each minute.
func (e *Edge) publishNotes(ctx context.Context) error {
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			e.postStatus()
		case n := <-e.notes:
			payload, err := json.Marshal(n.message)
			if err != nil {
				return fmt.Errorf("encode message for %s: %w", n.topic, err)
			}
			m := mqtt.Message{Topic: n.topic.String(), QoS: n.qos, Retained: n.topic.Kind == uplink.KindStatus, Payload: payload}
			if err := e.mqtt.PublishAsync(ctx, m, func(error) {}); err != nil {
				e.cfg.Log.Debug("event lost", "err", err, "topic", m.Topic)
			}
		}
	}
}

func (e *Edge) onStored(_ context.Context, m mqtt.Message) {
	s, err := uplink.DecodeStored(m.Payload)
	if err != nil {
		e.metrics.badMessages.with(string(uplink.KindStored)).Inc()
		e.cfg.Log.Warn("confirmation cannot be read", "err", err)
		return
	}
	if s.Epoch != e.store.name() && s.Epoch != e.memory.name() {
		e.cfg.Log.Warn("confirmation for another database of this edge", "epoch", s.Epoch, "own_epoch", e.store.name())
	}
	if e.outbox.stored(s)+e.spare.stored(s) > 0 {
		e.health.progress()
	}
}

// onDevices hands the newest list to the process loop; an older one that was
// not taken yet is void. One that is not the broker's retained copy means that
// the platform has just connected: what was sent while it was away is sent
// again at once.
func (e *Edge) onDevices(_ context.Context, m mqtt.Message) {
	if !m.Retained {
		e.outbox.reset()
		e.spare.reset()
	}
	e.hand(m.Payload)
}
