package files

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// header names the columns. Which of mean, min, max, sum and category are
// filled depends on the kind of the quantity; the others are empty.
var header = []string{"station", "name", "municipality", "lat", "lon", "quantity", "channel", "unit",
	"start", "window_s", "count", "mean", "min", "max", "sum", "category", "coverage"}

// encode writes rows as CSV (RFC 4180) in their order. Units are UCUM codes,
// times UTC. A row of a station that is not public (any more) is left out, and
// so is one of a quantity that the dataset does not publish (any more).
func encode(d *opendata.Dataset, rows []devices.Aggregate, stations map[string]devices.Station) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	_ = w.Write(header) // a bytes.Buffer takes everything
	for i := range rows {
		a := &rows[i]
		if s, ok := stations[a.Station]; ok && d.Has(a.Quantity) {
			_ = w.Write(record(a, s))
		}
	}
	w.Flush()
	return out.Bytes()
}

func record(a *devices.Aggregate, s devices.Station) []string {
	r := []string{
		text(a.Station), text(s.Name), text(s.Municipality), number(s.Place.Lat), number(s.Place.Lon),
		a.Quantity.Name, text(a.Channel), a.Quantity.Unit,
		a.Start.UTC().Format(time.RFC3339), strconv.Itoa(int(a.Window / time.Second)), strconv.Itoa(a.Count),
		"", "", "", "", "", number(a.Coverage),
	}
	mean, low, high, sum, category := &r[11], &r[12], &r[13], &r[14], &r[15]
	switch a.Quantity.Kind {
	case devices.Gauge:
		*mean, *low, *high = number(a.Mean), number(a.Min), number(a.Max)
	case devices.Count, devices.Meter:
		*sum = number(a.Sum)
	case devices.Category:
		*category = a.Quantity.Text(a.Mode)
	}
	return r
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// text keeps a spreadsheet from taking a text for a formula: one that begins
// like a formula gets an apostrophe in front. Only texts that people entered
// need it; a negative number is one.
func text(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
