//go:build !ingestonly

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/history"
	"modellregion/opendata"
)

type simulateHistoryCmd struct {
	withConfig
	Stations int    `help:"How many stations, spread over the municipalities of the configuration." default:"300"`
	Full     bool   `help:"Every station measures all that its kind can, where otherwise most measure one quantity: four to five times as many windows."`
	From     date   `help:"First day, in Germany. Default: a year before the last." placeholder:"2025-11-28"`
	To       date   `help:"Last day, itself included. Default: yesterday." placeholder:"2026-11-27"`
	Seed     uint64 `help:"Fixes what was measured." default:"1"`
	Files    bool   `help:"Write the public files too, which takes longer than all else. Not while the platform runs." default:"true" negatable:""`
	Force    bool   `help:"Take away what there is of an earlier run before." xor:"what"`
	Remove   bool   `help:"Take the stations, their windows and what the files say of them away again, and do nothing else." xor:"what"`
	JSON     bool   `help:"Print JSON."`
}

// Help says what is invented, and how one gets rid of it.
func (simulateHistoryCmd) Help() string {
	return `Stations that there are not, with a year of windows of 15 minutes, an hour and a day: for charts, screenshots and to measure with. For a region that nobody relies on:

  modellregion simulate history -c region.yaml                     11 million windows of 15 minutes; then modellregion serve region.yaml
  modellregion simulate history -c region.yaml --full --stations 40 --from 2026-09-01
  modellregion simulate history -c region.yaml --remove            take all of it away; files of days without anything else stay, empty

What they measure is plausible: days, weeks, seasons and public holidays of North Rhine-Westphalia; weather that all share; jams where more want to drive than can; voltage that sags with the load; ice where it is wet and cold; reports that are lost and stations that are out of order. The same --seed gives the same, also of a part of the time.

The windows go straight into bucket open, into the datasets by station that have such quantities and windows. Their stations have ids beginning with "` + history.Prefix + `" and names ending with "(erfunden)", and are public: everybody sees them. They share no district or road with real stations, and the edge that would serve them, "` + history.Edge + `", does not exist: modellregion devices check says so of each. A dataset by municipality has no number of theirs, but tells a lower coverage while they are there: they count among the stations that owe readings.

A year of them takes 0.3 GB in InfluxDB and, in all formats and compressed too, 20 GB of files, which take longer to write than all else: --no-files leaves them out.

With the embedded InfluxDB the platform may run or not. While it runs, the files are its own: use --no-files, and start the platform anew for the latest values. --remove works either way.`
}

// historyDone is what a run has done.
type historyDone struct {
	Stations int     `json:"stations"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Windows  int64   `json:"windows"`
	Seconds  float64 `json:"seconds"` // until they were stored
	Files    bool    `json:"files"`
	FilesSec float64 `json:"files_seconds"`
}

// Run fills the past or takes it away.
func (c simulateHistoryCmd) Run(ctx context.Context, t *terminal) error {
	if err := c.complete(time.Now()); err != nil {
		return err
	}
	return c.withStore(ctx, func(s store) (err error) {
		if slices.Contains(s.serverNames(), history.Edge) {
			return fmt.Errorf("the configuration has an edge or source %q, and the invented devices must have one that there is not", history.Edge)
		}
		b, err := c.open(ctx, t, s)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.close()) }()
		if c.Remove {
			return c.remove(ctx, t, b)
		}
		return c.fill(ctx, t, b)
	})
}

// complete sets the days that are not given and checks them.
func (c *simulateHistoryCmd) complete(now time.Time) error {
	today := opendata.DayOf(now)
	if c.To.Day == (opendata.Day{}) {
		c.To.Day = opendata.DayOf(today.Span().Start.Add(-time.Hour))
	}
	if c.From.Day == (opendata.Day{}) {
		c.From.Day = opendata.DayOf(time.Date(c.To.Year-1, c.To.Month, c.To.Day.Day+1, 12, 0, 0, 0, opendata.Berlin()))
	}
	switch {
	case c.To.Span().Start.Before(c.From.Span().Start):
		return fmt.Errorf("--from %s --to %s: want a first day that is not after the last", c.From, c.To)
	case c.To.Span().End.After(now):
		return fmt.Errorf("--to %s: want a day that is over, %s is the last", c.To, opendata.DayOf(today.Span().Start.Add(-time.Hour)))
	case c.From.Year < 1971:
		return fmt.Errorf("--from %s: want a day from 1971 on", c.From)
	case c.Stations < 1 || c.Stations > history.MaxStations:
		return fmt.Errorf("--stations %d: want 1 to %d", c.Stations, history.MaxStations)
	}
	return nil
}

func sourceNames(cfg *config) []string {
	var names []string
	for i := range cfg.Sources {
		names = append(names, cfg.Sources[i].Name)
	}
	return names
}

func (c *simulateHistoryCmd) generator(b *pastBase) (*history.Generator, error) {
	cfg := history.Config{Seed: c.Seed, Stations: c.Stations, Full: c.Full, Datasets: b.datasets}
	for _, m := range b.store.cfg.Region.Municipalities {
		cfg.Municipalities = append(cfg.Municipalities, history.Municipality{ID: m.ID, Centre: devices.Place{Lat: m.Lat, Lon: m.Lon}})
	}
	return history.New(cfg)
}

func (c *simulateHistoryCmd) fill(ctx context.Context, t *terminal, b *pastBase) error {
	g, err := c.generator(b)
	if err != nil {
		return err
	}
	if err := c.clear(ctx, b, g); err != nil {
		return err
	}
	if err := register(ctx, b, g); err != nil {
		return err
	}
	done := historyDone{Stations: c.Stations, From: c.From.String(), To: c.To.String(), Files: c.Files}
	began := time.Now()
	if done.Windows, err = storePast(ctx, t, b.db, g, c.days()); err != nil {
		return err
	}
	done.Seconds = time.Since(began).Seconds()
	if c.Files {
		began = time.Now()
		if err := b.publish(ctx, t, g, c.days()); err != nil {
			return err
		}
		done.FilesSec = time.Since(began).Seconds()
	}
	if c.JSON {
		return printJSON(t, done)
	}
	fmt.Fprintf(t.out, "%d stations with %d windows from %s to %s, stored in %v", done.Stations, done.Windows, c.From, c.To, time.Duration(done.Seconds*float64(time.Second)).Round(time.Second))
	if c.Files {
		fmt.Fprintf(t.out, "; files in %v", time.Duration(done.FilesSec*float64(time.Second)).Round(time.Second))
	}
	_, err = fmt.Fprintln(t.out)
	return err
}

// days are the days of the past, the oldest first.
func (c *simulateHistoryCmd) days() []opendata.Day {
	var days []opendata.Day
	for d := c.From.Day; !d.Span().Start.After(c.To.Span().Start); d = opendata.DayOf(d.Span().End) {
		days = append(days, d)
	}
	return days
}

// clear sees to it that nothing is written over: it takes away what an earlier
// run has left, or refuses.
func (c *simulateHistoryCmd) clear(ctx context.Context, b *pastBase, g *history.Generator) error {
	ours, err := b.invented(ctx, g.Devices())
	if err != nil {
		return err
	}
	if c.Force {
		if err := b.forget(ctx, ours); err != nil {
			return err
		}
		return b.db.Forget(ctx, history.Prefix)
	}
	span := devices.Span{Start: c.From.Span().Start, End: c.To.Span().End}
	for _, table := range g.Tables() {
		w := table.Windows[0] // the longest: where there are others, there is one of these
		for _, s := range g.Stations() {
			rows, err := b.db.Windows(ctx, table.Dataset.ID, time.Duration(w), span, s.ID)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return fmt.Errorf("bucket open has windows of station %s in dataset %s from %s to %s: want --force, which takes all of such an earlier run away, or other days",
					s.ID, table.Dataset.ID, c.From, c.To)
			}
		}
	}
	return nil
}

// register has the registry show the stations.
func register(ctx context.Context, b *pastBase, g *history.Generator) error {
	if _, err := b.store.PutProfiles(ctx, b.store.shipped, history.Profiles()...); err != nil {
		return err
	}
	return b.store.Put(ctx, g.Devices())
}

func (c *simulateHistoryCmd) remove(ctx context.Context, t *terminal, b *pastBase) error {
	ours, err := b.invented(ctx, nil)
	if err != nil {
		return err
	}
	// The registry first: from then on nobody is shown them.
	if err := b.forget(ctx, ours); err != nil {
		return err
	}
	if err := b.db.Forget(ctx, history.Prefix); err != nil {
		return err
	}
	if b.lock != nil {
		if err := b.retract(ctx); err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(t, map[string]any{"removed": len(ours)})
	}
	left := "and from the files"
	if b.lock == nil {
		left = "the platform that is running takes them out of the files within minutes"
	}
	_, err = fmt.Fprintf(t.out, "%d stations removed with their windows, %s\n", len(ours), left)
	return err
}

// invented returns the devices of earlier runs. It refuses where a device that
// is none of them stands at a station with such an id, whose windows could not
// be told from theirs, or has a DevEUI that is wanted.
func (b *pastBase) invented(ctx context.Context, wanted []devices.Device) ([]devices.Device, error) {
	ids := map[string]bool{}
	for i := range wanted {
		ids[wanted[i].EUI.String()] = true
	}
	var ours []devices.Device
	for _, text := range []string{history.Prefix, history.EUIs} {
		list, _, err := b.store.Find(ctx, registry.Filter{Text: text})
		if err != nil {
			return nil, err
		}
		for i := range list {
			d := &list[i]
			reserved := strings.HasPrefix(d.Station, history.Prefix) || ids[d.EUI.String()]
			if !history.Ours(d) && reserved {
				return nil, fmt.Errorf("device %s at station %s is a real one and has what is kept for invented ones: give it another station", d.EUI, d.Station)
			}
			if text == history.Prefix && history.Ours(d) {
				ours = append(ours, *d)
			}
		}
	}
	return ours, nil
}

// forget takes invented devices and their profiles out of the registry.
func (b *pastBase) forget(ctx context.Context, ours []devices.Device) error {
	for i := range ours {
		if err := b.store.Remove(ctx, ours[i].EUI); err != nil {
			return err
		}
	}
	for _, id := range history.ProfileIDs() {
		if _, known := b.store.profiles[id]; known {
			if err := b.store.RemoveProfile(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// storePast makes the days and stores them, on as many cores as there are; the
// database needs some too.
func storePast(ctx context.Context, t *terminal, db *influx.Client, g *history.Generator, days []opendata.Day) (int64, error) {
	total := int64(0)
	for _, d := range days {
		total += int64(g.Windows(d))
	}
	shown := newPastProgress(t, "windows", total)
	defer shown.end()
	work := make(chan opendata.Day)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for _, d := range days {
			select {
			case work <- d:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range cmp.Or(min(4, runtime.NumCPU()), 1) {
		group.Go(func() error {
			m := g.Maker()
			for d := range work {
				err := m.Day(d, func(set *opendata.Dataset, w opendata.Window, rows []devices.Aggregate) error {
					shown.add(len(rows))
					return db.Put(ctx, set.ID, time.Duration(w), rows)
				})
				if err != nil {
					return fmt.Errorf("store %s: %w", d, err)
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return shown.done.Load(), err
}

// monthsOf splits days into those of a month.
func monthsOf(days []opendata.Day) [][]opendata.Day {
	var out [][]opendata.Day
	for i, d := range days {
		if i == 0 || !strings.HasPrefix(d.String(), days[i-1].String()[:len("2026-11")]) {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], d)
	}
	return out
}
