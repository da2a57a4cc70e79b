package edge

import (
	"context"
	"errors"
	"time"

	"github.com/brocaar/lorawan"

	"modellregion/edge/basicstation"
	session "modellregion/edge/lorawan"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// order is a command on its way from the broker to the process loop.
type order struct {
	device  lorawan.EUI64
	command session.Command
}

// onDown takes a command. While the process loop is busy it waits, which holds
// the broker back.
func (e *Edge) onDown(ctx context.Context, m mqtt.Message) {
	topic, err := uplink.ParseTopic(m.Topic)
	var c uplink.Command
	if err == nil {
		c, err = uplink.DecodeCommand(m.Payload)
	}
	if err != nil {
		e.metrics.badMessages.with(string(uplink.KindDown)).Inc()
		e.cfg.Log.Warn("command refused", "err", err, "topic", m.Topic)
		return
	}
	o := order{lorawan.EUI64(topic.EUI), session.Command{
		ID: c.ID, FPort: c.FPort, Payload: c.Payload, Confirmed: c.Confirmed, Expires: c.Expires,
	}}
	select {
	case e.orders <- o:
	case <-ctx.Done():
	}
}

// take gives a command to its device's queue. One that cannot be kept is told
// as failed.
func (e *Edge) take(o order, g *group) {
	dec, err := e.network.Enqueue(o.device, o.command, time.Now())
	if err != nil {
		e.metrics.commands.with(uplink.EventFailed).Inc()
		e.cfg.Log.Warn("command refused", "err", err, "dev_eui", o.device)
		if !errors.Is(err, session.ErrNoDevice) {
			e.tell(session.Event{DevEUI: o.device, Command: o.command.ID, What: session.Failed, Detail: err.Error()}, g)
		}
		return
	}
	e.carryOut(&dec, g)
}

// carryOut adds to a group what has to be kept, sent and told of a decision.
func (e *Edge) carryOut(dec *session.Decision, g *group) {
	if dec.Save != nil {
		g.states[dec.DevEUI] = dec.Save
		if dec.Join != nil {
			g.joined[dec.DevEUI] = dec.Save
		}
	}
	if dec.Gateway != (lorawan.EUI64{}) {
		g.airtime[dec.Gateway] = e.network.Airtime(dec.Gateway)
	}
	if dec.Down != nil {
		g.down = append(g.down, answer{dec.DevEUI, *dec.Down})
	}
	for _, event := range dec.Events {
		e.metrics.commands.with(event.What.String()).Inc()
		e.tell(event, g)
	}
}

// tell publishes a step of a command, once it is on disk.
func (e *Edge) tell(event session.Event, g *group) {
	d, ok := e.devices[uplink.EUI(event.DevEUI)]
	if !ok {
		return // the device was taken away meanwhile
	}
	n := e.event(d.domain, event.DevEUI, event.What.String(), event.Detail)
	message := n.message.(uplink.Event) // as event makes it
	message.Command = event.Command
	if event.What == session.Sent || event.What == session.Acked {
		message.FCnt = &event.FCnt
	}
	n.message = message
	g.notes = append(g.notes, n)
}

// tick ends commands whose time is over and wakes those of devices that listen
// all the time.
func (e *Edge) tick(g *group) {
	decisions := e.network.Tick(time.Now())
	for i := range decisions {
		if err := decisions[i].Detail; err != nil {
			e.cfg.Log.Debug("command waits", "err", err, "dev_eui", decisions[i].DevEUI)
		}
		e.carryOut(&decisions[i], g)
	}
}

// sendDown sends downlinks until ctx ends and reports what came of each.
func (e *Edge) sendDown(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case a := <-e.down:
			r := session.Result{DevEUI: a.device, ID: a.down.ID}
			r.Used, r.Err = e.send(ctx, a.down)
			_, refused := errors.AsType[semtech.Refusal](r.Err)
			r.NotSent = refused && !errors.Is(r.Err, semtech.ErrNoAck) || errors.Is(r.Err, semtech.ErrNoGateway) || errors.Is(r.Err, basicstation.ErrNoGateway)
			if r.Err != nil {
				e.metrics.downlinks.with("failed").Inc()
				e.cfg.Log.Debug("downlink failed", "err", r.Err, "dev_eui", a.device, "gateway", a.down.Gateway)
			} else {
				e.metrics.downlinks.with("sent").Inc()
			}
			select {
			case e.results <- r:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// send hands a downlink to the server that its gateway is connected to.
func (e *Edge) send(ctx context.Context, d radio.Downlink) (used int, err error) {
	if e.station != nil {
		used, err := e.station.Send(ctx, d)
		if !errors.Is(err, basicstation.ErrNoGateway) {
			return used, err
		}
	}
	return e.semtech.Send(ctx, d)
}
