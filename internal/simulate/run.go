package simulate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/brocaar/lorawan"
	"golang.org/x/sync/errgroup"

	"modellregion/edge/radio"
	"modellregion/edge/semtech"
)

// batch is what a gateway is about to forward in one datagram.
type batch struct {
	frames  []radio.Frame
	sensors []int
}

const (
	maxJoining  = 32              // devices joining at once
	joinTimeout = 3 * time.Second // for an accept
)

// Run connects the gateways to the edge whose UDP socket is given as
// host:port, lets the devices join and sends what they
// measure. It returns nil when Config.For is over and the edge has
// acknowledged everything, also when that had happened in an earlier life, and
// when ctx ends. It can be called once.
func (f *Fleet) Run(ctx context.Context, edge string) error {
	var dialer net.Dialer
	all, stop := context.WithCancel(ctx)
	defer stop()
	g, running := errgroup.WithContext(all)
	for _, gw := range f.gateways {
		conn, err := dialer.DialContext(ctx, "udp", edge)
		if err != nil {
			return errors.Join(fmt.Errorf("simulate: gateway %s: %w", gw.eui, err), f.close())
		}
		gw.connect(conn)
	}
	g.Go(func() error { return f.flow.repeat(running) })
	for _, gw := range f.gateways {
		g.Go(func() error { return f.listen(running, gw) })
		g.Go(func() error { return f.keepAlive(running, gw) })
	}
	g.Go(func() error {
		defer stop()
		return f.drive(running)
	})
	g.Go(func() error {
		<-running.Done()
		return f.close()
	})
	err := g.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// close closes the sockets and the ledger.
func (f *Fleet) close() error {
	var errs []error
	for _, gw := range f.gateways {
		if gw.conn != nil {
			errs = append(errs, gw.conn.Close())
		}
	}
	f.ledger.mu.Lock()
	defer f.ledger.mu.Unlock()
	if err := errors.Join(append(errs, f.ledger.file.Close())...); err != nil {
		return fmt.Errorf("simulate: closing: %w", err)
	}
	return nil
}

// drive is the life of the fleet.
func (f *Fleet) drive(ctx context.Context) error {
	for _, gw := range f.gateways {
		select {
		case <-gw.pulled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := f.joinAll(ctx); err != nil {
		return err
	}
	for i := range f.tail {
		r := &f.tail[i]
		s := f.sensors[r.sensor]
		if err := f.ready(ctx, s); err != nil {
			return err
		}
		if err := f.transmit(ctx, s, r); err != nil {
			return err
		}
	}
	f.tail = nil
	if err := f.flush(ctx); err != nil {
		return err
	}
	if err := f.play(ctx); err != nil {
		return err
	}
	return f.flow.drain(ctx)
}

// joinAll lets every device join that has no session.
func (f *Fleet) joinAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxJoining)
	for _, s := range f.sensors {
		if !s.node.joined {
			g.Go(func() error { return f.join(ctx, s) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	f.log.Info("all devices have joined", "devices", len(f.sensors))
	return nil
}

// join tries until the device has a session.
func (f *Fleet) join(ctx context.Context, s *sensor) error {
	for attempt := 1; ; attempt++ {
		accepted, err := f.requestJoin(ctx, s)
		if err != nil {
			return err
		}
		timer := time.NewTimer(joinTimeout)
		select {
		case <-accepted:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		f.mu.Lock()
		joined := s.node.joined
		s.node.joining, s.node.windows = nil, [8]window{} // an accept from now on is too late
		f.mu.Unlock()
		if joined {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.log.Warn("no join accept, trying again", "dev_eui", s.device.EUI, "attempt", attempt)
	}
}

// requestJoin sends a join request with the next DevNonce and returns a
// channel that is closed when it is accepted.
func (f *Fleet) requestJoin(ctx context.Context, s *sensor) (<-chan struct{}, error) {
	f.mu.Lock()
	nonce := s.node.nonce + 1
	f.mu.Unlock()
	if nonce == 0 {
		return nil, fmt.Errorf("simulate: device %s has used all its DevNonces", s.device.EUI)
	}
	if err := f.ledger.append(appendJoin(nil, s.index, nonce)); err != nil {
		return nil, err
	}
	frame, err := s.joinRequest(nonce)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	gw := f.gateways[s.gateways[0]]
	rx := s.heardBy(0, gw, frame, 0, f.start, s.chance.with(uint64(forRadio)).with(math.MaxUint64-uint64(nonce)))
	rx.Counter = uint64(uint32(rx.Counter) + uint32(nonce)*10_000) // tells the accepts of several attempts apart
	accepted := make(chan struct{})
	f.mu.Lock()
	s.node.nonce, s.node.joining = nonce, accepted
	s.node.open(gw.index, rx, time.Now())
	f.mu.Unlock()
	gw.heard.Add(1)
	return accepted, f.flow.send(ctx, gw, []radio.Frame{rx}, []int{s.index})
}

// play sends what happens after f.last, each event at its time.
func (f *Fleet) play(ctx context.Context) error {
	events := newSchedule(f.sensors, f.end, f.last)
	clock := f.newClock()
	for {
		e, ok := events.next()
		if !ok {
			break
		}
		if err := f.sleepUntil(ctx, clock.due(e.at)); err != nil {
			return err
		}
		f.now.Store(int64(e.at))
		s := f.sensors[e.sensor]
		if err := f.ready(ctx, s); err != nil {
			return err
		}
		r := &uplinkRecord{event: e}
		if !e.repeat {
			var err error
			if r, err = f.record(s, e); err != nil {
				return err
			}
		}
		if err := f.transmit(ctx, s, r); err != nil {
			return err
		}
	}
	if err := f.sleepUntil(ctx, clock.due(f.end)); err != nil {
		return err
	}
	f.now.Store(int64(f.end))
	return f.flush(ctx)
}

// ready waits until everything that was heard of the sensor has been
// acknowledged: frames of one sensor must not overtake each other.
func (f *Fleet) ready(ctx context.Context, s *sensor) error {
	if s.batched {
		if err := f.flush(ctx); err != nil {
			return err
		}
	}
	return f.flow.idle(ctx, s.index)
}

// record writes the sensor's next uplink to the ledger.
func (f *Fleet) record(s *sensor, e event) (*uplinkRecord, error) {
	first := f.start.Add(s.phase)
	r := &uplinkRecord{event: e, payload: f.world.sample(s, e.fCnt, f.start.Add(e.at), first)}
	f.mu.Lock()
	r.ack, r.fOpts = s.node.ack, s.node.fOpts
	s.node.ack, s.node.fOpts = false, nil
	f.mu.Unlock()
	if err := f.ledger.append(r.append(nil)); err != nil {
		return nil, err
	}
	f.count(s, r)
	return r, nil
}

// transmit puts the frame of r on the air: the gateways that hear it get it
// into their batches.
func (f *Fleet) transmit(ctx context.Context, s *sensor, r *uplinkRecord) error {
	f.mu.Lock()
	frame, in := s.node.frame, s.node.session
	f.mu.Unlock()
	if r.repeat && frame == nil {
		return nil // of an earlier life, and so long ago that it is not sent again
	}
	if !r.repeat {
		var err error
		if frame, err = s.frame(r, in); err != nil {
			return fmt.Errorf("simulate: %w", err)
		}
	}
	heardBy, full := 1, false
	if s.fate(r.fCnt).two {
		heardBy = 2
	}
	chance := s.chance.with(uint64(forRadio)).with(uint64(r.fCnt)).with(uint64(r.at))
	f.mu.Lock()
	s.node.frame = frame
	for i, index := range s.gateways[:heardBy] {
		gw, b := f.gateways[index], &f.batches[index]
		rx := s.heardBy(i, gw, frame, r.at, f.start, chance)
		s.node.open(index, rx, time.Now())
		gw.heard.Add(1)
		b.frames, b.sensors = append(b.frames, rx), append(b.sensors, s.index)
		full = full || len(b.frames) == maxShared
	}
	f.mu.Unlock()
	s.batched = true
	if full {
		return f.flush(ctx)
	}
	return nil
}

// flush forwards all batches.
func (f *Fleet) flush(ctx context.Context) error {
	for i := range f.batches {
		b := f.batches[i]
		if len(b.frames) == 0 {
			continue
		}
		f.batches[i] = batch{}
		for _, s := range b.sensors {
			f.sensors[s].batched = false
		}
		if err := f.flow.send(ctx, f.gateways[i], b.frames, b.sensors); err != nil {
			return err
		}
	}
	return nil
}

// deliver lets the devices hear a downlink of a gateway. It reports false when
// the downlink comes too late to be sent.
func (f *Fleet) deliver(g *gateway, d semtech.Order) (inTime bool, err error) {
	if d.Immediate {
		return true, nil // sent, and heard by nobody: no device of class A listens all the time
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	candidates := f.sensors
	join := lorawan.MType(d.PHYPayload[0]>>5) == lorawan.JoinAccept
	if !join {
		if len(d.PHYPayload) < 12 {
			return true, nil // no data frame is so short: sent, and heard by nobody
		}
		var addr lorawan.DevAddr
		binary.BigEndian.PutUint32(addr[:], binary.LittleEndian.Uint32(d.PHYPayload[1:]))
		candidates = f.byAddr[addr]
	}
	open := false // somebody listens, or may
	for _, s := range candidates {
		opens, hears, ok := s.node.listens(g.index, d)
		if !ok || join != (s.node.joining != nil) || time.Since(opens) > grace {
			continue
		}
		open = true
		switch {
		case !hears:
			f.log.Warn("downlink on a channel the device does not listen to", "dev_eui", s.device.EUI, "gateway", g.eui, "freq_hz", d.FreqHz)
		case join:
			if err := f.accept(s, d.PHYPayload); err != nil {
				return false, err
			}
		default:
			s.node.hear(d.PHYPayload)
		}
	}
	// The device a downlink is for has stopped listening: the window is over.
	return open || len(candidates) == 0, nil
}

// accept gives the sensor the session in a join accept, if it is for it. f.mu
// is held.
func (f *Fleet) accept(s *sensor, frame []byte) error {
	in, ok := s.joinAccept(frame, s.node.nonce)
	if !ok {
		return nil
	}
	if err := f.ledger.append(appendSession(nil, s.index, in)); err != nil {
		return err
	}
	s.node.session, s.node.joined = in, true
	f.byAddr[in.addr] = append(f.byAddr[in.addr], s)
	f.joined.Add(1)
	close(s.node.joining)
	s.node.joining = nil
	return nil
}
