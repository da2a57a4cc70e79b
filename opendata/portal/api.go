package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

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

func answer(w http.ResponseWriter, r *http.Request, v any) { answerFor(w, r, v, 5*time.Second) }

// answerFor answers with v as JSON, which caches may keep for a time.
func answerFor(w http.ResponseWriter, r *http.Request, v any, age time.Duration) {
	data, err := json.Marshal(v)
	if err != nil { // a value that is no number: bucket raw takes none, so this is ours
		refuse(w, http.StatusInternalServerError, "the answer cannot be written as JSON")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(age/time.Second)))
	respond(w, r, data, "")
}

func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": fmt.Sprintf(format, args...)}) // the client may have left
}
