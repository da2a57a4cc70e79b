//go:build !ingestonly

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"modellregion/opendata"
)

// writeDatasets writes datasets as the key datasets of a region.yaml. Texts are
// quoted as in JSON, which YAML 1.2 contains.
func writeDatasets(out io.Writer, sets []opendata.Dataset) error {
	var b strings.Builder
	if len(sets) == 0 {
		b.WriteString("datasets: []\n")
	} else {
		b.WriteString("datasets:\n")
	}
	for i := range sets {
		writeDataset(&b, &sets[i])
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeDataset(b *strings.Builder, d *opendata.Dataset) {
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("  - id: %s", d.ID)
	line("    domain: %s", d.Domain)
	line("    title: {de: %s, en: %s}", quoted(d.Title.De), quoted(d.Title.En))
	line("    description:")
	line("      de: %s", quoted(d.Description.De))
	line("      en: %s", quoted(d.Description.En))
	line("    quantities: [%s]", strings.Join(d.Quantities, ", "))
	line("    windows: [%s]", strings.ReplaceAll(windowList(d), " ", ", "))
	if d.Grouping != "" {
		line("    grouping: %s", d.Grouping)
	}
	if len(d.Percentiles) > 0 {
		line("    percentiles: [%s]", strings.Trim(strings.ReplaceAll(fmt.Sprint(d.Percentiles), " ", ", "), "[]"))
	}
	line("    licence: %s", d.Licence.ID)
	if d.Publisher != "" {
		line("    publisher: %s", quoted(d.Publisher))
	}
	if d.Contact != "" {
		line("    contact: %s", quoted(d.Contact))
	}
	line("    themes: [%s]", strings.Join(d.Themes, ", "))
	if h := d.Households; h != nil {
		delay := h.Delay.String()
		if h.Delay%time.Hour == 0 { // 24h, not 24h0m0s
			delay = fmt.Sprintf("%dh", h.Delay/time.Hour)
		}
		line("    households: {k: %d, delay: %s, total: %t}", h.K, delay, h.Total)
	}
}

// quoted writes a text in quotes.
func quoted(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a text always has a JSON form
	return strings.TrimSuffix(b.String(), "\n")
}
