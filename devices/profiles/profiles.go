// Package profiles holds the device profiles that are shipped with the
// product, one YAML file each.
//
// It reads and checks profiles, its own and those in an operator's folder, and
// runs the examples that they carry. It leaves decoding to devices/codec and
// the question which device has which profile to devices/registry.
package profiles

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"modellregion/devices"
	"modellregion/devices/codec"
	"modellregion/internal/strictyaml"
)

//go:embed *.yaml
var shipped embed.FS

// readShipped is done once: they never change, and compiling codecs takes time.
var readShipped = sync.OnceValues(func() (map[string]devices.Profile, error) { return Load(shipped) })

// Shipped returns the profiles that come with the product, by their id. The map
// is the caller's.
func Shipped() (map[string]devices.Profile, error) {
	all, err := readShipped()
	return maps.Clone(all), err
}

// Load reads every *.yaml file at the top of a folder as a profile and
// compiles its codec. It reports every file that is wrong, each with its name.
func Load(folder fs.FS) (map[string]devices.Profile, error) {
	files, err := load(folder)
	out := make(map[string]devices.Profile, len(files))
	for id, f := range files {
		out[id] = f.profile
	}
	return out, err
}

// file is a profile and the examples that stand in its file.
type file struct {
	profile  devices.Profile
	examples []Example
}

func load(folder fs.FS) (map[string]file, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	out := make(map[string]file, len(names))
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read profile: %w", err))
			continue
		}
		f, err := parseFile(data)
		if err == nil && name != f.profile.ID+".yaml" {
			err = fmt.Errorf("id is %q, want that of the file name", f.profile.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("profile %s: %w", name, err))
			continue
		}
		out[f.profile.ID] = f
	}
	return out, errors.Join(errs...)
}

// parse reads one profile and leaves its examples aside once they are checked.
func parse(data []byte) (devices.Profile, error) {
	f, err := parseFile(data)
	return f.profile, err
}

func parseFile(data []byte) (file, error) {
	var src struct {
		Profile  devices.Profile `yaml:",inline"`
		Examples []exampleSource `yaml:"examples"`
	}
	p := &src.Profile
	p.LoRaWAN = devices.LoRaWAN{Version: "1.0.3", Class: "A"}
	if err := strictyaml.Decode(data, &src); err != nil {
		return file{}, err
	}
	if err := check(p); err != nil {
		return file{}, err
	}
	examples, err := parseExamples(src.Examples)
	if err != nil {
		return file{}, err
	}
	return file{profile: *p, examples: examples}, nil
}

func check(p *devices.Profile) error {
	switch {
	case p.ID == "" || p.Name == "":
		return errors.New("id and name must be given")
	case !p.Domain.Valid():
		return fmt.Errorf("domain is %q, want traffic, energy, road or environment", p.Domain)
	case p.Interval <= 0:
		return fmt.Errorf("interval is %v, want the time between two uplinks like 5m", p.Interval)
	case !slices.Contains(devices.LoRaWANVersions(), p.LoRaWAN.Version):
		return fmt.Errorf("lorawan.version is %q, want one of %s", p.LoRaWAN.Version, strings.Join(devices.LoRaWANVersions(), ", "))
	case p.LoRaWAN.Class != "A" && p.LoRaWAN.Class != "C":
		return fmt.Errorf("lorawan.class is %q, want A, listening after its uplinks, or C, listening always", p.LoRaWAN.Class)
	}
	d, err := codec.Compile(p.Codec)
	if err != nil {
		return err
	}
	d.Close()
	return nil
}
