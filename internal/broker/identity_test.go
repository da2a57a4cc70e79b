package broker

import (
	"strings"
	"testing"
	"time"

	"modellregion/uplink"
)

func TestRights(t *testing.T) {
	edge := account{user: "mast-7", role: Edge}
	platform := account{user: "platform", role: Platform}
	reader := account{user: "stadtwerke", role: Reader, domains: []uplink.Domain{uplink.Energy}}
	nobody := account{}
	const own, eui = "modellregion/v1/mast-7/", "/a84041ffff1eec20"
	for _, tc := range []struct {
		who           account
		topic         string
		publish, read bool
	}{
		{edge, own + "traffic/up", true, false},
		{edge, own + "road/event", true, false},
		{edge, own + "status", true, false},
		{edge, own + "gateway" + eui, true, false},
		{edge, own + "frame", true, true},
		{edge, "modellregion/v1/mast-8/frame", false, true},
		{edge, "modellregion/v1/+/frame", false, true},
		{edge, "modellregion/v1/+/frame/#", false, false},
		{edge, "modellregion/+/+/frame", false, false},
		{edge, "modellregion/v1/#", false, false},
		{edge, "modellregion/v1/+/+", false, false},
		{edge, "modellregion/v1/+/status", false, false},
		{edge, "modellregion/v1/Mast/frame", false, false},
		{edge, "$share/g/modellregion/v1/+/frame", false, false},
		{edge, own + "stored", false, true},
		{edge, own + "devices", false, true},
		{edge, own + "down" + eui, false, true},
		{edge, own + "down/+", false, true},
		{edge, own + "down/#", false, false},
		{edge, own + "#", false, false},
		{edge, own + "+", false, false},
		{edge, own + "+/up", false, false},
		{edge, own + "secret/up", false, false},
		{edge, "modellregion/v1/mast-70/traffic/up", false, false},
		{edge, "modellregion/v1/mast-8/stored", false, false},
		{edge, "modellregion/v1/mast-8/down/+", false, false},
		{edge, "modellregion/v1/+/stored", false, false},
		{edge, "modellregion/v2/mast-7/traffic/up", false, false},
		{edge, "$share/g/" + own + "stored", false, false},
		{edge, "$SYS/broker/uptime", false, false},
		{edge, "#", false, false},
		{edge, "+/+/+/+", false, false},
		{edge, "", false, false},

		{platform, own + "stored", true, true},
		{platform, "modellregion/v1/+/+/up", true, true}, // the library refuses to publish on a filter
		{platform, "modellregion/v1/#", true, true},
		{platform, "$share/ingest/modellregion/v1/+/+/up", false, true},
		{platform, "$share/ingest/#", false, false},
		{platform, "$share/ingest", false, false},
		{platform, "$share", false, false},
		{platform, "modellregion/#", false, false},
		{platform, "modellregion/v1", false, false},
		{platform, "+/v1/a/b", false, false},
		{platform, "#", false, false},
		{platform, "$SYS/#", false, false},
		{platform, "other/topic", false, false},

		{reader, "modellregion/v1/+/energy/#", false, true},
		{reader, "modellregion/v1/+/energy/+", false, true},
		{reader, "modellregion/v1/mast-7/energy/up", false, true},
		{reader, "modellregion/v1/+/energy/event", false, true},
		{reader, "modellregion/v1/+/energy", false, false},
		{reader, "modellregion/v1/+/traffic/#", false, false},
		{reader, "modellregion/v1/+/+/up", false, false},
		{reader, "modellregion/v1/#/energy/up", false, false},
		{reader, "modellregion/v1/+/energy/up/#", false, false},
		{reader, "modellregion/v1/energy/stored", false, false},
		{reader, "modellregion/v1/energy/energy/up", false, true}, // an edge may have that name
		{reader, "$share/g/modellregion/v1/+/energy/#", false, false},

		{reader, "modellregion/v1/+/frame", false, false},
		{reader, own + "frame", false, false},

		{nobody, own + "status", false, false},
		{nobody, "modellregion/v1/+/frame", false, false},
		{nobody, "#", false, false},
	} {
		if got := tc.who.mayPublish(tc.topic); got != tc.publish {
			t.Errorf("%s may publish %q: %v", tc.who.role, tc.topic, got)
		}
		if got := tc.who.mayRead(tc.topic); got != tc.read {
			t.Errorf("%s may read %q: %v", tc.who.role, tc.topic, got)
		}
	}
}

func TestIdentityCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		id   Identity
		want string // part of the error, "" for none
	}{
		"platform":     {Identity{User: "platform", Password: "hush", Role: Platform}, ""},
		"edge":         {Identity{User: "mast-7", Password: "hush", Role: Edge}, ""},
		"reader":       {Identity{User: "werke", Password: "hush", Role: Reader, Domains: []uplink.Domain{uplink.Energy}}, ""},
		"no name":      {Identity{Password: "hush", Role: Platform}, "1 to 128"},
		"wildcard":     {Identity{User: "a+b", Password: "hush", Role: Platform}, "1 to 128"},
		"no password":  {Identity{User: "platform", Role: Platform}, "neither password nor certificate"},
		"no role":      {Identity{User: "platform", Password: "hush"}, "role"},
		"edge name":    {Identity{User: "Mast 7", Password: "hush", Role: Edge}, "edge name"},
		"other domain": {Identity{User: "werke", Password: "hush", Role: Reader, Domains: []uplink.Domain{uplink.Energy, "water"}}, "domain"},
	} {
		err := tc.id.Check()
		switch {
		case (err == nil) != (tc.want == ""):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		case err != nil && !strings.Contains(err.Error(), tc.want):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: %v shows the password", name, err)
		}
	}
	twice := Identity{User: "a", Password: "p", Role: Edge}
	if _, err := newAccounts([]Identity{twice, twice}); err == nil {
		t.Error("the same user twice is accepted")
	}
}

func TestLogin(t *testing.T) {
	as, err := newAccounts([]Identity{{User: "a", Password: "secret", Role: Edge}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		user, password string
		want           bool
	}{
		{"a", "secret", true}, {"a", "Secret", false}, {"a", "", false}, {"b", "secret", false}, {"", "", false}, {"b", "", false},
	} {
		if _, _, why := as.login(nil, tc.user, []byte(tc.password), time.Now()); (why == "") != tc.want {
			t.Errorf("login %q with %q: %v", tc.user, tc.password, why)
		}
	}
}

// FuzzRights: an edge and a reader never reach a topic that is not theirs,
// however the filter is written.
func FuzzRights(f *testing.F) {
	for _, s := range []string{"modellregion/v1/mast-7/stored", "modellregion/v1/+/energy/#", "modellregion/v1/mast-7/down/+", "$share/g/#", "#", "modellregion/v1/mast-7//up", "+/+", "modellregion/v1/+/frame", "modellregion/v1/mast-8/frame"} {
		f.Add(s)
	}
	edge := account{user: "mast-7", role: Edge}
	reader := account{user: "werke", role: Reader, domains: []uplink.Domain{uplink.Energy}}
	f.Fuzz(func(t *testing.T, s string) {
		frame := strings.HasSuffix(s, "/frame") && strings.Count(s, "/") == 3
		own := strings.HasPrefix(s, "modellregion/v1/mast-7/")
		if edge.mayPublish(s) && !own || edge.mayRead(s) && !own && !frame {
			t.Errorf("the edge may use %q", s)
		}
		if edge.mayRead(s) && edge.mayPublish(s) && !frame {
			t.Errorf("the edge may read and publish %q", s)
		}
		if reader.mayPublish(s) || reader.mayRead(s) && !strings.Contains(s, "/energy/") {
			t.Errorf("the reader may use %q", s)
		}
	})
}
