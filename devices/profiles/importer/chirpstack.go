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
)

// vendorTOML is vendors/V/vendor.toml.
type vendorTOML struct {
	Vendor struct {
		Name    string   `toml:"name"`
		Devices []string `toml:"devices"` // files in vendors/V/devices
	} `toml:"vendor"`
}

// deviceTOML is a file in vendors/V/devices.
type deviceTOML struct {
	Device struct {
		Name     string         `toml:"name"`
		Firmware []firmwareTOML `toml:"firmware"`
		Metadata struct {
			ProductURL       string `toml:"product_url"`
			DocumentationURL string `toml:"documentation_url"`
		} `toml:"metadata"`
	} `toml:"device"`
}

type firmwareTOML struct {
	Version  string   `toml:"version"`
	Profiles []string `toml:"profiles"` // files in vendors/V/profiles
	Codec    string   `toml:"codec"`    // file in vendors/V/codecs
}

// profileTOML is a file in vendors/V/profiles.
type profileTOML struct {
	Profile struct {
		Region     string `toml:"region"`
		MACVersion string `toml:"mac_version"`
		ClassC     bool   `toml:"supports_class_c"`
	} `toml:"profile"`
}

// chirpStack reads vendors/*.
func (r *reader) chirpStack(ctx context.Context) {
	for _, folder := range r.folders("vendors") {
		if ctx.Err() != nil {
			return
		}
		r.chirpStackVendor(ctx, path.Join("vendors", folder))
	}
}

func (r *reader) toml(file string, into any) error {
	data, err := r.read(file, maxTOML)
	if err != nil {
		return err
	}
	return parseTOML(data, into)
}

func (r *reader) chirpStackVendor(ctx context.Context, dir string) {
	file := path.Join(dir, "vendor.toml")
	folder := path.Base(dir)
	var v vendorTOML
	if err := r.toml(file, &v); err != nil {
		if wanted(r.opts.Vendor, folder) {
			r.fault(file, err)
		}
		return
	}
	v.Vendor.Name = cmp.Or(v.Vendor.Name, folder)
	if !wanted(r.opts.Vendor, folder, v.Vendor.Name) {
		return
	}
	for _, name := range v.Vendor.Devices {
		if ctx.Err() != nil {
			return
		}
		device, err := inside(path.Join(dir, "devices"), name)
		if err != nil {
			r.fault(file, fmt.Errorf("devices: %w", err))
			continue
		}
		r.chirpStackDevice(dir, device, v.Vendor.Name)
	}
	r.unlisted(dir, v.Vendor.Devices)
}

// unlisted names the devices that vendor.toml has forgotten.
func (r *reader) unlisted(dir string, listed []string) {
	files, err := fs.Glob(r.fs, path.Join(dir, "devices", "*.toml"))
	if err != nil {
		r.fault(dir, err)
	}
	for _, f := range files {
		if !slices.Contains(listed, path.Base(f)) && wanted(r.opts.Device, stem(f)) {
			r.skip(f, "not listed in vendor.toml")
		}
	}
}

func (r *reader) chirpStackDevice(dir, file, vendor string) {
	var d deviceTOML
	if err := r.toml(file, &d); err != nil {
		if wanted(r.opts.Device, stem(file)) {
			r.matched = true
			r.fault(file, err)
		}
		return
	}
	d.Device.Name = cmp.Or(d.Device.Name, stem(file))
	if !wanted(r.opts.Device, stem(file), d.Device.Name) {
		return
	}
	r.matched = true
	if len(d.Device.Firmware) == 0 {
		r.skip(file, "no firmware")
		return
	}
	link := cmp.Or(d.Device.Metadata.DocumentationURL, d.Device.Metadata.ProductURL)
	var models []firmware
	for _, f := range slices.Backward(d.Device.Firmware) { // the newest is the last
		m, reason, err := r.chirpStackFirmware(dir, f)
		switch {
		case err != nil:
			r.fault(file, fmt.Errorf("firmware %s: %w", cmp.Or(f.Version, "without a version"), err))
		case reason != "":
			models = append(models, firmware{reason: reason})
		default:
			models = append(models, m)
		}
	}
	r.addModels(models, vendor, path.Base(dir), d.Device.Name, stem(file), file, link)
}

// firmware is what makes the profiles of one device differ.
type firmware struct {
	version string
	lorawan devices.LoRaWAN
	codec   *Codec
	reason  string // why there is none
}

// addModels adds a device once for each codec and link layer that its
// firmwares have, the newest first. It is skipped when none has any.
func (r *reader) addModels(models []firmware, vendor, vendorID, model, deviceID, file, link string) {
	var seen []firmware
	reason := ""
	for _, m := range models {
		if m.codec == nil {
			reason = cmp.Or(reason, m.reason)
			continue
		}
		if slices.ContainsFunc(seen, func(s firmware) bool { return s.codec == m.codec && s.lorawan == m.lorawan }) {
			continue
		}
		older, name := "", model
		if len(seen) > 0 {
			older, name = m.version, fmt.Sprintf("%s (firmware %s)", model, m.version)
		}
		seen = append(seen, m)
		id := profileID(vendorID, deviceID, older)
		r.add(Device{Vendor: clean(vendor), Model: clean(name), File: file, Codec: m.codec,
			Profile: r.profile(id, vendor, name, file, link, m.lorawan, m.codec)})
	}
	if len(seen) == 0 && reason != "" {
		r.skip(file, reason)
	}
}

func (r *reader) chirpStackFirmware(dir string, f firmwareTOML) (firmware, string, error) {
	m := firmware{version: f.Version}
	if f.Codec == "" {
		return m, "no codec", nil
	}
	found := false
	for _, name := range f.Profiles {
		file, err := inside(path.Join(dir, "profiles"), name)
		if err != nil {
			return m, "", fmt.Errorf("profiles: %w", err)
		}
		var p profileTOML
		if err := r.toml(file, &p); err != nil {
			return m, "", fmt.Errorf("profile %s: %w", name, err)
		}
		if !strings.EqualFold(p.Profile.Region, "EU868") {
			continue
		}
		l, err := linkLayer(p.Profile.MACVersion, p.Profile.ClassC)
		if err != nil {
			return m, "", fmt.Errorf("profile %s: %w", name, err)
		}
		if !found || l.Class == "C" { // of two for EU868 the one that can do more
			m.lorawan, found = l, true
		}
	}
	if !found {
		return m, "not for EU868", nil
	}
	var err error
	m.codec, err = r.chirpStackCodec(dir, f.Codec)
	return m, "", err
}

// chirpStackCodec reads a codec and its examples once.
func (r *reader) chirpStackCodec(dir, name string) (*Codec, error) {
	file, err := inside(path.Join(dir, "codecs"), name)
	if err != nil {
		return nil, fmt.Errorf("codec: %w", err)
	}
	if c, known := r.codecs[file]; known {
		if c == nil {
			return nil, fmt.Errorf("codec %s is broken, as said above", name)
		}
		return c, nil
	}
	r.codecs[file] = nil
	source, err := r.read(file, maxFile)
	if err != nil {
		return nil, fmt.Errorf("codec %s: %w", file, err)
	}
	c := &Codec{Name: file, scripts: map[string]string{file: string(source)}}
	for _, t := range []struct{ prefix, call string }{{"test_decode_", decodeUplink}, {"test_encode_", encodeDownlink}} {
		r.chirpStackExamples(c, path.Join(path.Dir(file), t.prefix+stem(file)+".json"), t.call)
	}
	r.codecs[file] = c
	r.report.Codecs = append(r.report.Codecs, c)
	return c, nil
}

// chirpStackExamples reads a file of examples, which may be missing.
func (r *reader) chirpStackExamples(c *Codec, file, call string) {
	if _, err := fs.Stat(r.fs, file); errors.Is(err, fs.ErrNotExist) {
		return
	}
	data, err := r.read(file, maxFile)
	if err != nil {
		r.fault(file, err)
		return
	}
	list, lines, err := parseJSONList(data)
	if err != nil {
		r.fault(file, err)
	}
	r.addExamples(c, c.Name, call, file, list, lines, exampleKeys{name: "name", output: "expected"})
}

// addExamples parses examples that stand in one file.
func (r *reader) addExamples(c *Codec, script, call, file string, list []any, lines []int, keys exampleKeys) {
	for i, entry := range list {
		line := 0
		if i < len(lines) {
			line = lines[i]
		}
		if len(c.examples) == maxExamples {
			r.fault(file, atLine(line, fmt.Errorf("the codec has more than %d examples", maxExamples)))
			return
		}
		e, err := parseExample(call, entry, keys)
		if err != nil {
			r.fault(file, atLine(line, fmt.Errorf("example %d (%.60s) of %s: %w", i+1, cmp.Or(e.name, "without a name"), call, err)))
			continue
		}
		e.script, e.file, e.line = script, file, line
		c.examples = append(c.examples, e)
	}
}
