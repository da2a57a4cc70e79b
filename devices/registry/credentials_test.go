package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCredentialsOfAnEdge(t *testing.T) {
	r, ctx := open(t), t.Context()
	day := 24 * time.Hour
	now := time.Now().UTC().Truncate(time.Second)
	first := Credential{ID: "a1", Edge: "rathaus", Kind: Certificate, Issued: now, Expires: now.Add(60 * day)}
	second := Credential{ID: "a2", Edge: "rathaus", Kind: Certificate, Issued: now.Add(day), Expires: now.Add(700 * day)}
	foreign := Credential{ID: "b1", Edge: "feuerwache", Kind: Password, Mosquitto: "$7$1$a$b", Issued: now}

	before, err := r.Revision(ctx)
	if err := errors.Join(err, r.AdmitEdge(ctx, first), r.AdmitEdge(ctx, foreign)); err != nil {
		t.Fatal(err)
	}
	if after, err := r.Revision(ctx); err != nil || after != before+2 {
		t.Errorf("revision %d after %d (%v): nobody learns of the edges", after, before, err)
	}
	if err := r.AdmitEdge(ctx, second); !errors.Is(err, ErrHasCredential) {
		t.Errorf("added twice: %v", err)
	}
	if err := r.RenewEdge(ctx, Credential{ID: "c", Edge: "turm", Kind: Certificate, Issued: now}, now); err == nil || !strings.Contains(err.Error(), "not in the registry") {
		t.Errorf("renewed without being there: %v", err)
	}

	// The old one ends at the time given, or before.
	if err := r.RenewEdge(ctx, second, now.Add(30*day)); err != nil {
		t.Fatal(err)
	}
	first.Expires = now.Add(30 * day)
	all := func(want ...Credential) {
		t.Helper()
		got, err := r.Credentials(ctx)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
	all(foreign, first, second)
	third := Credential{ID: "a3", Edge: "rathaus", Kind: Certificate, Issued: now.Add(2 * day), Expires: now.Add(900 * day)}
	if err := r.RenewEdge(ctx, third, now.Add(40*day)); err != nil {
		t.Fatal(err)
	}
	second.Expires = now.Add(40 * day)
	all(foreign, first, second, third)

	// Revoked is revoked, also what was known elsewhere; others stay.
	at := now.Add(35 * day) // the first is over by then
	n, err := r.RevokeEdge(ctx, "rathaus", at, Credential{ID: "drawn", Kind: Password, Issued: at})
	if err != nil || n != 2 {
		t.Errorf("%d revoked (%v), want 2", n, err)
	}
	second.Revoked, third.Revoked = at, at
	all(foreign, first, second, third, Credential{ID: "drawn", Edge: "rathaus", Kind: Password, Issued: at, Revoked: at})
	edges, err := r.Edges(ctx)
	if diff := cmp.Diff([]Edge{{Name: "feuerwache"}}, edges); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// It may come back.
	again := Credential{ID: "a4", Edge: "rathaus", Kind: Certificate, Issued: at, Expires: at.Add(day)}
	if err := r.AdmitEdge(ctx, again); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		Credential
		at   time.Time
		want bool
	}{{again, at, true}, {again, at.Add(day), false}, {foreign, at.Add(9999 * day), true}, {third, at, false}, {first, at, false}} {
		if got := c.Counts(c.at); got != c.want {
			t.Errorf("%s counts at %v: %v", c.ID, c.at, got)
		}
	}
	for _, bad := range []Credential{{}, {ID: "x", Edge: "Rat haus", Kind: Password, Issued: now}, {Edge: "turm", Kind: Password, Issued: now},
		{ID: "x", Edge: "turm", Kind: "smile", Issued: now}, {ID: "x", Edge: "turm", Kind: Password}} {
		if err := r.AdmitEdge(ctx, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
