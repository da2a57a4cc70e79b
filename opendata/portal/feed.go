package portal

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"modellregion/opendata"
)

// feedEntries is how many entries a feed has at most, the newest.
const feedEntries = 50

// atomFeed is a feed after RFC 4287.
type atomFeed struct {
	XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang     string      `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	ID       string      `xml:"id"`
	Title    string      `xml:"title"`
	Subtitle string      `xml:"subtitle"`
	Updated  string      `xml:"updated"`
	Author   atomPerson  `xml:"author"`
	Links    []atomLink  `xml:"link"`
	Rights   string      `xml:"rights"`
	Entries  []atomEntry `xml:"entry"`
}

type atomPerson struct {
	Name string `xml:"name"`
	URI  string `xml:"uri,omitempty"`
}

type atomLink struct {
	Rel    string `xml:"rel,attr"`
	Type   string `xml:"type,attr,omitempty"`
	Lang   string `xml:"hreflang,attr,omitempty"`
	Href   string `xml:"href,attr"`
	Length int64  `xml:"length,attr,omitempty"`
	Title  string `xml:"title,attr,omitempty"`
}

type atomEntry struct {
	ID      string     `xml:"id"`
	Title   string     `xml:"title"`
	Updated string     `xml:"updated"`
	Links   []atomLink `xml:"link"`
	Summary string     `xml:"summary"`
	at      time.Time
}

// feedPath is the address of the feed of a dataset, without the language.
func feedPath(dataset string) string { return "/feed/" + dataset + ".atom" }

// feed answers with the news of a dataset: periods that are over and whose files
// are new or have a new revision, and what the operator has to say of it.
func (p *portal) feed(t *texts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id, isFeed := strings.CutSuffix(r.PathValue("name"), ".atom")
		i := slices.IndexFunc(p.Datasets, func(d opendata.Dataset) bool { return d.ID == id })
		if i < 0 || !isFeed || p.BaseURL == "" { // an id of RFC 4287 §4.2.6 is an address as a whole
			p.fail(w, t, http.StatusNotFound)
			return
		}
		d := &p.Datasets[i]
		files, err := p.Files.Published(d.ID)
		if err != nil {
			p.Log.Warn("files of a dataset are not known", "dataset", d.ID, "err", err)
			p.fail(w, t, http.StatusServiceUnavailable)
			return
		}
		var out bytes.Buffer
		out.WriteString(xml.Header)
		if err := xml.NewEncoder(&out).Encode(p.feedOf(d, files, t, time.Now())); err != nil {
			p.Log.Error("feed cannot be written", "dataset", d.ID, "err", err)
			p.fail(w, t, http.StatusInternalServerError)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "application/atom+xml; charset=utf-8")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Cache-Control", "public, max-age=300")
		respond(w, r, out.Bytes(), "")
	}
}

func (p *portal) feedOf(d *opendata.Dataset, files []File, t *texts, now time.Time) atomFeed {
	entries := append(p.fileEntries(d, files, t), p.noticeEntries(d, t, now)...)
	slices.SortStableFunc(entries, func(a, b atomEntry) int { return cmp.Or(b.at.Compare(a.at), strings.Compare(a.ID, b.ID)) })
	entries = entries[:min(len(entries), feedEntries)]
	updated := time.Unix(0, 0) // nothing has happened yet
	if len(entries) > 0 {
		updated = entries[0].at
	}
	self := p.absolute(t.To(feedPath(d.ID)))
	return atomFeed{
		Lang: t.Lang, ID: self, Title: p.Region.Name.In(t.Lang) + ": " + d.Title.In(t.Lang), Subtitle: t.Dataset.FeedSubtitle, Updated: atomTime(updated),
		Author: atomPerson{Name: cmp.Or(d.Publisher, p.Region.Publisher, p.Region.Name.In(t.Lang)), URI: p.absolute(t.To("/"))},
		Rights: d.Licence.Name + " – " + d.Licence.URL, Entries: entries,
		Links: []atomLink{
			{Rel: "self", Type: "application/atom+xml", Href: self},
			{Rel: "alternate", Type: "text/html", Lang: t.Lang, Href: p.absolute(t.To("/dataset/" + d.ID))},
			{Rel: "alternate", Type: "application/atom+xml", Lang: t.Other, Href: p.absolute(textsOf(t.Other).To(feedPath(d.ID)))},
			{Rel: "license", Href: d.Licence.URL}, // RFC 4946
		},
	}
}

func atomTime(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// fileEntries has one entry for each period that is over and each of its windows,
// with its files as enclosures. A revision updates the entry: it keeps its id.
func (p *portal) fileEntries(d *opendata.Dataset, files []File, t *texts) (entries []atomEntry) {
	files = slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Period == "" || !f.Complete })
	for _, s := range fileSets(files, t, len(files)) {
		e := atomEntry{
			ID:    p.absolute("/data/" + d.ID + "/" + s.window.String() + "/" + s.period),
			Title: d.Title.In(t.Lang) + ", " + s.Period + ", " + s.Window,
			Links: []atomLink{{Rel: "alternate", Type: "text/html", Href: p.absolute(t.To("/dataset/" + d.ID))}},
		}
		var names []string
		for _, f := range s.Files {
			names = append(names, f.Format+" ("+f.Size+")")
			e.Links = append(e.Links, atomLink{Rel: "enclosure", Type: enclosureType(f.URL), Href: p.absolute(f.URL), Length: f.bytes, Title: f.Format})
		}
		e.at, e.Summary = s.modified, fmt.Sprintf(t.Dataset.FeedEntry, strings.Join(names, ", "))
		if e.at.IsZero() { // nobody knows when they were written: not before the period was over
			e.at = periodEnd(s.period)
		}
		e.Updated = atomTime(e.at)
		entries = append(entries, e)
	}
	return entries
}

// enclosureType is the media type of a file by its name, as it is served.
func enclosureType(name string) string {
	switch path.Ext(name) {
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	case ".geojson":
		return "application/geo+json"
	case ".parquet":
		return "application/vnd.apache.parquet"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream")
}

// noticeEntries are what the operator has told of the dataset, dated by when it
// began or was over. What is to come is on the status page alone: nobody knows
// when it was written, and a date ahead would keep readers' programs from
// showing what comes before it.
func (p *portal) noticeEntries(d *opendata.Dataset, t *texts, now time.Time) (entries []atomEntry) {
	for i := range p.Notices {
		n := &p.Notices[i]
		if !n.concerns(d) || phaseOf(n, now) == phaseSoon {
			continue
		}
		text := n.Text.In(t.Lang)
		when := fmt.Sprintf(t.Status.Since, instant(n.From, t.Lang))
		at := n.From
		if !n.Until.IsZero() {
			when = instant(n.From, t.Lang) + " – " + instant(n.Until, t.Lang)
			if phaseOf(n, now) == phasePast {
				at = n.Until
			}
		}
		entries = append(entries, atomEntry{
			ID:    p.absolute("/status#" + digestOf([]byte(n.From.UTC().Format(time.RFC3339)+n.About+n.Text.De))),
			Title: t.Dataset.FeedNotice + ": " + shortened(text), Updated: atomTime(at), Summary: text + " (" + when + ")", at: at,
			Links: []atomLink{{Rel: "alternate", Type: "text/html", Href: p.absolute(t.To("/status"))}},
		})
	}
	return entries
}

// shortened is a text as a title.
func shortened(text string) string {
	const most = 80
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + " …"
	}
	return text
}
