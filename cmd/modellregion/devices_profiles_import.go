//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/devices/profiles/importer"
	"modellregion/uplink"
)

// maxAdded is how many profiles one import puts into the registry: each of its
// profiles is compiled when a command or the platform begins.
const maxAdded = 200

type profilesImportCmd struct {
	optionalConfig
	Dir      string        `arg:"" help:"Checkout of ChirpStack's lorawan-device-profiles or of The Things Network's lorawan-devices." type:"existingdir"`
	Vendor   string        `help:"Only this vendor: its folder or its name."`
	Device   string        `help:"Only this device: its file or its name."`
	Domain   uplink.Domain `help:"Domain of the profiles, which the repositories do not know: traffic, energy, road or environment." default:"environment"`
	Interval time.Duration `help:"Time between two uplinks, which they do not know either." default:"15m"`
	Out      string        `help:"Write the profiles into this folder, a YAML file each." type:"path"`
	Add      bool          `help:"Put the profiles into the registry of the configuration."`
	Replace  bool          `help:"Write profiles that are there already anew. Without, they are kept with the map that somebody gave them."`
	Strict   bool          `help:"End with an error and write nothing when an example fails or an entry is broken."`
	Progress bool          `help:"Show how far it is, also where the error output is no terminal."`
	JSON     bool          `help:"Print JSON."`
}

// Help teaches what happens to other people's codecs.
func (profilesImportCmd) Help() string {
	return `Reads a checkout that you have made yourself; which of both it is, the command finds out:

  git clone https://github.com/chirpstack/lorawan-device-profiles
  modellregion devices profiles import lorawan-device-profiles --vendor NAME

Runs every example of every codec and prints how many passed, what failed and how, what is broken, and which fields have no quantity yet. Codecs run in the sandbox alone: 100 ms, bounded memory, no files and no network.

Without --out and --add nothing is written. Domain and interval are yours to say. Temperature, humidity, pressure and whatever else normalizeUplink gives becomes quantities by itself; for the other fields write a map into the profile and test it with: modellregion devices codec test PROFILE.yaml --port 2 --hex 0a0b

The codecs remain under the licence of their repository.`
}

// Run imports what there is.
func (c profilesImportCmd) Run(ctx context.Context, t *terminal) (err error) {
	if c.Add && c.Config == "" {
		return errors.New("--add: want the configuration too: -c region.yaml")
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return fmt.Errorf("open checkout: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	report, err := importer.Import(ctx, root.FS(), importer.Options{
		Vendor: c.Vendor, Device: c.Device, Domain: c.Domain, Interval: c.Interval, Progress: c.progress(t, time.Now),
	})
	if err != nil {
		return fmt.Errorf("import %s: %w", c.Dir, err)
	}
	failed, broken := report.Failed()
	var w written
	var strict error
	if c.Strict && failed+broken > 0 {
		strict = fmt.Errorf("%d examples failed and %d entries are broken; with --strict nothing is written", failed, broken)
	} else if w, err = c.write(ctx, report); err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(t, importJSON(report, w))
	} else if err = report.Print(t.out); err == nil {
		err = c.tell(t, w)
	}
	return errors.Join(err, strict)
}

// progress tells how far the examples are, at most once a second.
func (c profilesImportCmd) progress(t *terminal, now func() time.Time) func(done, total int) {
	shown := c.Progress
	if f, ok := t.err.(*os.File); ok && !shown {
		info, err := f.Stat()
		shown = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	if !shown {
		return nil
	}
	last := now()
	return func(done, total int) {
		if n := now(); done == total || n.Sub(last) >= time.Second {
			last = n
			fmt.Fprintf(t.err, "%d of %d codecs\n", done, total)
		}
	}
}

// written is what became of the profiles of a report.
type written struct {
	ids     []string
	kept    []string // are there already
	shipped []string // have the id of a profile that comes with the program
	broken  []string // cannot be written, with the reason
}

func (c profilesImportCmd) write(ctx context.Context, report *importer.Report) (w written, err error) {
	if c.Out == "" && !c.Add {
		return w, nil
	}
	shipped, err := profiles.Shipped()
	if err != nil {
		return w, err
	}
	texts := map[string]string{}
	for _, d := range report.Devices {
		id := d.Profile.ID
		if _, taken := shipped[id]; taken {
			w.shipped = append(w.shipped, id)
			continue
		}
		text, err := importer.YAML(d.Profile, report.Layout)
		if err != nil {
			w.broken = append(w.broken, fmt.Sprintf("%s: %v", id, err))
			continue
		}
		texts[id] = string(text)
	}
	if c.Add {
		return c.add(ctx, texts, w)
	}
	return c.writeFiles(texts, w)
}

func (c profilesImportCmd) add(ctx context.Context, texts map[string]string, w written) (written, error) {
	if len(texts) > maxAdded {
		return w, fmt.Errorf("--add: %d profiles, want at most %d at once: choose with --vendor and --device those that you have devices of", len(texts), maxAdded)
	}
	err := withConfig{c.Config}.withStore(ctx, func(s store) error {
		var list []string
		for _, id := range slices.Sorted(maps.Keys(texts)) {
			if _, there := s.profiles[id]; there && !c.Replace {
				w.kept = append(w.kept, id)
				continue
			}
			w.ids = append(w.ids, id)
			list = append(list, texts[id])
		}
		if len(list) == 0 {
			return nil
		}
		_, err := s.PutProfiles(ctx, s.shipped, list...)
		return err
	})
	return w, err
}

func (c profilesImportCmd) writeFiles(texts map[string]string, w written) (written, error) {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return w, fmt.Errorf("make folder of profiles: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(texts)) {
		flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
		if c.Replace {
			flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		f, err := os.OpenFile(filepath.Join(c.Out, id+".yaml"), flags, 0o644)
		if errors.Is(err, fs.ErrExist) {
			w.kept = append(w.kept, id)
			continue
		}
		if err == nil {
			_, err = f.WriteString(texts[id])
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return w, fmt.Errorf("write profile: %w", err)
		}
		w.ids = append(w.ids, id)
	}
	return w, nil
}

// tell says what was written.
func (c profilesImportCmd) tell(t *terminal, w written) error {
	var b strings.Builder
	list := func(format string, ids []string) {
		if len(ids) > 0 {
			fmt.Fprintf(&b, format+": %s\n", len(ids), strings.Join(ids, ", "))
		}
	}
	list("%d profiles are shipped with the program and were left out", w.shipped)
	list("%d profiles are there already and were kept; --replace writes them anew", w.kept)
	list("%d profiles cannot be written", w.broken)
	switch {
	case c.Out == "" && !c.Add:
		b.WriteString("nothing was written; --out FOLDER writes the profiles, --add puts them into the registry\n")
	case c.Strict && len(w.ids)+len(w.kept)+len(w.shipped)+len(w.broken) == 0: // the error says why
	case c.Add:
		fmt.Fprintf(&b, "%d profiles added to the registry; a running platform takes them over within two seconds\n", len(w.ids))
	default:
		fmt.Fprintf(&b, "%d profiles written into %s\n", len(w.ids), c.Out)
	}
	_, err := fmt.Fprint(t.out, b.String())
	return err
}

// importJSON is the report for programs.
func importJSON(r *importer.Report, w written) any {
	type device struct {
		Profile    string          `json:"profile"`
		Vendor     string          `json:"vendor"`
		Model      string          `json:"model"`
		File       string          `json:"file"`
		LoRaWAN    devices.LoRaWAN `json:"lorawan"`
		Codec      string          `json:"codec"`
		Passed     int             `json:"passed"`
		Failed     int             `json:"failed"`
		Quantities []string        `json:"quantities"`
		Unmapped   []string        `json:"unmapped"`
	}
	type difference struct {
		Path string `json:"path"`
		Got  string `json:"got"`
		Want string `json:"want"`
	}
	type failure struct {
		File        string       `json:"file"`
		Example     string       `json:"example"`
		Call        string       `json:"call"`
		Differences []difference `json:"differences"`
	}
	type fault struct {
		File  string `json:"file"`
		Line  int    `json:"line,omitempty"`
		Error string `json:"error"`
	}
	type skipped struct {
		File   string `json:"file"`
		Reason string `json:"reason"`
	}
	out := struct {
		Layout    string    `json:"layout"`
		Devices   []device  `json:"devices"`
		Failures  []failure `json:"failures"`
		Faults    []fault   `json:"faults"`
		Skipped   []skipped `json:"skipped"`
		Written   []string  `json:"written"`
		Kept      []string  `json:"kept"`
		Shipped   []string  `json:"shipped"`
		Unwritten []string  `json:"unwritten"`
	}{
		Layout: string(r.Layout), Devices: []device{}, Failures: []failure{}, Faults: []fault{}, Skipped: []skipped{},
		Written: nonNil(w.ids), Kept: nonNil(w.kept), Shipped: nonNil(w.shipped), Unwritten: nonNil(w.broken),
	}
	for _, d := range r.Devices {
		out.Devices = append(out.Devices, device{
			d.Profile.ID, d.Vendor, d.Model, d.File, d.Profile.LoRaWAN, d.Codec.Name, d.Codec.Passed, len(d.Codec.Failures),
			nonNil(d.Codec.Quantities), nonNil(d.Codec.Unmapped),
		})
	}
	for _, c := range r.Codecs {
		for _, f := range c.Failures {
			one := failure{File: f.File, Example: f.Example, Call: f.Call}
			for _, d := range f.Diffs {
				one.Differences = append(one.Differences, difference(d))
			}
			out.Failures = append(out.Failures, one)
		}
	}
	for _, f := range r.Faults {
		out.Faults = append(out.Faults, fault{f.File, f.Line, f.Err.Error()})
	}
	for _, s := range r.Skipped {
		out.Skipped = append(out.Skipped, skipped(s))
	}
	return out
}

// nonNil is [] in JSON and not null.
func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
