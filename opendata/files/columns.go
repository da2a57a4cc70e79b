package files

import (
	"math"
	"slices"
	"strconv"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// sort is what kind of value a column holds.
type sort int

const (
	text    sort = iota
	number       // a finite number
	integer      // a number without a fraction
	instant      // a time in UTC
	truth        // true or false
)

// inUnit stands in place of a unit where column unit names it, row by row.
const inUnit = "{unit}"

// column is one column of a table. All formats have the same ones.
type column struct {
	Name   string
	sort   sort
	free   bool   // a text that people entered, which may begin like a formula
	Unit   string // UCUM; inUnit; empty of what has none
	De, En string
	value  func(*row) cell
}

// cell is a value or, when it is not set, none: what does not apply to the
// quantity, is not known or may not be told. It is never a zero instead.
type cell struct {
	set    bool
	text   string
	number float64
	time   time.Time
	truth  bool
}

// row is one window and what it is about.
type row struct {
	*devices.Aggregate
	site *site
}

// site is what is public of a place. A group of households has an id alone.
type site struct {
	opendata.Site
	district, road string // of a station
}

func word(s string) cell { return cell{set: s != "", text: s} }

func figure(v float64) cell {
	return cell{set: !math.IsNaN(v) && !math.IsInf(v, 0), number: v}
}

// of returns a column's value for rows of some kinds of quantity.
func of(value func(*row) cell, kinds ...devices.Kind) func(*row) cell {
	return func(r *row) cell {
		if r.Suppressed || !slices.Contains(kinds, r.Quantity.Kind) {
			return cell{}
		}
		return value(r)
	}
}

// columnsOf returns the columns of a dataset: first those that every dataset
// has had from the beginning, in their order, for the programs that count them.
func columnsOf(d *opendata.Dataset) []column {
	if d.Households != nil {
		return householdColumns()
	}
	columns := []column{idColumn(d)}
	columns = append(columns, placeColumns()...)
	columns = append(columns, aboutColumns()...)
	columns = append(columns, startColumn(),
		column{"window_s", integer, false, "s", "Länge des Zeitfensters", "length of the window", func(r *row) cell {
			return figure(float64(opendata.Window(r.Window).Span(r.Start).End.Sub(r.Start) / time.Second))
		}},
		column{"count", integer, false, "{#}", "Anzahl der Messwerte im Zeitfenster", "number of readings in the window", unlessSuppressed(func(r *row) cell { return figure(float64(r.Count)) })},
		column{"mean", number, false, inUnit, "Mittelwert (Pegelgrößen)", "mean (of gauges)", of(func(r *row) cell { return figure(r.Mean) }, devices.Gauge)},
		column{"min", number, false, inUnit, "kleinster Messwert (Pegelgrößen)", "least reading (of gauges)", of(func(r *row) cell { return figure(r.Min) }, devices.Gauge)},
		column{"max", number, false, inUnit, "größter Messwert (Pegelgrößen)", "greatest reading (of gauges)", of(func(r *row) cell { return figure(r.Max) }, devices.Gauge)},
		sumColumn(),
		column{"category", text, false, "", "Kategorie, die am längsten galt", "category that held for the longest time", of(func(r *row) cell { return word(r.Quantity.Text(r.Mode)) }, devices.Category)},
		column{"coverage", number, false, "1", "Abdeckung: erhaltene durch erwartete Messwerte, 0 bis 1; 0, wo die Erwartung unbekannt ist", "coverage: received by expected readings, 0 to 1; 0 where nobody knows what to expect",
			unlessSuppressed(func(r *row) cell { return figure(r.Coverage) })},
	)
	if d.Grouping == "" || d.Grouping == opendata.ByStation {
		columns = append(columns,
			column{"district", text, true, "", "Ortsteil", "district", func(r *row) cell { return word(r.site.district) }},
			column{"road", text, true, "", "Straße oder Abschnitt", "road or stretch of it", func(r *row) cell { return word(r.site.road) }})
	}
	columns = append(columns, percentileColumns(d)...)
	columns = append(columns, shareColumns(d)...)
	return append(columns, suppressedColumn())
}

// householdColumns leave out whatever would tell one household from another:
// no place, no number of members, no coverage.
func householdColumns() []column {
	about := aboutColumns()
	return []column{
		{"site", text, true, "", "Gruppe von Haushalten oder Gemeinde", "group of households or municipality", func(r *row) cell { return word(r.Station) }},
		about[0], about[2], startColumn(),
		{"window", text, false, "", "Zeitfenster: 15m, 1h oder 1d", "window: 15m, 1h or 1d", func(r *row) cell { return word(opendata.Window(r.Window).String()) }},
		sumColumn(), suppressedColumn(),
	}
}

func idColumn(d *opendata.Dataset) column {
	id := func(r *row) cell { return word(r.site.ID) }
	switch d.Grouping {
	case opendata.ByRoad:
		return column{"site", text, true, "", "Straße oder Abschnitt", "road or stretch of it", id}
	case opendata.ByDistrict:
		return column{"site", text, true, "", "Gemeinde und Ortsteil", "municipality and district", id}
	case opendata.ByMunicipality:
		return column{"site", text, true, "", "Gemeinde", "municipality", id}
	default:
		return column{"station", text, true, "", "öffentliche Kennung der Station", "public identifier of the station", id}
	}
}

func placeColumns() []column {
	return []column{
		{"name", text, true, "", "Name", "name", func(r *row) cell { return word(r.site.Name) }},
		{"municipality", text, true, "", "Gemeinde", "municipality", func(r *row) cell { return word(r.site.Municipality) }},
		{"lat", number, false, "deg", "geografische Breite (WGS 84)", "latitude (WGS 84)", func(r *row) cell { return figure(r.site.Place.Lat) }},
		{"lon", number, false, "deg", "geografische Länge (WGS 84)", "longitude (WGS 84)", func(r *row) cell { return figure(r.site.Place.Lon) }},
	}
}

func aboutColumns() []column {
	return []column{
		{"quantity", text, false, "", "Messgröße", "quantity", func(r *row) cell { return word(r.Quantity.Name) }},
		{"channel", text, true, "", "Fahrstreifen, Phase, Richtung oder Tiefe", "lane, phase, direction or depth", func(r *row) cell { return word(r.Channel) }},
		{"unit", text, false, "", "Einheit der Messgröße (UCUM)", "unit of the quantity (UCUM)", func(r *row) cell { return word(r.Quantity.Unit) }},
	}
}

func startColumn() column {
	return column{"start", instant, false, "", "Beginn des Zeitfensters (UTC)", "begin of the window (UTC)", func(r *row) cell { return cell{set: true, time: r.Start.UTC()} }}
}

func sumColumn() column {
	return column{"sum", number, false, inUnit, "Summe im Zeitfenster (Zählungen und Zählerstände)", "sum in the window (of counts and meters)",
		of(func(r *row) cell { return figure(r.Sum) }, devices.Count, devices.Meter)}
}

func suppressedColumn() column {
	return column{"suppressed", truth, false, "", "wahr: Der Datenschutz verbietet die Angabe, Werte sind leer", "true: privacy forbids to tell, values are empty", func(r *row) cell { return cell{set: true, truth: r.Suppressed} }}
}

func unlessSuppressed(value func(*row) cell) func(*row) cell {
	return func(r *row) cell {
		if r.Suppressed {
			return cell{}
		}
		return value(r)
	}
}

func percentileColumns(d *opendata.Dataset) []column {
	var columns []column
	for _, p := range d.Percentiles {
		name := strconv.Itoa(p)
		columns = append(columns, column{"p" + name, number, false, inUnit, name + ". Perzentil (Pegelgrößen)", "percentile " + name + " (of gauges)",
			of(func(r *row) cell {
				for _, have := range r.Percentiles {
					if have.P == p {
						return figure(have.Value)
					}
				}
				return cell{}
			}, devices.Gauge)})
	}
	return columns
}

// shareColumns has one column for each text that a category of the dataset may
// have.
func shareColumns(d *opendata.Dataset) []column {
	var columns []column
	var seen []string
	for _, name := range d.Quantities {
		q, ok := devices.Lookup(name)
		if !ok {
			continue
		}
		for _, category := range q.Categories {
			if slices.Contains(seen, category) {
				continue
			}
			seen = append(seen, category)
			columns = append(columns, column{"share_" + category, number, false, "1",
				"Anteil der Zeit mit " + category + ", 0 bis 1", "share of the time with " + category + ", 0 to 1",
				of(func(r *row) cell {
					code, ok := r.Quantity.Code(category)
					if !ok || int(code) >= len(r.Shares) {
						return cell{}
					}
					return figure(r.Shares[int(code)])
				}, devices.Category)})
		}
	}
	return columns
}
