//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"modellregion/devices"
	"modellregion/internal/durable"
	"modellregion/uplink"
)

const (
	stationsEvery = time.Second     // between two looks at the file of another process
	retryStations = 5 * time.Second // after a failure
)

// publicStations is stations.json beside the public files: what a process with
// role public is told of the stations, and everything that it is told.
type publicStations struct {
	V        int             `json:"v"`
	Stations []publicStation `json:"stations"` // ordered by id
}

type publicStation struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Municipality string        `json:"municipality"`
	District     string        `json:"district,omitempty"`
	Road         string        `json:"road,omitempty"`
	Domain       uplink.Domain `json:"domain"`
	Lat          float64       `json:"lat"`
	Lon          float64       `json:"lon"`
	Segment      string        `json:"segment,omitempty"` // WKT, as devices.Segment.String
}

func openFolder(cfg config) string { return filepath.Join(cfg.DataDir, "open") }

func stationsFile(cfg config) string { return filepath.Join(openFolder(cfg), "stations.json") }

// writeStations replaces the file in one step. Everybody may read it: what is
// in it is public.
func writeStations(path string, stations []devices.Station) error {
	out := publicStations{V: 1, Stations: make([]publicStation, 0, len(stations))}
	for _, s := range stations {
		out.Stations = append(out.Stations, publicStation{s.ID, s.Name, s.Municipality, s.District, s.Road, s.Domain, s.Place.Lat, s.Place.Lon, s.Segment.String()})
	}
	data, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("write the list of public stations: %w", err)
	}
	return durable.WriteFile(path, data, 0o644)
}

// parseStations reads what writeStations wrote.
func parseStations(data []byte) ([]devices.Station, error) {
	var in publicStations
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("list of public stations: %w", err)
	}
	if in.V != 1 {
		return nil, fmt.Errorf("list of public stations has v=%d, want 1: update this program", in.V)
	}
	out := make([]devices.Station, 0, len(in.Stations))
	for _, s := range in.Stations {
		segment, err := devices.ParseSegment(s.Segment)
		if err != nil {
			return nil, fmt.Errorf("list of public stations: %.64q: %w", s.ID, err)
		}
		place := devices.Place{Lat: s.Lat, Lon: s.Lon}
		if s.ID == "" || !s.Domain.Valid() || !place.Valid() {
			return nil, fmt.Errorf("list of public stations: %.64q has no id, domain or place", s.ID)
		}
		out = append(out, devices.Station{
			ID: s.ID, Name: s.Name, Municipality: s.Municipality, District: s.District, Road: s.Road, Domain: s.Domain, Place: place, Segment: segment,
		})
	}
	return out, nil
}

// publishStations keeps the file up to date with the registry.
func (p *platform) publishStations(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.stationsDue:
		}
		if err := writeStations(stationsFile(p.cfg), p.directory.Stations()); err != nil {
			p.log.Error("list of public stations was not written, trying again", "err", err, "in", retryStations)
			time.AfterFunc(retryStations, func() { wake(p.stationsDue) })
		}
	}
}

// stationList is an opendata.Directory of that file. It knows what is public
// and nothing else: no intervals and no facts.
type stationList struct {
	path    string
	log     *slog.Logger
	current atomic.Pointer[[]devices.Station]
	seen    time.Time // modification time of what was read last
	failing bool
}

func newStationList(path string, log *slog.Logger) *stationList {
	l := &stationList{path: path, log: log}
	l.current.Store(&[]devices.Station{})
	l.look()
	return l
}

// Stations implements opendata.Directory.
func (l *stationList) Stations() []devices.Station { return *l.current.Load() }

// Interval implements opendata.Directory.
func (*stationList) Interval(string, *devices.Quantity) time.Duration { return 0 }

// Fact implements opendata.Directory.
func (*stationList) Fact(string, string) (float64, bool) { return 0, false }

// follow looks for a new list until ctx ends.
func (l *stationList) follow(ctx context.Context) error {
	ticker := time.NewTicker(stationsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			l.look()
		}
	}
}

// look takes a new list over. Without one, or with a damaged one, the last
// remains.
func (l *stationList) look() {
	err := l.read()
	switch {
	case err != nil && !l.failing && errors.Is(err, fs.ErrNotExist):
		l.log.Warn("no list of public stations yet, the process with role aggregate writes it", "file", l.path)
	case err != nil && !l.failing:
		l.log.Error("list of public stations cannot be read", "err", err)
	case err == nil && l.failing:
		l.log.Info("list of public stations is there")
	}
	l.failing = err != nil
}

func (l *stationList) read() error {
	info, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(l.seen) {
		return nil
	}
	data, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	stations, err := parseStations(data)
	if err != nil {
		return err
	}
	l.current.Store(&stations)
	l.seen = info.ModTime()
	return nil
}
