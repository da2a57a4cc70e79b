package broker

import (
	"context"
	"fmt"
	"testing"

	"modellregion/internal/mqtt"
)

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		br, err := Listen(Config{Addr: "127.0.0.1:0", Identities: identities()})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- br.Run(ctx) }()
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMessage is one QoS 1 message from an edge through the broker to the
// platform, 200 bytes, both clients in this process.
func BenchmarkMessage(b *testing.B) {
	br, err := Listen(Config{Addr: "127.0.0.1:0", Identities: identities()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go br.Run(ctx)
	got := make(chan struct{}, 1024)
	up := make(chan struct{}, 2)
	client := func(id Identity) *mqtt.Client {
		c, err := mqtt.New(mqtt.Config{URL: "tcp://" + br.Addr().String(), Username: id.User, Password: id.Password,
			ClientID: id.User, OnUp: func(context.Context) { up <- struct{}{} }})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	platform, edge := client(identities()[0]), client(identities()[1])
	platform.Subscribe("modellregion/v1/+/+/up", 1, func(context.Context, mqtt.Message) { got <- struct{}{} })
	go platform.Run(ctx)
	go edge.Run(ctx)
	<-up
	<-up
	m := mqtt.Message{Topic: "modellregion/v1/mast-7/road/up", Payload: make([]byte, 200), QoS: 1}
	n := 0
	failed := make(chan error, 1)
	go func() {
		for i := 0; i < b.N; i++ {
			if err := edge.PublishAsync(ctx, m, func(error) {}); err != nil {
				failed <- fmt.Errorf("message %d: %w", i, err)
				return
			}
		}
	}()
	b.ResetTimer()
	for ; n < b.N; n++ {
		select {
		case <-got:
		case err := <-failed:
			b.Fatal(err)
		}
	}
}
