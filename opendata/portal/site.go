package portal

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"modellregion/opendata"
	"modellregion/uplink"
)

// route is a page of the site: to show it, its function fills what its template
// shows. English has the same path with /en before it.
type route struct {
	pattern  string // of http.ServeMux, in German: "/station/{id}"
	template string // templates/NAME.html.tmpl
	show     func(*portal, *http.Request, *texts) (page, error)
}

// routes lists all pages.
func (p *portal) routes() []route {
	return []route{
		{"/{$}", "home", (*portal).home},
		{"/stations", "list", (*portal).list},
		{"/station/{id}", "station", (*portal).station},
		{"/datasets", "datasets", (*portal).datasets},
		{"/dataset/{id}", "dataset", (*portal).dataset},
		{"/topic/{domain}", "topic", (*portal).topic},
		{"/status", "status", (*portal).status},
		{"/imprint", "legal", (*portal).imprint},
		{"/privacy", "legal", (*portal).privacy},
		{"/accessibility", "legal", (*portal).accessibility},
	}
}

// page is what a route says of itself to the frame around it.
type page struct {
	Title       string // of the document, where the region's name follows it
	Description string // one or two sentences for search engines
	Area        area   // of the navigation
	Trail       []link // from below the start page to this one, which has no URL
	// Query is the part of the query that names this page, "?page=2": it stays in
	// the addresses that the page gives for itself, and in the other language.
	Query     string
	Picture   string        // path of the one that stands for the page elsewhere; empty: that of the region
	Search    string        // what stands in the field for searching
	NoIndex   bool          // search engines need not know it
	Styles    []string      // files of static, beyond base.css
	Libraries []string      // scripts of static/vendor, which run before Scripts
	Scripts   []string      // modules of static, beyond site.js
	Feedback  *feedbackPart // about what the page shows; nil: none
	View      any           // for the template
}

// area is an entry of the navigation.
type area string

const (
	areaMap    area = "map"
	areaTopics area = "topics"
	areaData   area = "data"
	areaStatus area = "status"
)

// link is a text that leads somewhere; without a URL it is where one is.
type link struct{ Text, URL string }

// frame is all that a template is given: the page, and what each has.
type frame struct {
	page
	T          *texts
	Site       siteView
	Canonical  string // address of this page
	Alternates []alternate
	OtherURL   string // this page in the other language
}

// alternate is the address of the page in a language.
type alternate struct{ Lang, URL string }

// siteView is what the header and the footer of all pages show.
type siteView struct {
	Region, Publisher  string
	Contact, ContactAs string // URL; as it is written
	Topics             []topicLink
	Licences           []link
	Catalogue          bool
	Source             string
	Feedback           bool
}

type topicLink struct {
	Domain    uplink.Domain
	Name, URL string
}

// errNoSuch says that a page is not there: an id, a filter or a number in its
// address names nothing.
var errNoSuch = errors.New("there is no such page")

// serve returns the handler of a page in one language.
func (p *portal) serve(rt route, t *texts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown, err := rt.show(p, r, t)
		switch {
		case err == nil:
			p.render(w, r, rt.template, p.frame(r, t, shown))
		case errors.Is(err, errNoSuch):
			p.fail(w, t, http.StatusNotFound)
		case r.Context().Err() != nil: // the reader has left, or the guard ends it
			p.fail(w, t, http.StatusServiceUnavailable)
		default:
			p.Log.Warn("page cannot be shown", "page", rt.pattern, "err", err)
			if errors.Is(err, errBusy) || errors.Is(err, context.DeadlineExceeded) {
				p.fail(w, t, http.StatusServiceUnavailable)
				return
			}
			p.fail(w, t, http.StatusInternalServerError)
		}
	}
}

// render answers with a page, or with 304 when the browser has the same one.
func (p *portal) render(w http.ResponseWriter, r *http.Request, name string, f frame) {
	var out bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&out, layout, f); err != nil {
		p.Log.Error("page cannot be rendered", "page", name, "err", err)
		p.fail(w, f.T, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	respond(w, r, out.Bytes(), "")
}

// fail answers with a page that says what went wrong in plain words.
func (p *portal) fail(w http.ResponseWriter, t *texts, status int) {
	v := errorView{Status: status, Title: t.Error.Failed, Hint: t.Error.FailedHint}
	switch status {
	case http.StatusNotFound:
		v.Title, v.Hint = t.Error.NotFound, t.Error.NotFoundHint
	case http.StatusServiceUnavailable:
		v.Title, v.Hint = t.Error.Busy, t.Error.BusyHint
		w.Header().Set("Retry-After", "10")
	}
	f := frame{page: page{Title: v.Title, NoIndex: true, View: v}, T: t, Site: p.about(t), OtherURL: textsOf(t.Other).To("/")}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	var out bytes.Buffer
	if err := p.pages["error"].ExecuteTemplate(&out, layout, f); err != nil {
		p.Log.Error("page cannot be rendered", "page", "error", "err", err)
		http.Error(w, v.Title, status)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the reader may have left
}

type errorView struct {
	Status      int
	Title, Hint string
}

// frame puts what all pages have around one of them.
func (p *portal) frame(r *http.Request, t *texts, shown page) frame {
	path := "/" + strings.TrimPrefix(strings.TrimPrefix(r.URL.EscapedPath(), t.Prefix), "/")
	address := func(t *texts) string { return t.To(path) + shown.Query }
	f := frame{page: shown, T: t, Site: p.about(t), Canonical: p.absolute(address(t)), OtherURL: address(textsOf(t.Other))}
	if f.Picture == "" {
		f.Picture = picturePath("region", "", t)
	}
	f.Picture = p.absolute(f.Picture)
	for _, one := range languages() {
		f.Alternates = append(f.Alternates, alternate{one.Lang, p.absolute(address(one))})
	}
	return f
}

// absolute is a path of the site as others reach it, where that is known.
func (p *portal) absolute(path string) string { return strings.TrimRight(p.BaseURL, "/") + path }

func (p *portal) about(t *texts) siteView {
	v := siteView{
		Region: p.Region.Name.In(t.Lang), Publisher: p.Region.Publisher, Contact: contactURL(p.Region.Contact), ContactAs: p.Region.Contact,
		Catalogue: p.BaseURL != "", Source: p.Source, Licences: p.licences(), Feedback: p.Feedback != nil,
	}
	for _, d := range p.domains() {
		v.Topics = append(v.Topics, topicLink{d, domainNames[d].In(t.Lang), t.To("/topic/" + string(d))})
	}
	return v
}

// domains are those that a dataset is of.
func (p *portal) domains() []uplink.Domain {
	return slices.DeleteFunc(uplink.Domains(), func(d uplink.Domain) bool {
		return !slices.ContainsFunc(p.Datasets, func(set opendata.Dataset) bool { return set.Domain == d })
	})
}

// licences are those of the datasets.
func (p *portal) licences() []link {
	var all []link
	for i := range p.Datasets {
		if l := (link{p.Datasets[i].Licence.Name, p.Datasets[i].Licence.URL}); !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// contactURL makes a link of a mail address or URL.
func contactURL(contact string) string {
	if strings.Contains(contact, "@") && !strings.Contains(contact, "://") {
		return "mailto:" + contact
	}
	return contact
}

// stationPath is the path of the page of a station, without the language.
func stationPath(id string) string { return "/station/" + url.PathEscape(id) }
