// Package profiles holds the device profiles that are shipped with the
// product, one YAML file each.
//
// It reads and checks profiles, its own and those in an operator's folder. It
// leaves decoding to devices/codec and the question which device has which
// profile to devices/registry.
package profiles

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"modellregion/devices"
	"modellregion/devices/codec"
)

//go:embed *.yaml
var shipped embed.FS

// Shipped returns the profiles that come with the product, by their id.
func Shipped() (map[string]devices.Profile, error) { return Load(shipped) }

// Load reads every *.yaml file at the top of a folder as a profile and
// compiles its codec. It reports every file that is wrong, each with its name.
func Load(folder fs.FS) (map[string]devices.Profile, error) {
	names, err := fs.Glob(folder, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	out := make(map[string]devices.Profile, len(names))
	var errs []error
	for _, name := range names {
		data, err := fs.ReadFile(folder, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read profile: %w", err))
			continue
		}
		p, err := parse(data)
		if err == nil && name != p.ID+".yaml" {
			err = fmt.Errorf("id is %q, want that of the file name", p.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("profile %s: %w", name, err))
			continue
		}
		out[p.ID] = p
	}
	return out, errors.Join(errs...)
}

func parse(data []byte) (devices.Profile, error) {
	p := devices.Profile{LoRaWAN: devices.LoRaWAN{Version: "1.0.3", Class: "A"}}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&p); err != nil {
		return devices.Profile{}, err
	}
	switch {
	case p.ID == "" || p.Name == "":
		return devices.Profile{}, errors.New("id and name must be given")
	case !p.Domain.Valid():
		return devices.Profile{}, fmt.Errorf("domain is %q, want traffic, energy, road or environment", p.Domain)
	case p.Interval <= 0:
		return devices.Profile{}, fmt.Errorf("interval is %v, want the time between two uplinks like 5m", p.Interval)
	case !slices.Contains(devices.LoRaWANVersions(), p.LoRaWAN.Version):
		return devices.Profile{}, fmt.Errorf("lorawan.version is %q, want one of %s", p.LoRaWAN.Version, strings.Join(devices.LoRaWANVersions(), ", "))
	case p.LoRaWAN.Class != "A" && p.LoRaWAN.Class != "C":
		return devices.Profile{}, fmt.Errorf("lorawan.class is %q, want A, listening after its uplinks, or C, listening always", p.LoRaWAN.Class)
	}
	if _, err := codec.Compile(p.Codec); err != nil {
		return devices.Profile{}, err
	}
	return p, nil
}
