package household

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"modellregion/devices"
)

func meters(group, municipality string, connections ...string) (list []devices.Household) {
	for _, c := range connections {
		list = append(list, devices.Household{Station: "m-" + c, Connection: c, Group: group, Municipality: municipality})
	}
	return list
}

// TestMembersAreFrozen: who is in a group of a year is decided when there are
// enough for it, and stays.
func TestMembersAreFrozen(t *testing.T) {
	w := newWorld()
	r := w.release(t, t.TempDir(), dataset(5, false))
	five := []string{"a", "b", "c", "d", "e"}
	for i, step := range []struct {
		year   int
		meters []devices.Household
		want   string
	}{
		{2026, meters("nord", "paderborn", "a", "b", "c", "d"), ""},
		{2026, meters("nord", "paderborn", five...), "nord-2026: a b c d e"},
		{2026, append(meters("nord", "paderborn", append(five, "f")...), meters("sued", "paderborn", "g", "h")...), "nord-2026: a b c d e"},
		{2026, meters("nord", "paderborn", "a"), "nord-2026: a b c d e"},
		// Who was in a group this year cannot make another one large enough.
		{2026, meters("sued", "paderborn", "e", "g", "h", "i", "j"), "nord-2026: a b c d e"},
		{2026, meters("sued", "paderborn", "e", "g", "h", "i", "j", "k"), "nord-2026: a b c d e, sued-2026: g h i j k"},
		{2027, meters("nord", "paderborn", append(five, "f")...), "nord-2027: a b c d e f"},
		// Who has meters in two groups is in none; a group of two places is none.
		{2028, append(meters("nord", "paderborn", append(five, "f")...), meters("sued", "paderborn", "f")...), "nord-2028: a b c d e"},
		{2029, append(meters("nord", "paderborn", five...), meters("nord", "hoexter", "x")...), ""},
		{2029, meters("../nord", "paderborn", five...), ""},
	} {
		groups, err := r.frozen(t.Context(), step.year, users(step.meters))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range groups {
			got = append(got, fmt.Sprintf("%s: %s", m.id(), strings.Join(m.Connections, " ")))
		}
		if all := strings.Join(got, ", "); all != step.want {
			t.Errorf("step %d: %q, want %q", i, all, step.want)
		}
	}
}

// TestUsers: the meters of one connection user are together.
func TestUsers(t *testing.T) {
	list := append(meters("nord", "paderborn", "a", "a", "b", ""), meters("nord", "hoexter", "b")...)
	got := users(list)
	if len(got) != 1 || len(got["a"]) != 2 {
		t.Errorf("users %v, want a with two meters alone", got)
	}
	if !slices.ContainsFunc(list, func(m devices.Household) bool { return m.Connection == "b" }) {
		t.Error("the list was changed")
	}
}
