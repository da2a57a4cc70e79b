package live

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"modellregion/devices"
	"modellregion/opendata"
)

// kind is the name of an event.
type kind string

const (
	complete    kind = "window"      // a window that is over
	preliminary kind = "preliminary" // a category of a window that still runs
	gap         kind = "gap"         // what is missing must be fetched as files
)

// appendEvent writes an event as it goes to listeners. The members of its data
// are those of a row in the files of the dataset.
func appendEvent(b []byte, s *set, it item, number int64) []byte {
	b = append(b, "event: "...)
	b = append(b, it.kind...)
	b = append(b, "\nid: "...)
	b = place{begin: it.row.Start, number: number}.append(b)
	b = append(b, "\ndata: {\"dataset\":\""...)
	b = append(b, s.ID...) // letters, digits and hyphens
	b = append(b, "\",\""...)
	b = append(b, site(s.Dataset)...)
	b = append(b, "\":"...)
	b = appendString(b, it.row.Station)
	b = appendRow(b, it.row)
	return append(b, "}\n\n"...)
}

// site is what the member is called that says what a row is about.
func site(d *opendata.Dataset) string {
	if d.Grouping == "" || d.Grouping == opendata.ByStation {
		return "station"
	}
	return "site"
}

func appendRow(b []byte, row *devices.Aggregate) []byte {
	b = append(b, ",\"quantity\":\""...)
	b = append(b, row.Quantity.Name...)
	b = append(b, '"')
	if row.Channel != "" {
		b = append(b, ",\"channel\":"...)
		b = appendString(b, row.Channel)
	}
	b = append(b, ",\"unit\":\""...)
	b = append(b, row.Quantity.Unit...) // ASCII without quotes, as UCUM is
	b = append(b, "\",\"start\":\""...)
	b = row.Start.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, "\",\"window_s\":"...)
	b = strconv.AppendInt(b, int64(opendata.Window(row.Window).End(row.Start).Sub(row.Start)/time.Second), 10)
	b = append(b, ",\"count\":"...)
	b = strconv.AppendInt(b, int64(row.Count), 10)
	switch row.Quantity.Kind {
	case devices.Gauge:
		b = appendNumber(b, "mean", row.Mean)
		b = appendNumber(b, "min", row.Min)
		b = appendNumber(b, "max", row.Max)
		for _, p := range row.Percentiles {
			b = appendNumber(b, "p"+strconv.Itoa(p.P), p.Value)
		}
	case devices.Count, devices.Meter:
		b = appendNumber(b, "sum", row.Sum)
	case devices.Category:
		if text := row.Quantity.Text(row.Mode); text != "" {
			b = append(b, ",\"category\":"...)
			b = appendString(b, text)
		}
		for code, share := range row.Shares {
			if text := row.Quantity.Text(float64(code)); text != "" {
				b = appendNumber(b, "share_"+text, share)
			}
		}
	}
	return appendNumber(b, "coverage", row.Coverage)
}

// appendNumber writes a member; one that is no number is left out.
func appendNumber(b []byte, name string, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return b
	}
	b = append(b, ",\""...)
	b = append(b, name...)
	b = append(b, "\":"...)
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			data, err := json.Marshal(s)
			if err != nil { // a string always can be
				return append(b, `""`...)
			}
			return append(b, data...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendGap writes the event that tells to fetch the windows of a dataset that
// begin at from or later. It has no id: who is away again before it has read
// the rest is told again.
func appendGap(b []byte, s *set, from time.Time) []byte {
	b = append(b, "event: "...)
	b = append(b, gap...)
	b = append(b, "\ndata: {\"dataset\":\""...)
	b = append(b, s.ID...)
	b = append(b, "\",\"from\":\""...)
	b = from.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, "\",\"files\":\"/data/"...)
	b = append(b, s.ID...)
	return append(b, "/\"}\n\n"...)
}
