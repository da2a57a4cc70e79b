package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"modellregion/opendata"
)

// legalView is a text with who answers for it.
type legalView struct {
	Title  string
	Blocks []block
	Report string // where a barrier is reported; empty: on another page, or nowhere
}

// block is a heading, a list or, being neither, a paragraph.
type block struct {
	Heading, List bool
	Lines         [][]link // in pieces; one with a URL leads there
}

func (p *portal) imprint(_ *http.Request, t *texts) (page, error) {
	return p.legal(t, t.Legal.Imprint, p.Legal.Imprint, t.Legal.ImprintDefault), nil
}

// privacy says by default what this program does, and of the base map what the
// reader's browser does.
func (p *portal) privacy(_ *http.Request, t *texts) (page, error) {
	text := t.Legal.PrivacyDefault
	if p.Feedback != nil {
		text += "\n\n" + t.Legal.PrivacyFeedback
	}
	if u, err := url.Parse(p.BaseMap.URL); err == nil && u.Host != "" {
		text += "\n\n" + fmt.Sprintf(t.Legal.PrivacyTiles, u.Host)
	}
	return p.legal(t, t.Legal.Privacy, p.Legal.Privacy, text+"\n\n"+t.Legal.PrivacyRights), nil
}

// accessibility leads to the form, too: who meets a barrier must have a way to
// say so that needs no mail program (BITV 2.0 § 7, Directive (EU) 2016/2102
// Art. 7).
func (p *portal) accessibility(_ *http.Request, t *texts) (page, error) {
	shown := p.legal(t, t.Legal.Accessibility, p.Legal.Accessibility, t.Legal.AccessibilityDefault)
	if v, ok := shown.View.(legalView); ok && p.Feedback != nil {
		v.Report = t.To(feedbackPath)
		shown.View = v
	}
	return shown, nil
}

func (p *portal) legal(t *texts, title string, own opendata.Text, otherwise string) page {
	text := own.In(t.Lang)
	if strings.TrimSpace(text) == "" {
		text = otherwise
	}
	return page{
		Title: title, Description: fmt.Sprintf(t.Legal.Description, title, p.Region.Name.In(t.Lang)), Trail: []link{{Text: title}},
		Styles: []string{"legal.css"}, View: legalView{Title: title, Blocks: blocks(text)},
	}
}

// blocks divides a text: an empty line ends a paragraph, a line with "## " before
// it is a heading, lines with "- " are a list, and the end of a line stays one, as
// an address wants it.
func blocks(text string) []block {
	var out []block
	open := false // the last block goes on
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		heading, isHeading := strings.CutPrefix(line, "## ")
		item, isItem := strings.CutPrefix(line, "- ")
		switch {
		case line == "":
			open = false
			continue
		case isHeading:
			out, open = append(out, block{Heading: true, Lines: [][]link{{{Text: heading}}}}), false
			continue
		case isItem:
			line = item
		}
		if !open || out[len(out)-1].List != isItem {
			out, open = append(out, block{List: isItem}), true
		}
		last := &out[len(out)-1]
		last.Lines = append(last.Lines, lineLinks(line))
	}
	return out
}

// address finds links and mail addresses, without what ends a sentence.
var address = regexp.MustCompile(`https?://[^\s<>"()]*[^\s<>"().,;:!?]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+`)

// lineLinks divides a line where it names an address.
func lineLinks(line string) []link {
	var out []link
	at := 0
	for _, m := range address.FindAllStringIndex(line, -1) {
		if m[0] > at {
			out = append(out, link{Text: line[at:m[0]]})
		}
		found := line[m[0]:m[1]]
		out, at = append(out, link{found, contactURL(found)}), m[1]
	}
	if at < len(line) {
		out = append(out, link{Text: line[at:]})
	}
	return out
}
