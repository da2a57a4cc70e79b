//go:build !ingestonly

package main

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"

	"modellregion/devices/registry"
	"modellregion/uplink"
)

// hasSource reports whether a name is that of a source.
func (c *config) hasSource(name string) bool {
	return slices.ContainsFunc(c.Sources, func(s sourceConfig) bool { return s.Name == name })
}

// drawKeys gives new devices of sources keys of which nobody makes use: their
// own are with their network, and the registry wants some of every device.
func (s store) drawKeys(b *registry.Builder, records []registry.Record) {
	for _, r := range records {
		f := r.Fields
		if !s.cfg.hasSource(cmp.Or(f["edge"], b.Defaults["edge"])) || slices.ContainsFunc(registry.Columns, func(c string) bool { return registry.IsSecret(c) && f[c] != "" }) {
			continue
		}
		eui, err := uplink.ParseEUI(strings.NewReplacer("-", "", ":", "", " ", "").Replace(f["dev_eui"]))
		if _, known := b.Known[eui]; known || err != nil {
			continue
		}
		f["app_key"] = drawnKey()
		profile := cmp.Or(f["profile"], b.Defaults["profile"])
		if b.Profiles[cmp.Or(b.ProfileNames[profile], profile)].LoRaWAN.TwoRoots() {
			f["nwk_key"] = drawnKey()
		}
	}
}

func drawnKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return hex.EncodeToString(key)
}
