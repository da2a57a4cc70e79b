package household_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata"
	"modellregion/opendata/household"
	"modellregion/uplink"
)

type meters []devices.Household

func (m meters) Households() []devices.Household { return m }

type nothing struct{}

func (nothing) Publish(context.Context, *opendata.Dataset, []opendata.Day) error { return nil }

// TestInflux runs a day of twelve homes through the database that is used in
// the field: one meter is exchanged, and one reports when it is too late.
func TestInflux(t *testing.T) {
	// The server does not let go of its files at once.
	dir, err := os.MkdirTemp("", "household")
	if err != nil {
		t.Fatal(err)
	}
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: filepath.Join(dir, "influx")})
	if err != nil {
		t.Fatal(err)
	}
	c := influx.New(influx.Config{URL: server.URL(), Username: server.Platform.Username, Password: server.Platform.Password})
	t.Cleanup(func() {
		c.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	day := opendata.DayOf(time.Now().Add(-72 * time.Hour))
	energy, _ := devices.Lookup("energy_import")
	var homes meters
	var now, late []devices.Report
	for i := range 12 {
		homes = append(homes, devices.Household{Station: fmt.Sprintf("meter-%d", i), Connection: fmt.Sprint("user-", i), Group: "dorf", Municipality: "hoexter"})
		for at := day.Span().Start; !at.After(day.Span().End); at = at.Add(15 * time.Minute) {
			minutes := at.Sub(day.Span().Start).Minutes()
			r := devices.Report{
				Device: uplink.EUI{1, byte(i)}, Station: homes[i].Station, Municipality: "hoexter", Domain: uplink.Energy, Time: at,
				Readings: []devices.Reading{{Quantity: energy, Value: 5e6 + minutes*float64(i+1)}},
			}
			switch {
			case i == 5 && minutes > 600: // exchanged for one that begins with nearly the same
				r.Device = uplink.EUI{2, byte(i)}
				r.Readings[0].Value += 3
			case i == 7:
				late = append(late, r)
				continue
			}
			now = append(now, r)
		}
	}
	if err := c.Write(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	dataset := &opendata.Dataset{
		ID: "haushalte", Domain: uplink.Energy, Quantities: []string{"energy_import"},
		Windows: []opendata.Window{opendata.Quarter, opendata.Hour, opendata.Day24}, Households: &opendata.Households{Total: true},
	}
	r, err := household.New(household.Config{
		Dataset: dataset, Readings: c, Directory: homes, Store: c, Publisher: nothing{},
		Dir: filepath.Join(dir, "private"), Retention: 90 * 24 * time.Hour, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	hour := float64((12*13/2 - 6 - 8) * 60) // Wh of all but the two
	hours := day.Span().End.Sub(day.Span().Start).Hours()
	for range 2 {
		if err := r.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := c.Windows(t.Context(), "haushalte", time.Hour, day.Span(), "")
		if err != nil || len(rows) != int(hours) {
			t.Fatalf("%d hours are public (%v), want %v", len(rows), err, hours)
		}
		for _, row := range rows {
			if row.Sum != hour || row.Count != 0 || row.Station != fmt.Sprintf("dorf-%d", day.Year) {
				t.Errorf("published %+v, want %v Wh", row, hour)
			}
		}
		total, err := c.Windows(t.Context(), "haushalte", 24*time.Hour, day.Span(), "")
		if err != nil || len(total) != 1 || total[0].Station != "hoexter" || total[0].Sum != hour*hours {
			t.Errorf("the days are %+v (%v), want %v Wh of hoexter", total, err, hour*hours)
		}
		if err := c.Write(t.Context(), late); err != nil {
			t.Fatal(err)
		}
	}
}
