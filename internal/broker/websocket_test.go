package broker

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Browsers come over WebSocket, where nobody can log in.
func TestWebsocket(t *testing.T) {
	b, _ := startPublic(t, nil)
	server := httptest.NewServer(b)
	defer server.Close()
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}}
	url := "ws" + strings.TrimPrefix(server.URL, "http")
	dial := func() *websocket.Conn {
		ws, res, err := dialer.Dial(url, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.Close() })
		if res.Header.Get("Sec-WebSocket-Protocol") != "mqtt" {
			t.Errorf("header %v", res.Header)
		}
		return ws
	}
	ws := dial()
	hello, subscribe := "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x", "\x82\x16\x00\x01\x00\x11v1.1/Observations\x01"
	for _, part := range []string{hello[:3], hello[3:] + subscribe[:5], subscribe[5:]} { // packets need not be aligned
		if err := ws.WriteMessage(websocket.BinaryMessage, []byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want string) {
		t.Helper()
		_, data, err := ws.ReadMessage()
		if err != nil || string(data) != want {
			t.Fatalf("got %q, %v, want %q", data, err, want)
		}
	}
	read("\x20\x02\x00\x00")
	read("\x90\x03\x00\x01\x00") // of QoS 0, though asked for 1
	if err := b.Publish("v1.1/Observations", []byte("{}"), false); err != nil {
		t.Fatal(err)
	}
	read("\x30\x15\x00\x11v1.1/Observations{}")
	for name, packet := range map[string]string{
		"login":   "\x10\x21\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x08platform\x00\x08p-secret",
		"garbage": "GET / HTTP/1.1\r\n\r\n",
		"large":   strings.Repeat("x", 2*publicPacket),
	} {
		before := b.Stats().Rejected
		other := dial()
		_ = other.WriteMessage(websocket.BinaryMessage, []byte(packet)) // the broker may break the connection meanwhile
		eventually(t, name+" rejected", func() bool { return b.Stats().Rejected > before })
		if _, _, err := other.ReadMessage(); err == nil {
			t.Errorf("%s is answered", name)
		}
	}
	if s := b.Stats(); s.Connected != 0 || s.Public.Connected != 1 {
		t.Errorf("%+v", s)
	}
	w := httptest.NewRecorder()
	start(t).ServeHTTP(w, httptest.NewRequest("GET", "/mqtt", nil))
	if w.Code != 404 {
		t.Errorf("%d without readers", w.Code)
	}
}

// FuzzWithoutLogin: what begins like a CONNECT without a user name is one for
// the library too, however it is cut, and nothing else is.
func FuzzWithoutLogin(f *testing.F) {
	for _, s := range []string{
		"", "\x10", "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x", "\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01x",
		"\x10\x21\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01x\x00\x08platform\x00\x08p-secret", "\x10\xff\xff\xff\xff\x01", "\x10\x8d\x00\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x00", "\xc0\x00",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		anonymous, known := withoutLogin(data)
		if len(data) >= connectHead && !known {
			t.Fatalf("%q is not enough", data)
		}
		for n := range data {
			if a, k := withoutLogin(data[:n]); k && (!known || a != anonymous) {
				t.Fatalf("%q: %v at first, then %v", data[:n], a, anonymous)
			}
		}
		if !anonymous {
			return
		}
		var fh packets.FixedHeader
		if err := fh.Decode(data[0]); err != nil || fh.Type != packets.Connect {
			t.Fatalf("%q is no CONNECT: %v", data, err)
		}
		r := bytes.NewReader(data[1:])
		if _, _, err := packets.DecodeLength(r); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		pk := packets.Packet{FixedHeader: fh}
		if err := pk.ConnectDecode(data[len(data)-r.Len():]); err == nil && pk.Connect.UsernameFlag {
			t.Fatalf("%q has a user name", data)
		}
	})
}
