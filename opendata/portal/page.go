package portal

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

const stationsPerPage = 20

// view is everything the page's template shows.
type view struct {
	T         *texts
	Region    string
	OtherURL  string // this page in the other language
	Headline  string
	Updated   string // empty without data
	UpdatedAt string // RFC 3339
	Cards     []card
	Map       mapView
	Filter    filterView
	Detail    *detailView
	Groups    []group
	Zone      string
	Pager     *pager
	Downloads []download
	Cite      string
	Publisher string
	Contact   string // URL
	ContactAs string
}

// mapView is what the script that draws the map is told.
type mapView struct {
	Tiles, Attribution, Stations string
	Legend                       []legendEntry
}

type legendEntry struct {
	Domain       uplink.Domain
	Name, Letter string
}

type filterView struct {
	Domains, Municipalities []option
	Active                  bool
	ResetURL                string
}

type option struct {
	Value, Name string
	Selected    bool
}

// group is a station in the table of last values.
type group struct {
	Station, Name, Municipality, URL string
	Domain                           uplink.Domain
	DomainName                       string
	Rows                             []groupRow
}

type groupRow struct {
	Quantity, Label, Meaning, URL string
	Values                        []channelValue
	Window                        string
	Coverage                      string
	State, StateName              string // "preliminary", "gaps" or "complete"
}

type channelValue struct{ Channel, Text, Key string }

type pager struct{ Text, Previous, Next string }

type download struct {
	Domain              uplink.Domain
	Title, Description  string
	LatestURL, AllURL   string
	DayURL, DayName     string // empty without data
	Window              string
	Licence, LicenceURL string
}

// page returns the handler of the page in one language.
func (p *portal) page(lang string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := p.parseSelection(r.URL.Query())
		if err != nil {
			p.fail(w, lang, http.StatusNotFound)
			return
		}
		v, err := p.view(r, s, textsOf(lang))
		if err != nil {
			p.fail(w, lang, http.StatusNotFound)
			return
		}
		p.render(w, r, "page.html.tmpl", v)
	}
}

// render answers with a page, or with 304 when the browser has the same one.
func (p *portal) render(w http.ResponseWriter, r *http.Request, name string, v any) {
	var out bytes.Buffer
	if err := p.pages.ExecuteTemplate(&out, name, v); err != nil {
		p.Log.Error("page cannot be rendered", "page", name, "error", err)
		p.fail(w, "de", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256(out.Bytes())
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(out.Bytes()))
}

// fail answers with a page that says what went wrong in plain words.
func (p *portal) fail(w http.ResponseWriter, lang string, status int) {
	t := textsOf(lang)
	v := struct {
		T                   *texts
		Region, Title, Hint string
	}{t, p.Region.Name.In(lang), t.Failed, t.FailedHint}
	if status == http.StatusNotFound {
		v.Title, v.Hint = t.NotFound, t.NotFoundHint
	}
	var out bytes.Buffer
	if err := p.pages.ExecuteTemplate(&out, "error.html.tmpl", v); err != nil {
		p.Log.Error("page cannot be rendered", "page", "error.html.tmpl", "error", err)
		http.Error(w, v.Title, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader may have left
}

func (p *portal) view(r *http.Request, s selection, t *texts) (*view, error) {
	now := time.Now()
	other := textsOf(t.OtherLang)
	v := &view{
		T: t, Region: p.Region.Name.In(t.Lang), OtherURL: other.Home + s.query(),
		Cards: p.cards(s, t), Filter: p.filter(s, t), Downloads: p.downloads(t),
		Zone: zone(now, t.Lang), Publisher: p.Region.Publisher, ContactAs: p.Region.Contact, Contact: p.Region.Contact,
		Map: mapView{Tiles: p.BaseMap.URL, Attribution: p.BaseMap.Attribution, Stations: "/api/v1/stations?lang=" + t.Lang},
	}
	if strings.Contains(p.Region.Contact, "@") {
		v.Contact = "mailto:" + p.Region.Contact
	}
	for _, d := range uplink.Domains() {
		v.Map.Legend = append(v.Map.Legend, legendEntry{d, domainNames[d].In(t.Lang), domainLetters[d].In(t.Lang)})
	}
	groups := p.groups(s, t, now)
	pages := max(1, (len(groups)+stationsPerPage-1)/stationsPerPage)
	if s.Page > pages {
		return nil, errNoSuch
	}
	v.Headline = p.headline(t)
	if updated := p.Latest.Updated(); !updated.IsZero() {
		v.Updated, v.UpdatedAt = instant(updated, t.Lang), updated.UTC().Format(time.RFC3339)
	}
	v.Cite = p.cite(t, now)
	v.Detail = p.detail(r, s, t, groups)
	v.Groups = groups[(s.Page-1)*stationsPerPage : min(len(groups), s.Page*stationsPerPage)]
	v.Pager = newPager(s, t, pages)
	return v, nil
}

func newPager(s selection, t *texts, pages int) *pager {
	if pages < 2 {
		return nil
	}
	g := &pager{Text: fmt.Sprintf(t.Page, s.Page, pages)}
	at := func(n int) string { s.Page = n; return t.Home + s.query() + "#werte" }
	if n := s.Page; n > 1 {
		g.Previous = at(n - 1)
		s.Page = n
	}
	if s.Page < pages {
		g.Next = at(s.Page + 1)
	}
	return g
}

// headline counts the stations with live values and the municipalities they
// stand in.
func (p *portal) headline(t *texts) string {
	live := map[string]bool{}
	for i := range p.Datasets {
		for _, a := range p.Latest.Rows(p.Datasets[i].ID) {
			live[a.Station] = true
		}
	}
	stations, towns := 0, map[string]bool{}
	for _, s := range p.Directory.Stations() {
		if live[s.ID] {
			stations++
			towns[s.Municipality] = true
		}
	}
	switch stations {
	case 0:
		return t.NoDataMore
	case 1:
		return t.IntroOne
	default:
		return fmt.Sprintf(t.Intro, number(float64(stations), 0, t.Lang), number(float64(len(towns)), 0, t.Lang))
	}
}

func (p *portal) cite(t *texts, now time.Time) string {
	var licences []string
	for _, d := range p.Datasets {
		if !slices.Contains(licences, d.Licence.Name) {
			licences = append(licences, d.Licence.Name)
		}
	}
	who := p.Region.Name.In(t.Lang)
	if p.Region.Publisher != "" {
		who = p.Region.Publisher + ": " + who
	}
	return who + " – " + t.Tagline + ", " + date(now, t.Lang) + ". " + strings.Join(licences, ", ") + "."
}

func (p *portal) filter(s selection, t *texts) filterView {
	f := filterView{Active: s.Domain != "" || s.Municipality != "", ResetURL: t.Home}
	for _, d := range uplink.Domains() {
		f.Domains = append(f.Domains, option{string(d), domainNames[d].In(t.Lang), s.Domain == d})
	}
	for _, m := range p.Region.Municipalities {
		f.Municipalities = append(f.Municipalities, option{m.ID, m.Name, s.Municipality == m.ID})
	}
	return f
}

func (p *portal) downloads(t *texts) []download {
	var out []download
	for i := range p.Datasets {
		d := &p.Datasets[i]
		base := "/data/" + d.ID + "/"
		dl := download{
			Domain: d.Domain, Title: d.Title.In(t.Lang), Description: d.Description.In(t.Lang), LatestURL: base + "latest.csv", AllURL: base,
			Window: fmt.Sprintf(t.WindowOf, minutes(time.Duration(d.Base()))), Licence: d.Licence.Name, LicenceURL: d.Licence.URL,
		}
		if newest := p.Latest.Newest(d.ID); !newest.IsZero() {
			dl.DayURL = base + opendata.DayOf(newest).String() + ".csv"
			dl.DayName = fmt.Sprintf(t.DayFile, date(newest, t.Lang))
		}
		out = append(out, dl)
	}
	return out
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

// groups returns the stations that the filter lets through and that have live
// values, by domain, municipality and name.
func (p *portal) groups(s selection, t *texts, now time.Time) []group {
	stations := map[string]devices.Station{}
	for _, st := range p.Directory.Stations() {
		if s.matches(&st) {
			stations[st.ID] = st
		}
	}
	byStation := map[string]*group{}
	var out []*group
	for i := range p.Datasets {
		d := &p.Datasets[i]
		for _, a := range p.Latest.Rows(d.ID) {
			st, ok := stations[a.Station]
			if !ok || !d.Has(a.Quantity) {
				continue
			}
			g := byStation[st.ID]
			if g == nil {
				g = &group{Station: st.ID, Name: st.Name, Municipality: p.municipality(st.Municipality), Domain: st.Domain,
					DomainName: domainNames[st.Domain].In(t.Lang), URL: p.detailURL(s, t, st.ID, "")}
				byStation[st.ID] = g
				out = append(out, g)
			}
			p.addRow(g, &a, s, t, now)
		}
		for _, g := range out {
			slices.SortStableFunc(g.Rows, func(a, b groupRow) int {
				return cmp.Compare(slices.Index(d.Quantities, a.Quantity), slices.Index(d.Quantities, b.Quantity))
			})
		}
	}
	domains := uplink.Domains()
	slices.SortFunc(out, func(a, b *group) int {
		return cmp.Or(cmp.Compare(slices.Index(domains, a.Domain), slices.Index(domains, b.Domain)),
			strings.Compare(a.Municipality, b.Municipality), strings.Compare(a.Name, b.Name), strings.Compare(a.Station, b.Station))
	})
	groups := make([]group, len(out))
	for i, g := range out {
		groups[i] = *g
	}
	return groups
}

// detailURL is the page with the course of a station, the filter kept.
func (p *portal) detailURL(s selection, t *texts, station, quantity string) string {
	s.Station, s.Quantity = station, quantity
	return t.Home + s.query() + "#verlauf"
}

// keyOf names a value on the page for the script that keeps it current.
func keyOf(a *devices.Aggregate) string {
	return url.QueryEscape(a.Station + "/" + a.Quantity.Name + "/" + a.Channel)
}

// addRow adds a channel to the row of its quantity.
func (p *portal) addRow(g *group, a *devices.Aggregate, s selection, t *texts, now time.Time) {
	v := channelValue{channelName(a.Channel, t.Lang), value(a.Quantity, a.Value(), t.Lang), keyOf(a)}
	if n := len(g.Rows); n > 0 && g.Rows[n-1].Quantity == a.Quantity.Name {
		g.Rows[n-1].Values = append(g.Rows[n-1].Values, v)
		return
	}
	row := groupRow{
		Quantity: a.Quantity.Name, Label: label(a.Quantity, t.Lang), Meaning: meaning(a.Quantity, t.Lang),
		URL: p.detailURL(s, t, a.Station, a.Quantity.Name), Values: []channelValue{v},
		Window: interval(a.Start, a.Window), Coverage: number(100*a.Coverage, 0, t.Lang) + thin + "%",
	}
	if opendata.DayOf(a.Start) != opendata.DayOf(now) {
		row.Window = date(a.Start, t.Lang) + ", " + row.Window
	}
	switch {
	case a.Start.Add(a.Window).After(now):
		row.State, row.StateName = "preliminary", t.Preliminary
	case a.Coverage < 0.8:
		row.State, row.StateName = "gaps", t.Incomplete
	default:
		row.State, row.StateName = "complete", t.Complete
	}
	g.Rows = append(g.Rows, row)
}
