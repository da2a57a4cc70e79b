package uplink

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// commands are commands of every shape; each is a public example in testdata.
func commands() map[string]Command {
	return map[string]Command{
		"confirmed": {V: 1, ID: "barrier-42", FPort: 10, Payload: []byte{1, 2, 0xff}, Confirmed: true, Expires: time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)},
		"smallest":  {V: 1, ID: "7", FPort: 1},
		"longest":   {V: 1, ID: strings.Repeat("~", MaxCommandID), FPort: MaxFPort, Payload: make([]byte, MaxCommandPayload)},
	}
}

func TestCommandGoldenAndRoundTrip(t *testing.T) {
	for name, c := range commands() {
		t.Run(name, func(t *testing.T) {
			data := c.Encode()
			golden(t, "command_"+name+".json", data)
			got, err := DecodeCommand(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeCommandRefuses(t *testing.T) {
	good := string(commands()["confirmed"].Encode())
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", "end of JSON"},
		{"garbage", "\x00\xff", "invalid character"},
		{"no object", "7", "cannot unmarshal"},
		{"too long", strings.Repeat(" ", maxSmall+1), "16385 bytes"},
		{"version", with(`"v":1`, `"v":2`), "v=2"},
		{"no id", with(`"id":"barrier-42",`, ""), `id "", want 1 to 64`},
		{"long id", with("barrier-42", strings.Repeat("x", 65)), "want 1 to 64"},
		{"id of two words", with("barrier-42", "barrier 42"), `id "barrier 42"`},
		{"id with an umlaut", with("barrier-42", "tür"), `id "tür"`},
		{"no port", with(`"f_port":10,`, ""), "command barrier-42 has f_port 0, want 1 to 223"},
		{"port of the MAC", with(`"f_port":10`, `"f_port":0`), "f_port 0"},
		{"port of the test protocol", with(`"f_port":10`, `"f_port":224`), "f_port 224"},
		{"port over 8 bits", with(`"f_port":10`, `"f_port":256`), "f_port"},
		{"payload that is no base64", with("AQL/", "AQL!"), "illegal base64"},
		{"long payload", with("AQL/", strings.Repeat("AAAA", 81)), "payload of 243 bytes, at most 242"},
		{"time in words", with("2026-11-23T11:00:00Z", "tomorrow"), "tomorrow"},
		{"time from before", with("2026-11-23T11:00:00Z", "0001-01-02T00:00:00Z"), "expires in the year 1, want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeCommand([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	if _, err := DecodeCommand([]byte(with(`"v":1`, `"v":1,"later":{"x":[1]}`))); err != nil {
		t.Errorf("a new field: %v", err)
	}
}

func TestDecodeEvent(t *testing.T) {
	n := uint32(1 << 31)
	want := Event{V: 1, Time: someTime, DevEUI: someDevice, Event: EventSent, Command: "barrier-42", FCnt: &n}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeEvent(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	with := func(old, new string) string { return strings.Replace(string(data), old, new, 1) }
	for _, c := range []struct{ name, data, want string }{
		{"nothing", "", "end of JSON"},
		{"version", with(`"v":1`, `"v":2`), "v=2"},
		{"no device", with(`"dev_eui":"70b3d57ed005f1a0",`, ""), "no dev_eui"},
		{"no event", with(`"event":"sent",`, ""), "has no event"},
		{"counter over 32 bits", with("2147483648", "4294967296"), "f_cnt"},
		{"too long", strings.Repeat(" ", maxSmall+1), "16385 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := DecodeEvent([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.Encode())
	}
	f.Add([]byte(`{"v":1,"id":"a","f_port":1,"payload":"","expires":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := DecodeCommand(data)
		if err != nil {
			return
		}
		again, err := DecodeCommand(c.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Payload) == 0 {
			c.Payload = nil // no bytes have one form
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(`{"v":1,"time":"2026-11-23T10:00:00.123Z","dev_eui":"70b3d57ed005f1a0","event":"acked","command":"barrier-42","f_cnt":0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := DecodeEvent(data); err == nil && (e.Event == "" || e.DevEUI == EUI{}) {
			t.Errorf("%+v was taken", e)
		}
	})
}
