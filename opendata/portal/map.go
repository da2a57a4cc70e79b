package portal

import (
	"encoding/json"
	"math"
	"net/http"
	"sync"
	"time"

	"modellregion/uplink"
)

// mapView is what the script that draws the map is told.
type mapView struct {
	Tiles, Attribution string
	Stations           string // URL of what mapJSON answers, which changes with it
	Legend             []legendEntry
}

type legendEntry struct {
	Domain       uplink.Domain
	Name, Letter string
	Levels       []levelView
	Hint         string
}

func (p *portal) mapView(t *texts) mapView {
	v := mapView{Tiles: p.BaseMap.URL, Attribution: p.BaseMap.Attribution, Stations: p.mapURL(t.Lang)}
	for _, d := range p.domains() {
		e := legendEntry{Domain: d, Name: domainNames[d].In(t.Lang), Letter: domainLetters[d].In(t.Lang)}
		for _, l := range levels() {
			e.Levels = append(e.Levels, l.view(d, t.Lang))
		}
		if d == uplink.Environment {
			e.Hint = t.Home.AirHint
		}
		v.Legend = append(v.Legend, e)
	}
	return v
}

// mapAnswer is the stations in columns, so that ten thousand are some hundred
// kilobytes: Name[i] is the name of the station ID[i].
type mapAnswer struct {
	Towns   []municipalityJSON `json:"towns"`
	Domains []uplink.Domain    `json:"domains"`
	ID      []string           `json:"id"`
	Name    []string           `json:"name"`
	Town    []int              `json:"town"`   // index of Towns; -1: none of them
	Domain  []int              `json:"domain"` // index of Domains
	Level   []level            `json:"level"`
	Lat     []float64          `json:"lat"`
	Lon     []float64          `json:"lon"`
	Value   []string           `json:"value"` // for people; empty without one
	Lines   []lineJSON         `json:"lines"`
}

// lineJSON is the stretch of road that a station watches.
type lineJSON struct {
	Station int          `json:"station"` // index
	Points  [][2]float64 `json:"points"`  // latitude, longitude
}

// mapKept is how long the map of one moment is given out, so that a region in
// which something changes all the time does not write it all the time.
const mapKept = 10 * time.Second

// drawn keeps the map in both languages as it was written last.
type drawn struct {
	mu   sync.Mutex
	last map[string]drawnMap // by language
}

type drawnMap struct {
	at      time.Time
	of      *snapshot
	content []byte
	version string
}

// mapNow returns the map as JSON.
func (p *portal) mapNow(lang string, now time.Time) drawnMap {
	p.drawn.mu.Lock()
	defer p.drawn.mu.Unlock()
	if p.drawn.last == nil {
		p.drawn.last = map[string]drawnMap{}
	}
	known := p.drawn.last
	if one, ok := known[lang]; ok && now.Sub(one.at) < mapKept {
		return one
	}
	shown := p.stations()
	if one, ok := known[lang]; ok && one.of == shown {
		return one
	}
	content, err := json.Marshal(p.mapOf(shown, lang))
	if err != nil { // a place that is no number: the registry takes none
		p.Log.Error("map cannot be written as JSON", "err", err)
		return drawnMap{}
	}
	one := drawnMap{now, shown, content, digestOf(content)}
	known[lang] = one
	return one
}

func (p *portal) mapOf(shown *snapshot, lang string) mapAnswer {
	n := len(shown.stations)
	out := mapAnswer{
		Towns: []municipalityJSON{}, Domains: uplink.Domains(), Lines: []lineJSON{},
		ID: make([]string, n), Name: make([]string, n), Town: make([]int, n), Domain: make([]int, n), Level: make([]level, n),
		Lat: make([]float64, n), Lon: make([]float64, n), Value: make([]string, n),
	}
	towns, domains := map[string]int{}, map[uplink.Domain]int{}
	for i, m := range p.Region.Municipalities {
		out.Towns = append(out.Towns, municipalityJSON(m))
		towns[m.ID] = i + 1
	}
	for i, d := range out.Domains {
		domains[d] = i
	}
	for i, s := range shown.stations {
		out.ID[i], out.Name[i], out.Town[i], out.Domain[i], out.Level[i] = s.ID, s.Name, towns[s.Municipality]-1, domains[s.Domain], s.level()
		out.Lat[i], out.Lon[i] = metre(s.Place.Lat), metre(s.Place.Lon)
		if key := s.key(); len(key) > 0 {
			a := &key[0].Aggregate
			out.Value[i] = joined(" ", label(a.Quantity, lang), channelName(a.Channel, lang)) + ": " + value(a.Quantity, a.Value(), lang)
		}
		if len(s.Segment) > 1 {
			line := lineJSON{Station: i}
			for _, at := range s.Segment {
				line.Points = append(line.Points, [2]float64{metre(at.Lat), metre(at.Lon)})
			}
			out.Lines = append(out.Lines, line)
		}
	}
	return out
}

// metre rounds degrees to about one metre.
func metre(degrees float64) float64 { return math.Round(degrees*1e5) / 1e5 }

// mapURL is the address of the map as it is now.
func (p *portal) mapURL(lang string) string {
	return "/api/v1/map?lang=" + lang + "&v=" + p.mapNow(lang, time.Now()).version
}

// mapJSON answers with what the map shows. Under the address with its version a
// browser may keep it; another version, or none, gets what there is now.
func (p *portal) mapJSON(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	m := p.mapNow(textsOf(query.Get("lang")).Lang, time.Now())
	if m.content == nil {
		refuse(w, http.StatusInternalServerError, "the map cannot be written as JSON")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "no-cache")
	if query.Get("v") == m.version {
		h.Set("Cache-Control", "public, max-age=86400, immutable")
	}
	respond(w, r, m.content, m.version)
}
