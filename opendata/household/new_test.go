package household

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"modellregion/opendata"
)

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	with := func(change func(d *opendata.Dataset)) *opendata.Dataset {
		d := dataset(5, false)
		change(d)
		return d
	}
	for name, tc := range map[string]struct {
		dataset *opendata.Dataset
		want    string // in the error; empty: none
	}{
		"defaults":         {with(func(d *opendata.Dataset) { d.Households = &opendata.Households{} }), ""},
		"no windows":       {with(func(d *opendata.Dataset) { d.Windows = nil }), ""},
		"no rule":          {with(func(d *opendata.Dataset) { d.Households = nil }), "no rule"},
		"k of 4":           {with(func(d *opendata.Dataset) { d.Households.K = 4 }), "want at least 5"},
		"an hour's delay":  {with(func(d *opendata.Dataset) { d.Households.Delay = time.Hour }), "want at least 24h"},
		"no end of it":     {with(func(d *opendata.Dataset) { d.Households.Delay = 100 * 24 * time.Hour }), "longer than readings"},
		"no days":          {with(func(d *opendata.Dataset) { d.Windows = d.Windows[:2] }), "want a window of 1d"},
		"minutes":          {with(func(d *opendata.Dataset) { d.Windows = append(d.Windows, opendata.Minute) }), "window 1m"},
		"voltages":         {with(func(d *opendata.Dataset) { d.Quantities = []string{"voltage"} }), `"voltage"`},
		"of roads":         {with(func(d *opendata.Dataset) { d.Domain = "road" }), "of domain energy"},
		"nothing":          {with(func(d *opendata.Dataset) { d.Quantities = nil }), "no quantities"},
		"a second dataset": {with(func(d *opendata.Dataset) { d.ID = "strom" }), `published by dataset "haushalte"`},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.want == `published by dataset "haushalte"` {
				newWorld().release(t, dir, dataset(5, false))
			}
			where := dir
			if tc.want == "" {
				where = t.TempDir()
			}
			_, err := New(Config{Dataset: tc.dataset, Dir: where, Retention: retention, Log: slog.New(slog.DiscardHandler)})
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
