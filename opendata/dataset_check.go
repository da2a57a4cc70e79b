package opendata

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"modellregion/devices"
	"modellregion/uplink"
)

// Mistake is one thing that is wrong with a declaration.
type Mistake struct {
	Path string // of the key, below the dataset or, from CheckAll, below the file: "windows[1]"
	Text string // what is there and what is wanted
}

// Error implements error.
func (m *Mistake) Error() string { return m.Path + ": " + m.Text }

// mistakes collects what Check finds.
type mistakes []*Mistake

func (m *mistakes) add(path, format string, args ...any) {
	*m = append(*m, &Mistake{path, fmt.Sprintf(format, args...)})
}

func (m mistakes) join() error {
	var all []error
	for _, one := range m {
		all = append(all, one)
	}
	return errors.Join(all...)
}

// Check returns all that is wrong with the declaration, or nil: what
// errors.Join makes of one Mistake for each.
func (d *Dataset) Check() error { return d.check().join() }

// CheckAll checks each dataset and that no two share an id. The paths of its
// mistakes begin with "datasets[0].".
func CheckAll(datasets []Dataset) error {
	var all mistakes
	first := map[string]int{}
	for i := range datasets {
		found := datasets[i].check()
		if j, ok := first[datasets[i].ID]; ok {
			found.add("id", "%q is that of datasets[%d] already", datasets[i].ID, j)
		} else {
			first[datasets[i].ID] = i
		}
		for _, m := range found {
			all = append(all, &Mistake{fmt.Sprintf("datasets[%d].%s", i, m.Path), m.Text})
		}
	}
	return all.join()
}

func (d *Dataset) check() mistakes {
	var m mistakes
	if !validID(d.ID) {
		m.add("id", "%.64q, want 1 to 64 of a-z, 0-9 and inner hyphens, like verkehr", d.ID)
	}
	if !d.Domain.Valid() {
		m.add("domain", "unknown domain %q, want one of %v", d.Domain, uplink.Domains())
	}
	if d.Title.De == "" || d.Title.En == "" {
		m.add("title", "want a text in de and en")
	}
	d.checkQuantities(&m)
	d.checkWindows(&m)
	d.checkGrouping(&m)
	d.checkPercentiles(&m)
	d.checkLicence(&m)
	d.checkHouseholds(&m)
	return m
}

func (d *Dataset) checkQuantities(m *mistakes) {
	if len(d.Quantities) == 0 {
		m.add("quantities", "no quantities, want some like voltage")
	}
	for i, name := range d.Quantities {
		path := fmt.Sprintf("quantities[%d]", i)
		q, ok := devices.Lookup(name)
		switch {
		case !ok:
			m.add(path, "unknown quantity %.64q", name)
		case q.Domain != d.Domain:
			m.add(path, "%s belongs to domain %s, not to %s", name, q.Domain, d.Domain)
		case slices.Contains(d.Quantities[:i], name):
			m.add(path, "%s is there twice", name)
		case ofWeek(q) && !slices.Contains(d.Windows, Week):
			m.add(path, "%s is told by a week: want 10m and 1w among the windows", name)
		}
	}
}

func (d *Dataset) checkWindows(m *mistakes) {
	if len(d.Windows) == 0 && d.Households == nil {
		m.add("windows", "no windows, want some of 1m, 15m, 1h, 1d")
	}
	quality := slices.ContainsFunc(d.Quantities, func(name string) bool {
		q, ok := devices.Lookup(name)
		return ok && ofWeek(q)
	})
	for i, w := range d.Windows {
		path := fmt.Sprintf("windows[%d]", i)
		switch {
		case windowNames[w] == "":
			m.add(path, "%s, want 1m, 10m, 15m, 1h, 1d or 1w", w)
		case i > 0 && w <= d.Windows[i-1]:
			m.add(path, "%s after %s, want each once and the shortest first", w, d.Windows[i-1])
		case (w == TenMinutes || w == Week) && !quality:
			m.add(path, "%s is there for the quantities of EN 50160 alone, like voltage_quality", w)
		case w == Week && !slices.Contains(d.Windows, TenMinutes):
			m.add(path, "a week is judged by 10-minute windows: want 10m too")
		}
	}
}

func (d *Dataset) checkGrouping(m *mistakes) {
	switch {
	case d.Grouping == "":
	case !slices.Contains(groupings(), d.Grouping):
		m.add("grouping", "%.64q, want one of %v", d.Grouping, groupings())
	case d.Households != nil:
		m.add("grouping", "households are grouped by what the device list says, want none")
	case d.Grouping == ByRoad && d.Domain != uplink.Traffic && d.Domain != uplink.Road:
		m.add("grouping", "by road only in the domains traffic and road")
	case d.grouped() && slices.Contains(d.Windows, Week):
		m.add("grouping", "EN 50160 judges the voltage at one place, want station")
	}
}

func (d *Dataset) checkPercentiles(m *mistakes) {
	for i, p := range d.Percentiles {
		path := fmt.Sprintf("percentiles[%d]", i)
		switch {
		case p < 1 || p > 99:
			m.add(path, "%d, want 1 to 99", p)
		case i > 0 && p <= d.Percentiles[i-1]:
			m.add(path, "%d after %d, want each once, ascending", p, d.Percentiles[i-1])
		}
	}
}

func (d *Dataset) checkLicence(m *mistakes) {
	if !slices.Contains(Licences(), d.Licence) {
		m.add("licence", "%.64q, want one like %s", d.Licence.ID, DataLicenceZero().ID)
	}
	for i, theme := range d.Themes {
		path := fmt.Sprintf("themes[%d]", i)
		switch {
		case !slices.Contains(themes(), theme):
			m.add(path, "%.64q, want one of %s", theme, strings.Join(themes(), ", "))
		case slices.Contains(d.Themes[:i], theme):
			m.add(path, "%s is there twice", theme)
		}
	}
}

// checkHouseholds: a rule that says nothing of K or the delay has the least.
func (d *Dataset) checkHouseholds(m *mistakes) {
	h := d.Households
	if h == nil {
		return
	}
	if d.Domain != uplink.Energy {
		m.add("households", "household meters are of domain energy, not %s", d.Domain)
	}
	for i, name := range d.Quantities {
		if name != "energy_import" && name != "energy_export" {
			m.add(fmt.Sprintf("quantities[%d]", i), "%.64s: of households only energy_import and energy_export are published", name)
		}
	}
	if len(d.Windows) > 0 && !slices.Equal(d.Windows, householdWindows()) {
		m.add("windows", "those of households are 15m, 1h, 1d: want these or none")
	}
	if len(d.Percentiles) > 0 {
		m.add("percentiles", "of households only sums are published, want none")
	}
	if h.K != 0 && h.K < LeastHouseholds {
		m.add("households.k", "%d, want at least %d (MsbG §52)", h.K, LeastHouseholds)
	}
	if h.Delay != 0 && h.Delay < LeastDelay {
		m.add("households.delay", "%s, want at least 24h", h.Delay)
	}
}

func validID(id string) bool {
	ok := len(id) >= 1 && len(id) <= 64 && id[0] != '-' && id[len(id)-1] != '-'
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	return ok
}
