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
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// members is who belongs to a group in a calendar year, as kept in the private
// folder. It never changes: from what a group consumed before and after
// somebody came, his part could be told.
type members struct {
	Version      int      `json:"v"`
	Group        string   `json:"group"`
	Municipality string   `json:"municipality"`
	Year         int      `json:"year"`
	Connections  []string `json:"connections"` // pseudonyms, ordered
}

// id is what the group is called in public: a new series each year, since its
// members are others.
func (m *members) id() string { return m.Group + "-" + strconv.Itoa(m.Year) }

// errMembers says no more about the file, which holds pseudonyms.
var errMembers = errors.New("a file of group members is damaged: restore it from a backup")

func parseMembers(data []byte) (*members, error) {
	var m members
	err := json.Unmarshal(data, &m)
	if err == nil && m.Version > Version {
		return nil, newer(m.Version)
	}
	if err != nil || m.Version != Version || !validName(m.Group) || m.Municipality == "" || !slices.IsSorted(m.Connections) {
		return nil, errMembers
	}
	return &m, nil
}

// validName reports whether a group may be a part of file names and addresses:
// 1 to 64 of a-z, 0-9 and hyphens.
func validName(s string) bool {
	return len(s) >= 1 && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// users returns the meters of each connection user. Who has meters in several
// groups or municipalities is in none.
func users(meters []devices.Household) map[string][]devices.Household {
	out := map[string][]devices.Household{}
	for _, m := range meters {
		if m.Connection != "" {
			out[m.Connection] = append(out[m.Connection], m)
		}
	}
	for c, list := range out {
		for _, m := range list {
			if m.Group != list[0].Group || m.Municipality != list[0].Municipality {
				delete(out, c)
			}
		}
	}
	return out
}

func (r *Release) membersDir(year int) string {
	return filepath.Join(r.dir, "members", strconv.Itoa(year))
}

// frozen returns the groups of a year. A group that is large enough to be
// published is frozen when it is first seen; before, it is none, so that it can
// grow.
func (r *Release) frozen(ctx context.Context, year int, byUser map[string][]devices.Household) ([]*members, error) {
	known, err := r.readMembers(year)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, m := range known {
		for _, c := range m.Connections {
			taken[c] = true
		}
	}
	fresh := map[string]*members{}
	spread := map[string]bool{} // over several municipalities
	for _, c := range slices.Sorted(maps.Keys(byUser)) {
		first := byUser[c][0]
		if known[first.Group] != nil || taken[c] || !validName(first.Group) {
			continue
		}
		m := fresh[first.Group]
		if m == nil {
			m = &members{Version: Version, Group: first.Group, Municipality: first.Municipality, Year: year}
			fresh[first.Group] = m
		}
		spread[m.Group] = spread[m.Group] || m.Municipality != first.Municipality
		m.Connections = append(m.Connections, c)
	}
	for name, m := range fresh {
		if len(m.Connections) < r.rule.k || spread[name] {
			continue
		}
		kept, err := r.freeze(ctx, m)
		if err != nil {
			return nil, err
		}
		if kept != nil {
			known[name] = kept
		}
	}
	return slices.SortedFunc(maps.Values(known), func(a, b *members) int { return strings.Compare(a.Group, b.Group) }), nil
}

// readMembers returns the groups frozen in a year by name.
func (r *Release) readMembers(year int) (map[string]*members, error) {
	known := map[string]*members{}
	entries, err := os.ReadDir(r.membersDir(year))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read members of groups: %w", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".json" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(r.membersDir(year), e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read members of groups: %w", err)
		}
		m, err := parseMembers(data)
		if err != nil {
			return nil, err
		}
		known[m.Group] = m
	}
	return known, nil
}

// freeze keeps the members of a group, or returns those that another instance
// has kept. It returns nil when the group is public already and its members
// were lost: it stays as it is, and the others go on.
func (r *Release) freeze(ctx context.Context, m *members) (*members, error) {
	// What is public of a group whose members are not known was made with
	// another folder, and perhaps of others.
	year := devices.Span{Start: opendata.Day{Year: m.Year, Month: 1, Day: 1}.Span().Start, End: opendata.Day{Year: m.Year + 1, Month: 1, Day: 1}.Span().Start}
	path := filepath.Join(r.membersDir(m.Year), m.Group+".json")
	if public, err := r.public(ctx, year, m.id()); err != nil {
		return nil, err
	} else if _, err := os.Stat(path); public && errors.Is(err, fs.ErrNotExist) {
		if !r.lost[m.id()] {
			r.lost[m.id()] = true
			r.cfg.Log.Error("a group of households is public and the private folder does not know its members: restore the folder from a backup; until then nothing more is published of the group",
				"dataset", r.cfg.Dataset.ID, "group", m.id())
		}
		return nil, nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("keep members of group %s: %w", m.id(), err)
	}
	if err := makeDir(r.membersDir(m.Year)); err != nil {
		return nil, fmt.Errorf("keep members of group %s: %w", m.id(), err)
	}
	if data, err = keep(path, data); err != nil {
		return nil, fmt.Errorf("keep members of group %s: %w", m.id(), err)
	}
	return parseMembers(data)
}

// forget removes the members of years of which no day can be decided any more:
// pseudonyms are kept no longer than they are needed (GDPR Art. 5 (1) (e)).
func (r *Release) forget(before int) error {
	dir := filepath.Join(r.dir, "members")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list members of groups: %w", err)
	}
	for _, e := range entries {
		if year, err := strconv.Atoi(e.Name()); err != nil || year >= before {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("forget members of groups: %w", err)
		}
	}
	return nil
}

// public reports whether something of the span is in the store, of one station
// or, when it is empty, of any.
func (r *Release) public(ctx context.Context, span devices.Span, station string) (bool, error) {
	for _, w := range r.rule.windows {
		rows, err := r.cfg.Store.Windows(ctx, r.cfg.Dataset.ID, time.Duration(w), span, station)
		if err != nil {
			return false, fmt.Errorf("look what is public of dataset %s: %w", r.cfg.Dataset.ID, err)
		}
		if len(rows) > 0 {
			return true, nil
		}
	}
	return false, nil
}
