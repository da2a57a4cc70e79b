package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/internal/strictyaml"
)

// vendorsYAML is vendor/index.yaml.
type vendorsYAML struct {
	Vendors []struct {
		ID   string `yaml:"id"`
		Name string `yaml:"name"`
	} `yaml:"vendors"`
}

// vendorYAML is vendor/V/index.yaml.
type vendorYAML struct {
	EndDevices []string `yaml:"endDevices"` // files in vendor/V without their ending
}

// deviceYAML is vendor/V/DEVICE.yaml.
type deviceYAML struct {
	Name             string         `yaml:"name"`
	FirmwareVersions []firmwareYAML `yaml:"firmwareVersions"`
	ProductURL       string         `yaml:"productURL"`
	DataSheetURL     string         `yaml:"dataSheetURL"`
}

type firmwareYAML struct {
	Version  any `yaml:"version"`
	Profiles map[string]struct {
		ID       string `yaml:"id"`
		VendorID string `yaml:"vendorID"` // whose profile it is; empty: the device's vendor
		Codec    string `yaml:"codec"`
	} `yaml:"profiles"` // by region
}

// profileYAML is vendor/V/PROFILE.yaml.
type profileYAML struct {
	MACVersion     any  `yaml:"macVersion"`
	SupportsClassC bool `yaml:"supportsClassC"`
}

// codecYAML is vendor/V/CODEC.yaml.
type codecYAML struct {
	UplinkDecoder   functionYAML `yaml:"uplinkDecoder"`
	DownlinkEncoder functionYAML `yaml:"downlinkEncoder"`
	DownlinkDecoder functionYAML `yaml:"downlinkDecoder"`
}

type functionYAML struct {
	FileName string               `yaml:"fileName"`
	Examples []strictyaml.At[any] `yaml:"examples"`
}

// thingsLoaded is a profile that several devices share, or why it is none.
type thingsLoaded struct {
	lorawan devices.LoRaWAN
	err     error
}

// regionEU868 is how The Things Network calls the channels from 863 to 870 MHz.
const regionEU868 = "EU863-870"

func (r *reader) yaml(file string, into any) error {
	data, err := r.read(file, maxFile)
	if err != nil {
		return err
	}
	return parseYAML(data, into)
}

// theThings reads vendor/*. The list of vendors gives them their names alone:
// a vendor that it forgot is read as well.
func (r *reader) theThings(ctx context.Context) {
	names := map[string]string{}
	var list vendorsYAML
	if err := r.yaml("vendor/index.yaml", &list); err != nil {
		r.fault("vendor/index.yaml", err)
	}
	for _, v := range list.Vendors {
		names[v.ID] = v.Name
	}
	for _, folder := range r.folders("vendor") {
		if ctx.Err() != nil {
			return
		}
		if name := cmp.Or(names[folder], folder); wanted(r.opts.Vendor, folder, name) {
			r.theThingsVendor(ctx, path.Join("vendor", folder), name)
		}
	}
}

func (r *reader) theThingsVendor(ctx context.Context, dir, vendor string) {
	file := path.Join(dir, "index.yaml")
	if _, err := fs.Stat(r.fs, file); errors.Is(err, fs.ErrNotExist) {
		return // some vendors have profiles for others, and no devices
	}
	var v vendorYAML
	if err := r.yaml(file, &v); err != nil {
		r.fault(file, err)
		return
	}
	for _, id := range v.EndDevices {
		if ctx.Err() != nil {
			return
		}
		device, err := inside(dir, id+".yaml")
		if err != nil {
			r.fault(file, fmt.Errorf("endDevices: %w", err))
			continue
		}
		r.theThingsDevice(dir, device, vendor)
	}
}

func (r *reader) theThingsDevice(dir, file, vendor string) {
	var d deviceYAML
	if err := r.yaml(file, &d); err != nil {
		if wanted(r.opts.Device, stem(file)) {
			r.matched = true
			r.fault(file, err)
		}
		return
	}
	d.Name = cmp.Or(d.Name, stem(file))
	if !wanted(r.opts.Device, stem(file), d.Name) {
		return
	}
	r.matched = true
	if len(d.FirmwareVersions) == 0 {
		r.skip(file, "no firmware")
		return
	}
	var models []firmware
	for _, f := range slices.Backward(d.FirmwareVersions) { // the newest is the last
		m, err := r.theThingsFirmware(dir, f)
		if err != nil {
			r.fault(file, fmt.Errorf("firmware %s: %w", cmp.Or(m.version, "without a version"), err))
			continue
		}
		models = append(models, m)
	}
	r.addModels(models, vendor, path.Base(dir), d.Name, stem(file), file, cmp.Or(d.DataSheetURL, d.ProductURL))
}

func (r *reader) theThingsFirmware(dir string, f firmwareYAML) (firmware, error) {
	m := firmware{}
	if f.Version != nil {
		m.version = clean(fmt.Sprint(f.Version))
	}
	p, ok := f.Profiles[regionEU868]
	switch {
	case !ok:
		m.reason = "not for EU868"
		return m, nil
	case p.Codec == "":
		m.reason = "no codec"
		return m, nil
	}
	home := dir
	if p.VendorID != "" {
		var err error
		if home, err = inside(path.Dir(dir), p.VendorID); err != nil {
			return m, fmt.Errorf("vendorID: %w", err)
		}
	}
	var err error
	if m.lorawan, err = r.theThingsProfile(home, p.ID); err != nil {
		return m, err
	}
	m.codec, m.reason, err = r.theThingsCodec(dir, p.Codec)
	return m, err
}

func (r *reader) theThingsProfile(dir, id string) (devices.LoRaWAN, error) {
	file, err := inside(dir, id+".yaml")
	if err != nil {
		return devices.LoRaWAN{}, fmt.Errorf("profile: %w", err)
	}
	if l := r.loaded[file]; l != nil {
		return l.lorawan, l.err
	}
	var p profileYAML
	var l devices.LoRaWAN
	if err = r.yaml(file, &p); err == nil {
		l, err = linkLayer(p.MACVersion, p.SupportsClassC)
	}
	if err != nil {
		err = fmt.Errorf("profile %s: %w", file, err)
	}
	r.loaded[file] = &thingsLoaded{l, err}
	return l, err
}

// theThingsCodec reads a codec and its examples once. The reason says why
// there is none.
func (r *reader) theThingsCodec(dir, id string) (_ *Codec, reason string, err error) {
	file, err := inside(dir, id+".yaml")
	if err != nil {
		return nil, "", fmt.Errorf("codec: %w", err)
	}
	if c, known := r.codecs[file]; known {
		if c == nil {
			return nil, "", fmt.Errorf("codec %s is broken, as said above", id)
		}
		return c, "", nil
	}
	var y codecYAML
	if err := r.yaml(file, &y); err != nil {
		r.codecs[file] = nil
		return nil, "", fmt.Errorf("codec %s: %w", file, err)
	}
	if y.UplinkDecoder.FileName == "" {
		return nil, "no uplink decoder", nil
	}
	r.codecs[file] = nil
	c := &Codec{scripts: map[string]string{}}
	for _, f := range []struct {
		key, call string
		functionYAML
	}{
		{"uplinkDecoder", decodeUplink, y.UplinkDecoder},
		{"downlinkEncoder", encodeDownlink, y.DownlinkEncoder},
		{"downlinkDecoder", decodeDownlink, y.DownlinkDecoder},
	} {
		if f.FileName == "" {
			continue
		}
		script, err := r.script(c, dir, f.FileName)
		switch {
		case err != nil && f.call == decodeUplink:
			return nil, "", fmt.Errorf("codec %s: %s: %w", file, f.key, err)
		case err != nil:
			r.fault(file, fmt.Errorf("%s: %w", f.key, err))
			continue
		case f.call == decodeUplink:
			c.Name = script
		}
		var list []any
		var lines []int
		for _, e := range f.Examples {
			list, lines = append(list, e.Value), append(lines, e.Line)
		}
		r.addExamples(c, script, f.call, file, list, lines, exampleKeys{name: "description", output: "output"})
	}
	r.codecs[file] = c
	r.report.Codecs = append(r.report.Codecs, c)
	return c, "", nil
}

// script reads a script of a codec once.
func (r *reader) script(c *Codec, dir, name string) (string, error) {
	file, err := inside(dir, name)
	if err != nil {
		return "", err
	}
	if _, known := c.scripts[file]; known {
		return file, nil
	}
	source, err := r.read(file, maxFile)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	c.scripts[file] = strings.TrimPrefix(string(source), "\ufeff")
	return file, nil
}
