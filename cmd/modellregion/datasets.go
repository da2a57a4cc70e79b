//go:build !ingestonly

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/derived"
)

// datasetConfig is what a dataset is told. ingestonly.go has the same keys.
type datasetConfig = opendata.Dataset

// datasets are those of the region, with all that may be left out.
func (c *config) datasets() []opendata.Dataset {
	sets := slices.Clone(c.Datasets)
	if c.Datasets == nil {
		sets = opendata.Defaults()
	}
	for i := range sets {
		d := &sets[i]
		d.Complete()
		d.Publisher, d.Contact = either(d.Publisher, c.Region.Publisher), either(d.Contact, c.Region.Contact)
	}
	return sets
}

// checkDatasets finds what is wrong with the datasets alone and together with
// the rest of the configuration.
func (c *config) checkDatasets(need need) {
	sets := c.datasets()
	for _, m := range mistakes(opendata.CheckAll(sets)) {
		need(false, m.Path, "%s", m.Text)
	}
	owner := map[string]int{} // by quantity of households
	for i := range sets {
		h := sets[i].Households
		if h == nil {
			continue
		}
		at := fmt.Sprintf("datasets[%d].", i)
		need(h.Delay < time.Duration(c.Raw), "raw_retention", "%v, and %s is published %v after a day: want at least %dd, or datasets without it",
			c.Raw, sets[i].ID, h.Delay, daysFor(h))
		for j, name := range sets[i].Quantities {
			first, taken := owner[name]
			need(!taken, fmt.Sprintf("%squantities[%d]", at, j), "%.64s of households is in datasets[%d] already; two would let the difference tell about single households", name, first)
			if !taken {
				owner[name] = i
			}
		}
	}
}

// daysFor is how many days raw readings have to be kept so that a day of
// households can be decided: until its delay is over, with a day of 25 hours
// and some readings before it and a look every few minutes.
func daysFor(h *opendata.Households) int { return int((h.Delay+30*time.Hour-1)/(24*time.Hour)) + 1 }

// mistakes are those that an error of opendata's checks holds.
func mistakes(err error) []*opendata.Mistake {
	var all []*opendata.Mistake
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			all = append(all, mistakes(one)...)
		}
		return all
	}
	var one *opendata.Mistake
	if errors.As(err, &one) {
		all = append(all, one)
	}
	return all
}

// tellDatasets says what is published, and what of it somebody may not want.
func (c *config) tellDatasets(out io.Writer) {
	sets := c.datasets()
	for i := range sets {
		d := &sets[i]
		fmt.Fprintf(out, "  dataset         %s, %s %s, %s: %s\n", d.ID, windowList(d), groupingOf(d), d.Licence.ID, strings.Join(d.Quantities, ", "))
	}
	if len(sets) == 0 {
		fmt.Fprintf(out, "  dataset         none: nothing is published\n")
	}
	advice := c.advice(sets)
	if c.runs(rolePublic) {
		advice = append(advice, c.catalogAdvice(sets, advice)...)
		advice = append(advice, c.portalAdvice()...)
	}
	if len(advice) > 0 {
		fmt.Fprintf(out, "\nIt would run like this. Have a look at:\n")
		for _, text := range advice {
			fmt.Fprintf(out, "  %s\n", text)
		}
	}
}

func windowList(d *opendata.Dataset) string {
	var names []string
	for _, w := range d.Windows {
		names = append(names, w.String())
	}
	return strings.Join(names, " ")
}

// groupingOf says what a row is about.
func groupingOf(d *opendata.Dataset) string {
	if h := d.Households; h != nil {
		return fmt.Sprintf("by group of at least %d households, %v later", h.K, h.Delay)
	}
	return "by " + either(string(d.Grouping), string(opendata.ByStation))
}

// advice is what could be better, as far as a configuration alone can tell.
func (c *config) advice(sets []opendata.Dataset) []string {
	var all []string
	for i := range sets {
		d, path := &sets[i], fmt.Sprintf("datasets[%d]", i)
		say := func(key, format string, args ...any) {
			place := path + key
			if line := c.lines.Of(place); line > 0 {
				place = fmt.Sprintf("line %d: %s", line, place)
			}
			all = append(all, place+": "+fmt.Sprintf(format, args...))
		}
		if len(d.Themes) == 0 {
			say(".themes", "none; catalogues sort %s by them: want some like TRAN, ENER or ENVI", d.ID)
		}
		if d.Description.De == "" || d.Description.En == "" {
			say(".description", "missing in de or en; people read it before they use %s", d.ID)
		}
		switch d.Grouping {
		case opendata.ByRoad, opendata.ByDistrict:
			say(".grouping", "%s has rows of devices with a %s alone (devices add --%s)", d.ID, d.Grouping, d.Grouping)
		}
		c.adviseWindows(d, say)
		adviseQuantities(d, say)
	}
	return all
}

// adviseWindows: a window is computed when it is over, and only while bucket
// raw has all of it.
func (c *config) adviseWindows(d *opendata.Dataset, say func(key, format string, args ...any)) {
	if h := d.Households; h != nil && time.Duration(c.Raw) < time.Duration(daysFor(h))*24*time.Hour {
		say(".households.delay", "no day of %s is decided while raw_retention is %v: want raw_retention at least %dd", d.ID, c.Raw, daysFor(h))
	}
	longest := d.Windows[len(d.Windows)-1]
	if longest >= opendata.Day24 && d.Households == nil && time.Duration(c.Raw) < time.Duration(longest)+24*time.Hour {
		say(".windows", "%s of %s is hardly ever computed while raw_retention is %v: want raw_retention at least %dd", longest, d.ID,
			c.Raw, int(time.Duration(longest).Hours()/24)+1)
	}
}

// adviseQuantities finds what will have no or little meaning.
func adviseQuantities(d *opendata.Dataset, say func(key, format string, args ...any)) {
	gauges := false
	for i, name := range d.Quantities {
		q, ok := devices.Lookup(name)
		if !ok {
			continue
		}
		gauges = gauges || q.Kind == devices.Gauge
		key := fmt.Sprintf(".quantities[%d]", i)
		switch {
		case name == "traffic_state" && d.Base() > opendata.Hour:
			say(key, "traffic_state is of windows up to 1h, and %s has none", d.ID)
		case len(derived.Inputs(name)) > 0 && d.Grouping != "" && d.Grouping != opendata.ByStation && (name != "traffic_state" || d.Grouping != opendata.ByRoad):
			say(key, "%s is derived at one place and says little by %s", name, d.Grouping)
		}
	}
	if len(d.Percentiles) > 0 && !gauges {
		say(".percentiles", "are of gauges like speed_mean, and %s has none", d.ID)
	}
}
