package portal

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"modellregion/opendata"
)

// readAtom parses a feed with types of its own, and wants what RFC 4287 does.
type readAtom struct {
	XMLName xml.Name   `xml:"http://www.w3.org/2005/Atom feed"`
	ID      []string   `xml:"http://www.w3.org/2005/Atom id"`
	Title   []string   `xml:"http://www.w3.org/2005/Atom title"`
	Updated []string   `xml:"http://www.w3.org/2005/Atom updated"`
	Author  []string   `xml:"http://www.w3.org/2005/Atom author>name"`
	Links   []readLink `xml:"http://www.w3.org/2005/Atom link"`
	Entries []struct {
		ID      []string   `xml:"http://www.w3.org/2005/Atom id"`
		Title   []string   `xml:"http://www.w3.org/2005/Atom title"`
		Updated []string   `xml:"http://www.w3.org/2005/Atom updated"`
		Summary []string   `xml:"http://www.w3.org/2005/Atom summary"`
		Links   []readLink `xml:"http://www.w3.org/2005/Atom link"`
	} `xml:"http://www.w3.org/2005/Atom entry"`
}

type readLink struct {
	Rel    string `xml:"rel,attr"`
	Href   string `xml:"href,attr"`
	Type   string `xml:"type,attr"`
	Length int64  `xml:"length,attr"`
}

// linked returns the addresses of a relation.
func linked(links []readLink, rel string) (all []string) {
	for _, l := range links {
		if l.Rel == rel {
			all = append(all, l.Href)
		}
	}
	return all
}

// parseFeed checks RFC 4287 §4.1.1 and §4.1.2: one id, title and date each, an
// author, one address of itself, ids that differ, and links in every entry.
func parseFeed(t *testing.T, text string) readAtom {
	t.Helper()
	var f readAtom
	if err := xml.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	dates := f.Updated
	if len(f.ID) != 1 || !strings.HasPrefix(f.ID[0], "https://") || len(f.Title) != 1 || len(f.Updated) != 1 || len(f.Author) != 1 || f.Author[0] == "" || len(linked(f.Links, "self")) != 1 {
		t.Errorf("feed %q, title %q, updated %q, author %q, links %v", f.ID, f.Title, f.Updated, f.Author, f.Links)
	}
	ids := map[string]bool{}
	for _, e := range f.Entries {
		if len(e.ID) != 1 || ids[e.ID[0]] || len(e.Title) != 1 || e.Title[0] == "" || len(e.Updated) != 1 || len(e.Summary) != 1 || len(linked(e.Links, "alternate")) != 1 {
			t.Errorf("entry %q, title %q, updated %q, links %v", e.ID, e.Title, e.Updated, e.Links)
		}
		ids[e.ID[0]] = true
		dates = append(dates, e.Updated...)
	}
	for _, date := range dates {
		if _, err := time.Parse(time.RFC3339, date); err != nil {
			t.Errorf("updated %q: %v", date, err)
		}
	}
	return f
}

func TestFeed(t *testing.T) {
	f := newFixture(t, 5, midWindow())
	written := time.Date(2026, 11, 23, 0, 5, 0, 0, time.UTC)
	for i := range f.files {
		f.files[i].Modified = written.Add(time.Duration(i) * time.Minute)
	}
	now := time.Now()
	h := f.handlerWith(t, func(c *Config) {
		c.Notices = []Notice{
			{From: now.Add(-time.Hour), Text: opendata.Text{De: "Sensor & Mast <getauscht>", En: "Sensor replaced"}, About: "dataset/verkehr"},
			{From: now.Add(time.Hour), Text: opendata.Text{De: "Kommt noch", En: "To come"}},
			{From: now.Add(-time.Hour), Text: opendata.Text{De: "Anderes", En: "Other"}, About: "dataset/umwelt"},
		}
	})
	for _, l := range languages() {
		r := get(h, "GET", l.To("/feed/verkehr.atom"))
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/atom+xml; charset=utf-8" {
			t.Fatalf("%s: %d %s", l.Lang, r.StatusCode, r.Header.Get("Content-Type"))
		}
		feed := parseFeed(t, body(t, r))
		// The notice, and the one day that is over: not the month that runs, nor
		// the latest values.
		if len(feed.Entries) != 2 || !strings.HasPrefix(feed.Entries[0].Title[0], l.Dataset.FeedNotice) || feed.Entries[1].Updated[0] != "2026-11-23T00:06:00Z" {
			t.Fatalf("%s: entries %+v", l.Lang, feed.Entries)
		}
		if files := linked(feed.Entries[1].Links, "enclosure"); len(files) != 2 || files[0] != "https://daten.example/data/verkehr/2026-11-22.csv" {
			t.Errorf("%s: files %v", l.Lang, files)
		}
		if tag := r.Header.Get("ETag"); get(h, "GET", l.To("/feed/verkehr.atom"), "If-None-Match", tag).StatusCode != 304 {
			t.Errorf("%s: the same feed is sent again", l.Lang)
		}
		if feed.Updated[0] != feed.Entries[0].Updated[0] {
			t.Errorf("%s: the feed is of %s, its newest entry of %s", l.Lang, feed.Updated[0], feed.Entries[0].Updated[0])
		}
	}
	// A revision is the same entry with another date.
	before := parseFeed(t, body(t, get(h, "GET", "/feed/verkehr.atom"))).Entries[1]
	f.files[0].Modified = written.Add(48 * time.Hour)
	after := parseFeed(t, body(t, get(h, "GET", "/feed/verkehr.atom"))).Entries[1]
	if after.ID[0] != before.ID[0] || after.Updated[0] == before.Updated[0] {
		t.Errorf("a revision makes %s of %s out of %s of %s", after.ID, after.Updated, before.ID, before.Updated)
	}
	for path, want := range map[string]int{"/feed/nothing.atom": 404, "/feed/verkehr": 404, "/feed/verkehr.rss": 404, "/feed/stromverbrauch.atom": 200} {
		if r := get(h, "GET", path); r.StatusCode != want {
			t.Errorf("%s gives %d, want %d", path, r.StatusCode, want)
		}
	}
	empty := newFixture(t, 0, now).handler(t, BaseMap{})
	if feed := parseFeed(t, body(t, get(empty, "GET", "/feed/umwelt.atom"))); len(feed.Entries) != 0 {
		t.Errorf("without files there are %d entries", len(feed.Entries))
	}
}

// TestFeedIsBounded: of years of days the newest are told.
func TestFeedIsBounded(t *testing.T) {
	f := newFixture(t, 1, midWindow())
	f.files = nil
	for day := (opendata.Day{Year: 2026, Month: 1, Day: 1}); day.Month < 4; day = opendata.DayOf(day.Span().End) {
		f.files = append(f.files, File{Path: "/data/DATASET/15m/" + day.String() + ".csv", Window: opendata.Quarter, Period: day.String(), Complete: true})
	}
	feed := parseFeed(t, body(t, get(f.handler(t, BaseMap{}), "GET", "/feed/verkehr.atom")))
	if len(feed.Entries) != feedEntries || feed.Entries[0].Updated[0] != "2026-03-31T22:00:00Z" {
		t.Errorf("%d entries from %s, want %d from the end of March", len(feed.Entries), feed.Entries[0].Updated, feedEntries)
	}
}
