package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/edge/semtech"
)

const (
	// outstanding is how many datagrams may wait for their PUSH_ACK: enough
	// to keep the edge busy, few enough that no socket's buffer overflows.
	outstanding = 64
	ackWithin   = 10 * time.Second
)

// forward sends datagrams to the edge as a packet forwarder and returns when
// all are acknowledged. sending is called with the index of each before it
// leaves, and may wait.
func forward(ctx context.Context, to string, datagrams [][]byte, sending func(ctx context.Context, i int) error) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", to)
	if err != nil {
		return fmt.Errorf("reach the edge: %w", err)
	}
	room := make(chan struct{}, outstanding)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		for i, d := range datagrams {
			if err := sending(ctx, i); err != nil {
				return err
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := conn.Write(d); err != nil {
				return fmt.Errorf("send to the edge: %w", err)
			}
		}
		return nil
	})
	group.Go(func() error { return takeAcks(conn, len(datagrams), room) })
	return errors.Join(group.Wait(), conn.Close())
}

// takeAcks frees a place in room for each of n acknowledgements. One that does
// not come is an error: the figures would be those of a lossy edge.
func takeAcks(conn net.Conn, n int, room <-chan struct{}) error {
	buf := make([]byte, 64)
	for acked := 0; acked < n; {
		if err := conn.SetReadDeadline(time.Now().Add(ackWithin)); err != nil {
			return fmt.Errorf("wait for the edge: %w", err)
		}
		size, err := conn.Read(buf)
		if err != nil {
			return fmt.Errorf("%d of %d datagrams acknowledged: %w", acked, n, err)
		}
		p, err := semtech.Parse(buf[:size])
		if err != nil {
			return fmt.Errorf("answer of the edge: %w", err)
		}
		if p.Kind == semtech.PushAck {
			acked++
			<-room
		}
	}
	return nil
}
