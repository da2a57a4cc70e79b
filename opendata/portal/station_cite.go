package portal

import (
	"fmt"
	"strings"
	"time"

	"modellregion/opendata"
)

// citation is how to cite what a station page shows.
type citation struct{ Text, BibTeX string }

// citeCourse names publisher, quantity, station, time, dataset, licence, address and
// the day on which it was read.
func (p *portal) citeCourse(a *asked, t *texts, address string, now time.Time) *citation {
	publisher := a.set.Publisher
	if publisher == "" {
		publisher = p.Region.Publisher
	}
	from, until := citedDay(a.span.Start, t.Lang), citedDay(a.span.End.Add(-time.Nanosecond), t.Lang)
	span := from
	if until != from {
		span = fmt.Sprintf(t.Station.CiteSpan, from, until)
	}
	today := opendata.DayOf(now)
	what := label(a.q, t.Lang)
	where := joined(", ", a.site.Name, a.site.Town)
	text := fmt.Sprintf(t.Station.CiteText, publisher, what, where, span, a.set.Title.In(t.Lang), p.Region.Name.In(t.Lang)) + " " +
		fmt.Sprintf(t.Station.CiteLicence, a.set.Licence.Name, a.set.Licence.URL) + " " + address + " (" + fmt.Sprintf(t.Station.CiteSeen, citedDay(now, t.Lang)) + ")"
	bib := strings.Join([]string{
		"@misc{" + bibKey(a.site.ID+"-"+a.q.Name),
		"  author = {{" + bibText(publisher) + "}}",
		"  title = {" + bibText(what+", "+where+", "+span) + "}",
		"  howpublished = {" + bibText(a.set.Title.In(t.Lang)+", "+p.Region.Name.In(t.Lang)) + "}",
		"  year = {" + fmt.Sprint(today.Year) + "}",
		"  url = {" + address + "}",
		"  urldate = {" + today.String() + "}",
		"  note = {" + bibText(a.set.Licence.Name) + "}",
	}, ",\n") + "\n}"
	return &citation{text, bib}
}

// citedDay prints the day of t in Berlin without the day of the week, which no
// citation has: "23.11.2026", "2026-11-23".
func citedDay(t time.Time, lang string) string {
	if lang == "de" {
		return t.In(opendata.Berlin()).Format("02.01.2006")
	}
	return opendata.DayOf(t).String()
}

// bibKey keeps of a name what a key of BibTeX may have.
func bibKey(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
}

// bibText escapes what TeX would take for itself.
func bibText(text string) string { return bibEscapes.Replace(text) }

var bibEscapes = strings.NewReplacer("\\", `\textbackslash{}`, "{", `\{`, "}", `\}`, "%", `\%`, "&", `\&`, "#", `\#`, "_", `\_`, "$", `\$`, "~", `\~{}`, "^", `\^{}`)
