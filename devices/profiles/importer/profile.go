package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/internal/strictyaml"
)

// profile makes the profile of a device; link is where its vendor describes
// it, and may be empty.
func (r *reader) profile(id, vendor, model, file, link string, lorawan devices.LoRaWAN, c *Codec) devices.Profile {
	return devices.Profile{
		ID: id, Name: clean(model), Vendor: clean(vendor), Domain: r.opts.Domain, Interval: r.opts.Interval, LoRaWAN: lorawan,
		Source: clean(strings.TrimSuffix(fmt.Sprintf("%s: %s, %s", r.report.Layout, file, link), ", ")),
		Codec:  devices.Codec{Kind: "javascript", Source: c.source()},
	}
}

// clean makes one line of a text.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if r := []rune(s); len(r) > 200 {
		s = string(r[:199]) + "…"
	}
	return s
}

// profileID makes an id of the names of folders and files: lower-case letters,
// digits and hyphens, the vendor first and once.
func profileID(vendor, device, firmware string) string {
	v, d := slug(vendor), slug(device)
	id := d
	if v != "" && d != v && !strings.HasPrefix(d, v+"-") {
		id = v + "-" + d
	}
	if f := slug(firmware); f != "" {
		id += "-fw-" + f
	}
	id = strings.Trim(id[:min(len(id), 64)], "-")
	return cmp.Or(id, "device")
}

func slug(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// stem is a file's name without folder and ending.
func stem(file string) string { return strings.TrimSuffix(path.Base(file), path.Ext(file)) }

// linkLayer makes what an edge knows of what the repositories write: versions
// with two or three numbers, and whether there is class C.
func linkLayer(version any, classC bool) (devices.LoRaWAN, error) {
	text := strings.TrimSpace(fmt.Sprint(version))
	l := devices.LoRaWAN{Version: text, Class: "A"}
	if version == nil || text == "" {
		l.Version = "1.0.3"
	}
	switch text {
	case "1", "1.0":
		l.Version = "1.0.0"
	case "1.1":
		l.Version = "1.1.0"
	}
	if classC {
		l.Class = "C"
	}
	if !slices.Contains(devices.LoRaWANVersions(), l.Version) {
		return l, fmt.Errorf("LoRaWAN version %.40q, want one of %s", text, strings.Join(devices.LoRaWANVersions(), ", "))
	}
	return l, nil
}

// YAML returns the profile as the file that devices/profiles reads.
func YAML(p devices.Profile, layout Layout) ([]byte, error) {
	literal := literalBlock(p.Codec.Source)
	for _, source := range []string{literal, " " + quote(p.Codec.Source) + "\n"} {
		if source == "" {
			continue
		}
		text := fmt.Sprintf(`# Imported from a checkout of %s. The codec is its
# author's work, under the licence of that repository.
#
# Check domain and interval, and write a map for the fields that have no
# quantity yet: modellregion devices codec test shows them.
id: %s
name: %s
vendor: %s
source: %s
domain: %s
interval: %s
lorawan: {version: %s, class: %s}
codec:
  kind: javascript
  source:%s`, layout, p.ID, quote(p.Name), quote(p.Vendor), quote(p.Source), p.Domain, p.Interval, quote(p.LoRaWAN.Version), p.LoRaWAN.Class, source)
		var back devices.Profile
		if err := strictyaml.Decode([]byte(text), &back); err == nil && same(back, p) {
			return []byte(text), nil
		}
	}
	return nil, errors.New("the codec holds characters that cannot be written in YAML")
}

func same(a, b devices.Profile) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// literalBlock writes a script as people want to read it, or returns "" for
// one that a literal block would change.
func literalBlock(s string) string {
	if s == "" || strings.ContainsAny(s, "\r\x00\ufeff") || strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n") || strings.HasPrefix(s, "\t") {
		return ""
	}
	indicator := " |+"
	if !strings.HasSuffix(s, "\n") {
		indicator = " |-"
	}
	var b strings.Builder
	b.WriteString(indicator + "\n")
	for line := range strings.Lines(s) {
		if strings.TrimRight(line, "\n") != "" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	if indicator == " |-" {
		b.WriteByte('\n')
	}
	return b.String()
}

// quote writes a text as a double-quoted scalar, and by their numbers the
// characters that YAML allows nowhere or takes for an end of line.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // no text fails
	}
	quoted := strings.TrimSuffix(b.String(), "\n")
	b.Reset()
	for _, c := range quoted {
		if c >= 0x7f && c <= 0x9f || c == 0xfeff || c == 0xfffe || c == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}
