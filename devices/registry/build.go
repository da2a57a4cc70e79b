package registry

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/uplink"
)

// Builder makes devices of records. Profiles must be given.
type Builder struct {
	Profiles     map[string]devices.Profile
	ProfileNames map[string]string             // what a list calls a profile → its id
	Known        map[uplink.EUI]devices.Device // what the registry has
	Defaults     map[string]string             // by column, for what a new device is not given
	Check        func(devices.Device) error    // what the caller knows: municipalities and edges; may be nil
	numbers      map[string]int                // highest running number by prefix of a station
	first        map[uplink.EUI]string         // where a device stands first
}

// maxProblems bounds what Build says of a list.
const maxProblems = 20

// Build makes a device of each record: a known one as it is with what the
// record says, a new one with the defaults, and a station and a name when it
// is given none. It returns every problem, up to twenty and how many more, each
// with its place and column, and then no devices.
func (b *Builder) Build(records []Record) ([]devices.Device, error) {
	b.first = make(map[uplink.EUI]string, len(records))
	out := make([]devices.Device, 0, len(records))
	var errs []error
	for _, r := range records {
		d, err := b.build(r)
		for _, e := range flatten(err) {
			errs = append(errs, fmt.Errorf("%s: %w", r.At, e))
		}
		out = append(out, d)
	}
	if len(errs) > maxProblems {
		errs = append(errs[:maxProblems:maxProblems], fmt.Errorf("and %d more", len(errs)-maxProblems))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if err := b.nameStations(out); err != nil {
		return nil, err
	}
	return out, nil
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}

// unnamed stands in for a station that nameStations finds, while it is checked.
const unnamed = "unnamed"

func (b *Builder) build(r Record) (devices.Device, error) {
	eui, err := parseEUI(r.Fields["dev_eui"])
	if err != nil {
		return devices.Device{}, fmt.Errorf("dev_eui: %w", err)
	}
	if at, twice := b.first[eui]; twice {
		return devices.Device{}, fmt.Errorf("dev_eui: %s stands in %s already", eui, at)
	}
	b.first[eui] = r.At
	var f map[string]string
	known, isKnown := b.Known[eui]
	if isKnown {
		f = r.over(known)
	} else {
		f = withDefaults(r.Fields, b.Defaults)
	}
	p, profileErr := b.profile(f["profile"])
	if r.networkRoot && !p.LoRaWAN.TwoRoots() && slices.ContainsFunc(secretColumns, func(c string) bool { return r.Fields[c] != "" }) {
		oneRoot(f)
	}
	d, err := parse(f)
	d.EUI, d.Profile, d.Domain, d.Nonces = eui, p.ID, p.Domain, known.Nonces
	errs := []error{err}
	if profileErr != nil {
		errs = append(errs, profileErr)
		d.Profile, d.Domain = "unknown", uplink.Energy // said once; households have no other
	}
	if d.Visibility == "" {
		d.Visibility = devices.Internal
	}
	whole := d
	whole.Name, whole.Station = cmp.Or(d.Name, unnamed), cmp.Or(d.Station, unnamed)
	if err == nil {
		errs = append(errs, Check(whole))
	}
	if err == nil && profileErr == nil {
		errs = append(errs, fitKeys(d.Keys, p))
	}
	if b.Check != nil && err == nil {
		errs = append(errs, b.Check(d))
	}
	return d, errors.Join(errs...)
}

// profile finds a profile by its id, by what the list is said to call it, or
// by its name.
func (b *Builder) profile(name string) (devices.Profile, error) {
	if name == "" {
		return devices.Profile{}, errors.New("profile: must be given: the id of one, see devices profiles list")
	}
	if id, ok := b.ProfileNames[name]; ok {
		name = id
	}
	for _, id := range []string{name, strings.ReplaceAll(name, "/", "-")} {
		if p, ok := b.Profiles[id]; ok {
			return p, nil
		}
	}
	for _, p := range b.Profiles {
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
	}
	best := nearest(name, slices.Sorted(maps.Keys(b.Profiles)))
	if best != "" {
		return devices.Profile{}, fmt.Errorf("profile: %.64q is unknown, perhaps %s", name, best)
	}
	return devices.Profile{}, fmt.Errorf("profile: %.64q is unknown, want the id of one, see devices profiles list", name)
}

// parse reads the fields of a record but dev_eui and profile.
func parse(f map[string]string) (devices.Device, error) {
	d := devices.Device{
		Name: f["name"], Station: f["station"], Municipality: f["municipality"],
		District: f["district"], Road: f["road"], Connection: f["connection"], Group: f["group"],
		Edge: f["edge"], Visibility: devices.Visibility(f["visibility"]), Owner: f["owner"],
	}
	var errs []error
	note := func(column string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", column, err))
		}
	}
	var err error
	if s := f["join_eui"]; s != "" {
		d.JoinEUI, err = parseEUI(s)
		note("join_eui", err)
	}
	d.Place.Lat, err = parseDegrees(f["lat"], "51.7189")
	note("lat", err)
	d.Place.Lon, err = parseDegrees(f["lon"], "8.7575")
	note("lon", err)
	d.Segment, err = devices.ParseSegment(f["segment"])
	note("segment", err)
	d.Disabled, err = parseYes(f["disabled"])
	note("disabled", err)
	d.ResetFCnt, err = parseYes(f["reset_f_cnt"])
	note("reset_f_cnt", err)
	if s := f["variables"]; s != "" && s != "{}" {
		if json.Unmarshal([]byte(s), &d.Variables) != nil {
			note("variables", fmt.Errorf("%.64q, want a JSON object of strings like {\"height\":\"2.5\"}", s))
		}
	}
	d.Keys, err = ParseKeys(func(column string) string { return f[column] })
	errs = append(errs, err)
	return d, errors.Join(errs...)
}

// stationWords are what a domain is called in a station's id.
var stationWords = map[uplink.Domain]string{
	uplink.Traffic: "verkehr", uplink.Energy: "energie", uplink.Road: "strasse", uplink.Environment: "umwelt",
}

// nameStations gives a station and a name to those that have none, and refuses
// stations and groups whose devices would not go together.
func (b *Builder) nameStations(list []devices.Device) error {
	b.numbers = map[string]int{}
	for _, d := range b.Known {
		b.take(d.Station)
	}
	for _, d := range list {
		b.take(d.Station)
	}
	for i := range list {
		d := &list[i]
		if d.Station == "" {
			d.Station = b.nextStation(d.Municipality + "-" + cmp.Or(stationWords[d.Domain], string(d.Domain)))
		}
		if d.Name == "" {
			d.Name = cmp.Or(b.Profiles[d.Profile].Name, d.Profile)
		}
	}
	return b.fit(list)
}

// take notes the running number of a station.
func (b *Builder) take(station string) {
	if i := strings.LastIndexByte(station, '-'); i > 0 {
		prefix := station[:i]
		b.numbers[prefix] = max(b.numbers[prefix], stationNumber(station, prefix))
	}
}

func (b *Builder) nextStation(prefix string) string {
	b.numbers[prefix]++
	return fmt.Sprintf("%s-%03d", prefix, b.numbers[prefix])
}

// Diff tells which devices of a list are new, which are changed and how many
// are what they were.
func Diff(known map[uplink.EUI]devices.Device, list []devices.Device) (added, changed []devices.Device, unchanged int) {
	for _, d := range list {
		old, ok := known[d.EUI]
		switch {
		case !ok:
			added = append(added, d)
		case reflect.DeepEqual(normal(old), normal(d)):
			unchanged++
		default:
			changed = append(changed, d)
		}
	}
	return added, changed, unchanged
}

// normal makes nothing and an empty list the same.
func normal(d devices.Device) devices.Device {
	if len(d.Variables) == 0 {
		d.Variables = nil
	}
	if len(d.Segment) == 0 {
		d.Segment = nil
	}
	return d
}
