package broker

import (
	"fmt"
	"sync"
	"testing"

	"modellregion/internal/mqtt"
	"modellregion/uplink"
)

// Messages are retained, by clients and as their wills, while others subscribe with
// wildcards. With -race this finds the library's data race without retains.
func TestRetainWhileSubscribing(t *testing.T) {
	second := Identity{User: "platform-2", Password: "q-secret", Role: Platform}
	ids := append(identities(), second)
	b, err := Listen(Config{Addr: "127.0.0.1:0", Identities: ids})
	if err != nil {
		t.Fatal(err)
	}
	goRun(t, b.Run)
	platform, edge := ids[0], ids[1]
	will := mqtt.Message{Topic: uplink.Topic{Edge: edge.User, Kind: uplink.KindStatus}.String(), Payload: []byte("gone"), QoS: 1, Retained: true}
	lists, states := uplink.Root+"/+/"+string(uplink.KindDevices), uplink.Root+"/+/"+string(uplink.KindStatus)
	publisher := connect(t, b, platform, nil)
	var running sync.WaitGroup
	running.Go(func() {
		for i := range 300 { // topics that are new each time
			topic := uplink.Topic{Edge: fmt.Sprintf("mast-%d", i), Kind: uplink.KindDevices}.String()
			if err := publisher.Publish(t.Context(), mqtt.Message{Topic: topic, Payload: []byte("{}"), QoS: 1, Retained: true}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 15 {
		dying := connect(t, b, edge, &will)
		u := connect(t, b, second, nil, lists, states)
		wait(t, u.got, "what is retained")
		b.hook.mu.Lock()
		cut := b.hook.current[edge.User+"/same-for-all-users"]
		b.hook.mu.Unlock()
		_ = cut.Close() // without a word, so that the will is sent
		wait(t, dying.down, "end of the edge")
		dying.stop()
		u.stop()
	}
	running.Wait()
	late := connect(t, b, second, nil, lists)
	seen := map[string]bool{}
	for len(seen) < 300 {
		seen[wait(t, late.got, "every list").Topic] = true
	}
}
