package basicstation

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
	"github.com/gorilla/websocket"
)

func TestDiscovery(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{Allow: []lorawan.EUI64{roof}})
	host := s.Addr().String()
	d := dial(t, "ws://"+host+"/router-info")
	for question, want := range map[string]routerInfo{
		`{"router":"a840:41ff:ff1e:ec20"}`:     {Router: "a840:41ff:ff1e:ec20", Muxs: "::1", URI: "ws://" + host + "/gateway/a84041ffff1eec20"},
		`{"router":"A8-40-41-FF-FF-1E-EC-20"}`: {Router: "a840:41ff:ff1e:ec20", Muxs: "::1", URI: "ws://" + host + "/gateway/a84041ffff1eec20"},
		`{"router":12123762764634057760}`:      {Router: "a840:41ff:ff1e:ec20", Muxs: "::1", URI: "ws://" + host + "/gateway/a84041ffff1eec20"},
		`{"router":"::1"}`:                     {Router: "0:0:0:1", Error: "not a gateway of this network"},
		`{"router":"roof"}`:                    {Error: "malformed question"},
		`{}`:                                   {Error: "malformed question"},
		`garbage`:                              {Error: "malformed question"},
	} {
		d.send(question)
		var got routerInfo
		if d.read(&got); got != want {
			t.Errorf("%s: got %+v, want %+v", question, got, want)
		}
		if (want.Error != "") != (len(r.dropped) == 1) {
			t.Errorf("%s: %d drops counted", question, len(r.dropped))
		}
		if len(r.dropped) > 0 {
			<-r.dropped
		}
	}
}

// Stations refuse a URI without a port.
func TestEndpointPort(t *testing.T) {
	for host, want := range map[string]string{
		"lns.example":      "ws://lns.example:80/gateway/a84041ffff1eec20",
		"lns.example:8887": "ws://lns.example:8887/gateway/a84041ffff1eec20",
		"[::1]":            "ws://[::1]:80/gateway/a84041ffff1eec20",
		"[::1]:8887":       "ws://[::1]:8887/gateway/a84041ffff1eec20",
	} {
		if got := endpoint(&http.Request{Host: host}, roof); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

func TestRefusedRequests(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{Allow: []lorawan.EUI64{roof}})
	for _, tt := range []struct {
		path   string
		header http.Header
		status int
		reason string // empty: not counted
	}{
		{"/gateway/a84041ffff1eec21", nil, http.StatusForbidden, DropGateway},
		{"/gateway/roof", nil, http.StatusForbidden, DropMalformed},
		{"/gateway/", nil, http.StatusNotFound, ""},
		{"/", nil, http.StatusNotFound, ""},
		{"/gateway/a84041ffff1eec20", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, DropMalformed},
		{"/router-info", http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden, DropMalformed},
	} {
		_, answer, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+tt.path, tt.header)
		if err == nil || answer == nil || answer.StatusCode != tt.status {
			t.Errorf("%s: got %+v, %v, want status %d", tt.path, answer, err, tt.status)
		}
		if tt.reason != "" {
			if reason := next(t, r.dropped); reason != tt.reason {
				t.Errorf("%s: dropped as %s, want %s", tt.path, reason, tt.reason)
			}
		}
	}
	answer, err := http.Get("http://" + s.Addr().String() + "/gateway/a84041ffff1eec20") // no WebSocket
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("got %+v, %v", answer, err)
	}
	answer.Body.Close()
	connect(t, s)
}

// The receiver is told who a gateway that is not allowed is and where.
func TestUnknownGateway(t *testing.T) {
	r := newReceiver(1)
	s := start(t, r, Options{Allow: []lorawan.EUI64{roof}})
	for _, gateway := range []string{"a84041ffff1eec21", "a84041ffff1eec22"} {
		d := dial(t, "ws://"+s.Addr().String()+"/router-info")
		d.send(`{"router":"` + gateway + `"}`)
		if reason := next(t, r.dropped); reason != DropGateway {
			t.Errorf("dropped as %s, want %s", reason, DropGateway)
		}
		if got, want := next(t, r.unknown), gateway+" "+d.ws.LocalAddr().String(); got != want {
			t.Errorf("told of %s, want %s", got, want)
		}
	}
	connect(t, s) // one that is allowed
	if _, _, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/gateway/a84041ffff1eec23", nil); err == nil {
		t.Error("a gateway that is not allowed was let in")
	}
	if got := next(t, r.unknown); !strings.HasPrefix(got, "a84041ffff1eec23 127.0.0.1:") || len(r.unknown) != 0 {
		t.Errorf("told of %s and %d more", got, len(r.unknown))
	}
}

func TestStrangersDue(t *testing.T) {
	var s strangers
	began := time.Now()
	for _, tt := range []struct {
		gateway byte
		after   time.Duration
		want    bool
	}{
		{1, 0, true}, {1, 0, false}, {2, 0, true}, {1, tellEvery - 1, false}, {1, tellEvery, true}, {1, tellEvery + 1, false},
	} {
		if got := s.due(lorawan.EUI64{tt.gateway}, began.Add(tt.after)); got != tt.want {
			t.Errorf("gateway %d after %s: told %t, want %t", tt.gateway, tt.after, got, tt.want)
		}
	}
	flood := began.Add(time.Hour)
	told := 0
	for i := range 2 * maxStrangers {
		if s.due(lorawan.EUI64{byte(i >> 8), byte(i)}, flood) {
			told++
		}
	}
	if told != maxStrangers || len(s.told) != maxStrangers {
		t.Errorf("told of %d in a second and remembers %d, want %d", told, len(s.told), maxStrangers)
	}
	if !s.due(roof, flood.Add(tellEvery)) || len(s.told) != 1 {
		t.Errorf("after the flood %d are remembered", len(s.told))
	}
}

func TestTooManyGateways(t *testing.T) {
	s, err := newServer(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range maxGateways {
		if err := s.register(&conn{gateway: lorawan.EUI64{byte(i >> 8), byte(i)}, stop: func() {}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.register(&conn{gateway: roof}); dropReason(err) != DropGateway || err == nil {
		t.Errorf("got %v, want a refusal", err)
	}
	again := &conn{gateway: lorawan.EUI64{}}
	if err := s.register(again); err != nil {
		t.Errorf("a gateway that connects again: %v", err)
	}
	s.unregister(&conn{gateway: again.gateway}) // an older one's end
	if s.gateways[again.gateway] != again {
		t.Error("the end of an older connection took the newer one away")
	}
}

func TestListenErrors(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "127.0.0.1:x", "192.0.2.1:8887", "0.0.0.0:0", ":0"} {
		if s, err := Listen(addr, Options{}); err == nil {
			t.Errorf("listening on %s", s.Addr())
		}
	}
	if s, err := Listen("127.0.0.1:0", Options{Band: "EU433"}); err == nil {
		t.Errorf("listening on %s with a band that has no plan", s.Addr())
	}
}
