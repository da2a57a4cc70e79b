package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// maxSeries bounds one request for a series.
const maxSeries = 31 * 24 * time.Hour

type stationsAnswer struct {
	Municipalities []municipalityJSON `json:"municipalities"`
	Stations       []stationJSON      `json:"stations"`
}

type municipalityJSON struct {
	ID   string  `json:"id"`
	Name string  `json:"name"`
	Lat  float64 `json:"lat"`
	Lon  float64 `json:"lon"`
}

type stationJSON struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Municipality string      `json:"municipality"`
	Domain       string      `json:"domain"`
	Lat          float64     `json:"lat"`
	Lon          float64     `json:"lon"`
	Latest       *latestJSON `json:"latest,omitempty"`
}

// latestJSON is the newest window of the most telling quantity of a station.
type latestJSON struct {
	Quantity string    `json:"quantity"`
	Channel  string    `json:"channel,omitempty"`
	Value    float64   `json:"value"`
	Unit     string    `json:"unit"` // UCUM
	Start    time.Time `json:"start"`
	WindowS  int       `json:"window_s"`
	Coverage float64   `json:"coverage"`
	Text     string    `json:"text"` // for people, in the language asked for
}

// stationsJSON answers with all public stations and their last values.
func (p *portal) stationsJSON(w http.ResponseWriter, r *http.Request) {
	lang := textsOf(r.URL.Query().Get("lang")).Lang
	known := p.stations()
	out := stationsAnswer{Municipalities: []municipalityJSON{}, Stations: []stationJSON{}}
	for _, m := range p.Region.Municipalities {
		out.Municipalities = append(out.Municipalities, municipalityJSON(m))
	}
	for _, s := range known.listed {
		js := stationJSON{ID: s.ID, Name: s.Name, Municipality: s.Municipality, Domain: string(s.Domain), Lat: s.Place.Lat, Lon: s.Place.Lon}
		if key := known.byID[s.ID].key(); len(key) > 0 {
			a := &key[0]
			text := label(a.Quantity, lang)
			if a.Channel != "" {
				text += " " + channelName(a.Channel, lang)
			}
			js.Latest = &latestJSON{a.Quantity.Name, a.Channel, a.Value(), a.Quantity.Unit, a.Start.UTC(), int(a.Window / time.Second), a.Coverage,
				text + ": " + value(a.Quantity, a.Value(), lang)}
		}
		out.Stations = append(out.Stations, js)
	}
	answer(w, r, out)
}

// seriesAnswer is a table in columns: Channels[i].Values[j] belongs to the
// window that begins at Times[j].
type seriesAnswer struct {
	Station  string        `json:"station"`
	Quantity string        `json:"quantity"`
	Unit     string        `json:"unit"` // UCUM
	WindowS  int           `json:"window_s"`
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`
	Shown    shownJSON     `json:"shown"`
	Times    []int64       `json:"times"` // Unix seconds, every window of the span
	Channels []channelJSON `json:"channels"`
}

// shownJSON says how the page shows the values: times Factor, with Decimals
// and Unit; a category by its texts.
type shownJSON struct {
	Factor     float64  `json:"factor"`
	Decimals   int      `json:"decimals"`
	Unit       string   `json:"unit"`
	Categories []string `json:"categories,omitempty"`
}

// channelJSON has null where a window is missing.
type channelJSON struct {
	Channel  string     `json:"channel"`
	Name     string     `json:"name"`
	Values   []*float64 `json:"values"`
	Coverage []*float64 `json:"coverage"`
}

// seriesJSON answers with the windows of one quantity of one station: station,
// quantity, and optionally channel, from and to (RFC 3339).
func (p *portal) seriesJSON(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	station := p.stations().byID[query.Get("station")]
	if station == nil {
		refuse(w, http.StatusNotFound, "there is no public station %.64q", query.Get("station"))
		return
	}
	d, q, ok := p.published(station.Domain, query.Get("quantity"))
	if !ok {
		refuse(w, http.StatusNotFound, "no dataset of station %s has the quantity %.64q", station.ID, query.Get("quantity"))
		return
	}
	span, err := parseSpan(query, p.chartSpan(d), time.Duration(d.Base()))
	if err != nil {
		refuse(w, http.StatusBadRequest, "%s", err)
		return
	}
	rows, err := p.rows(r.Context(), d, q, station.ID, span)
	if err != nil {
		if r.Context().Err() == nil {
			p.Log.Warn("series cannot be answered", "station", station.ID, "error", err)
		}
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "the series cannot be read now")
		return
	}
	if query.Has("channel") {
		rows = slices.DeleteFunc(rows, func(a devices.Aggregate) bool { return a.Channel != query.Get("channel") })
	}
	if query.Get("from") == "" {
		span = begun(span, rows)
	}
	answer(w, r, columns(d, q, station.ID, span, rows, textsOf(query.Get("lang")).Lang))
}

// parseSpan reads from and to; what is missing is taken from the last day.
func parseSpan(query url.Values, last devices.Span, window time.Duration) (devices.Span, error) {
	span := last
	for name, to := range map[string]*time.Time{"from": &span.Start, "to": &span.End} {
		if text := query.Get(name); text != "" {
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return devices.Span{}, fmt.Errorf("%s=%.40q: want a time like 2026-11-23T10:00:00Z", name, text)
			}
			*to = t.UTC()
		}
	}
	span.Start = span.Start.Truncate(window)
	if end := span.End.Truncate(window); end.Before(span.End) {
		span.End = end.Add(window)
	}
	if !span.Start.Before(span.End) || span.End.Sub(span.Start) > maxSeries {
		return devices.Span{}, fmt.Errorf("from %s to %s: want to after from and at most 31 days",
			span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339))
	}
	return span, nil
}

func columns(d *opendata.Dataset, q *devices.Quantity, station string, span devices.Span, rows []devices.Aggregate, lang string) seriesAnswer {
	s := scaleOf(q)
	out := seriesAnswer{
		Station: station, Quantity: q.Name, Unit: q.Unit, WindowS: int(time.Duration(d.Base()) / time.Second), From: span.Start, To: span.End,
		Shown: shownJSON{Factor: s.factor, Decimals: s.decimals, Unit: s.unit}, Times: []int64{}, Channels: []channelJSON{},
	}
	for _, c := range q.Categories {
		out.Shown.Categories = append(out.Shown.Categories, categoryText(c, lang))
	}
	for t := span.Start; t.Before(span.End); t = t.Add(time.Duration(d.Base())) {
		out.Times = append(out.Times, t.Unix())
	}
	for i := range rows {
		a := &rows[i]
		at := int(a.Start.Sub(span.Start) / time.Duration(d.Base()))
		if at < 0 || at >= len(out.Times) {
			continue
		}
		if n := len(out.Channels); n == 0 || out.Channels[n-1].Channel != a.Channel {
			out.Channels = append(out.Channels, channelJSON{a.Channel, channelName(a.Channel, lang),
				make([]*float64, len(out.Times)), make([]*float64, len(out.Times))})
		}
		c := &out.Channels[len(out.Channels)-1]
		v := a.Value()
		c.Values[at], c.Coverage[at] = &v, &a.Coverage
	}
	return out
}

func answer(w http.ResponseWriter, r *http.Request, v any) {
	data, err := json.Marshal(v)
	if err != nil { // a value that is no number: bucket raw takes none, so this is ours
		refuse(w, http.StatusInternalServerError, "the answer cannot be written as JSON")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "public, max-age=5")
	respond(w, r, data, "")
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": fmt.Sprintf(format, args...)}) // the client may have left
}
