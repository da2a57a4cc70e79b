package portal

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"modellregion/opendata"
)

// legalView is a text of paragraphs with who answers for it.
type legalView struct {
	Title      string
	Paragraphs []string
}

func (p *portal) imprint(_ *http.Request, t *texts) (page, error) {
	return p.legal(t, t.Legal.Imprint, p.Legal.Imprint, t.Legal.ImprintDefault), nil
}

// privacy says by default what this program does, and of the base map what the
// reader's browser does.
func (p *portal) privacy(_ *http.Request, t *texts) (page, error) {
	text := t.Legal.PrivacyDefault
	if u, err := url.Parse(p.BaseMap.URL); err == nil && u.Host != "" {
		text += "\n\n" + fmt.Sprintf(t.Legal.PrivacyTiles, u.Host)
	}
	return p.legal(t, t.Legal.Privacy, p.Legal.Privacy, text+"\n\n"+t.Legal.PrivacyRights), nil
}

func (p *portal) accessibility(_ *http.Request, t *texts) (page, error) {
	return p.legal(t, t.Legal.Accessibility, p.Legal.Accessibility, t.Legal.AccessibilityDefault), nil
}

func (p *portal) legal(t *texts, title string, own opendata.Text, otherwise string) page {
	text := own.In(t.Lang)
	if strings.TrimSpace(text) == "" {
		text = otherwise
	}
	return page{
		Title: title, Description: fmt.Sprintf(t.Legal.Description, title, p.Region.Name.In(t.Lang)), Trail: []link{{Text: title}},
		View: legalView{Title: title, Paragraphs: paragraphs(text)},
	}
}

// paragraphs divides a text where a line is empty.
func paragraphs(text string) []string {
	var out []string
	var open []string
	for line := range strings.Lines(text + "\n\n") {
		if line = strings.TrimSpace(line); line != "" {
			open = append(open, line)
			continue
		}
		if len(open) > 0 {
			out, open = append(out, strings.Join(open, " ")), nil
		}
	}
	return out
}
