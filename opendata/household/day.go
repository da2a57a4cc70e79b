package household

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/opendata"
)

func (r *Release) daysDir() string { return filepath.Join(r.dir, "days") }

func (r *Release) path(day opendata.Day) string {
	return filepath.Join(r.daysDir(), day.String()+".json")
}

// notePath is the file that says that the decision about a day is public.
func (r *Release) notePath(day opendata.Day) string {
	return filepath.Join(r.daysDir(), day.String()+".published")
}

// unpublished returns the days that were decided and perhaps not published,
// however old: a crash may be longer ago than readings are kept.
func (r *Release) unpublished() ([]opendata.Day, error) {
	entries, err := os.ReadDir(r.daysDir())
	if err != nil {
		return nil, fmt.Errorf("list decided days: %w", err)
	}
	published := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".published"); ok {
			published[name] = true
		}
	}
	var days []opendata.Day
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || published[name] {
			continue
		}
		if day, err := opendata.ParseDay(name); err == nil {
			days = append(days, day)
		}
	}
	return days, nil
}

// load returns the decision about a day, or nil when there is none yet.
func (r *Release) load(day opendata.Day) (*record, error) {
	data, err := os.ReadFile(r.path(day))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read decision: %w", err)
	}
	return parseRecord(data, r.cfg.Dataset.ID, day)
}

// decide decides about a day for ever. It returns nil when that can wait, since
// nobody has said anything about the day yet or no group is large enough.
func (r *Release) decide(ctx context.Context, day opendata.Day) (*record, error) {
	meters := r.cfg.Directory.Households()
	stations, err := read(ctx, r.cfg.Readings, r.cfg.Dataset.Domain, r.quantities, meters, day.Span())
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(stations)), station.reported) {
		return nil, nil
	}
	byUser := users(meters)
	groups, err := r.frozen(ctx, day.Year, byUser)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	if public, err := r.public(ctx, day.Span(), ""); err != nil {
		return nil, err
	} else if rec, err := r.load(day); public && (rec != nil || err != nil) {
		return rec, err // another instance was quicker
	} else if public {
		r.cfg.Log.Warn("a day of households is public and the private folder does not know it: left as it is", "dataset", r.cfg.Dataset.ID, "day", day.String())
		r.done[day] = true
		return nil, nil
	}
	data, err := json.Marshal(r.judge(day, groups, byUser, stations))
	if err != nil {
		return nil, fmt.Errorf("keep decision: %w", err)
	}
	if data, err = keep(r.path(day), data); err != nil {
		return nil, fmt.Errorf("keep decision: %w", err)
	}
	r.cfg.Log.Info("a day of households is decided", "dataset", r.cfg.Dataset.ID, "day", day.String())
	return parseRecord(data, r.cfg.Dataset.ID, day)
}

// judge applies the rule to what each group counted in a day.
func (r *Release) judge(day opendata.Day, groups []*members, byUser map[string][]devices.Household, stations map[string]station) *record {
	complete := make([][]user, len(groups))
	for i, g := range groups {
		for _, c := range g.Connections {
			meters := byUser[c]
			// Who has moved to another group since is in neither.
			if len(meters) == 0 || meters[0].Group != g.Group || meters[0].Municipality != g.Municipality {
				continue
			}
			if u := total(meters, stations, len(r.quantities)); u != nil {
				complete[i] = append(complete[i], u)
			}
		}
	}
	rec := &record{Version: Version, Dataset: r.cfg.Dataset.ID, Day: day.String(), Series: []outcome{}}
	for q, quantity := range r.quantities {
		counted := make([]group, len(groups))
		for i, g := range groups {
			counted[i] = group{id: g.id(), municipality: g.Municipality}
			for _, u := range complete[i] {
				if u[q] != nil {
					counted[i].members = append(counted[i].members, u[q])
				}
			}
		}
		for _, s := range r.rule.decide(counted, quarters(day)) {
			rec.Series = append(rec.Series, outcome{s.station, quantity.Name, s.window.String(), s.sums})
		}
	}
	return rec
}
