package broker

import (
	"strings"
	"testing"

	"modellregion/uplink"
)

// The rights that Mosquitto is given are those of this broker: each line is one
// that its account has, and who has no line has no right. How Mosquitto takes
// them is tested with it, in e2e.
func TestMosquittoACL(t *testing.T) {
	ids := identities()
	as, err := newAccounts(ids)
	if err != nil {
		t.Fatal(err)
	}
	var who account
	lines := 0
	for line := range strings.Lines(MosquittoACL(ids...) + strings.ReplaceAll("user mast-7\n"+strings.ReplaceAll(MosquittoEdgesACL(), "%u", "mast-7"), "pattern ", "topic ")) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		access, topic, _ := strings.Cut(rest, " ")
		concrete := strings.NewReplacer("gateway/+", "gateway/a84041ffff1eec20", "+/up", "energy/up", "+/event", "energy/event").Replace(topic)
		switch word {
		case "user":
			who = as[rest]
		case "topic":
			lines++
			if access != "read" && !who.mayPublish(concrete) || access != "write" && !who.mayRead(topic) {
				t.Errorf("%s gets what it has not here: %s", who.user, line)
			}
		case "":
		default:
			t.Errorf("a line for everybody: %s", line)
		}
	}
	if want := 1 + 3*9 + 1; lines != want { // platform, two edges and one by the pattern, a reader
		t.Errorf("%d rights, want %d", lines, want)
	}
	if users := MosquittoACL(Identity{User: "werke", Role: Reader, Domains: []uplink.Domain{uplink.Energy}}); strings.Contains(users, "pattern") || strings.Contains(users, "write") {
		t.Errorf("a reader would be the edge of its name: %s", users)
	}
}

func TestMosquittoPassword(t *testing.T) {
	first, err := MosquittoPassword("0123456789abcdef0123")
	second, err2 := MosquittoPassword("0123456789abcdef0123")
	if err != nil || err2 != nil || first == second || !strings.HasPrefix(first, "$7$1000$") || strings.Count(first, "$") != 4 || strings.Contains(first, "0123456789abcdef") {
		t.Errorf("%s %s (%v, %v)", first, second, err, err2)
	}
}
