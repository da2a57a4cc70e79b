package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// selection is which stations a reader wants to see: what the query of an
// address says. Every field may be zero: all of them.
type selection struct {
	Text         string // words that are all part of the name, the place or the id
	Domain       uplink.Domain
	Municipality string
	State        state
	Page         int // from 1 up
}

// maxText bounds what is searched for, in characters.
const maxText = 100

// parseSelection reads a query; the names in it must exist.
func (p *portal) parseSelection(q url.Values) (selection, error) {
	s := selection{
		Text: strings.TrimSpace(q.Get("q")), Domain: uplink.Domain(q.Get("domain")), Municipality: q.Get("municipality"),
		State: state(q.Get("state")), Page: 1,
	}
	if utf8.RuneCountInString(s.Text) > maxText {
		s.Text = string([]rune(s.Text)[:maxText])
	}
	if s.Domain != "" && !s.Domain.Valid() || s.State != "" && !slices.Contains(states(), s.State) {
		return selection{}, errNoSuch
	}
	if s.Municipality != "" && !slices.ContainsFunc(p.Region.Municipalities, func(m Municipality) bool { return m.ID == s.Municipality }) {
		return selection{}, errNoSuch
	}
	if text := q.Get("page"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 1_000_000 {
			return selection{}, errNoSuch
		}
		s.Page = n
	}
	return s, nil
}

// query returns the selection as the query of an address, "" when nothing is
// selected.
func (s selection) query() string {
	q := url.Values{}
	for key, value := range map[string]string{"q": s.Text, "domain": string(s.Domain), "municipality": s.Municipality, "state": string(s.State)} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if s.Page > 1 {
		q.Set("page", strconv.Itoa(s.Page))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// active reports whether it leaves anything out.
func (s selection) active() bool {
	return s.Text != "" || s.Domain != "" || s.Municipality != "" || s.State != ""
}

// of returns the stations that the selection lets through, in their order.
func (s selection) of(all []*site, now time.Time) []*site {
	words := strings.Fields(fold(s.Text))
	var out []*site
	for _, one := range all {
		if s.Domain != "" && s.Domain != one.Domain || s.Municipality != "" && s.Municipality != one.Municipality ||
			s.State != "" && s.State != one.state(now) ||
			slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(one.find, w) }) {
			continue
		}
		out = append(out, one)
	}
	return out
}

// option is one choice of a field or a row of tabs.
type option struct {
	Value, Name string
	Selected    bool
}

// filterView is the form by which readers select stations.
type filterView struct {
	Text                            string
	Domains, Municipalities, States []option
	Active                          bool
}

func (p *portal) filter(s selection, t *texts) filterView {
	f := filterView{Text: s.Text, Active: s.active()}
	for _, d := range p.domains() {
		f.Domains = append(f.Domains, option{string(d), domainNames[d].In(t.Lang), s.Domain == d})
	}
	for _, m := range p.Region.Municipalities {
		f.Municipalities = append(f.Municipalities, option{m.ID, m.Name, s.Municipality == m.ID})
	}
	for _, st := range states() {
		f.States = append(f.States, option{string(st), t.stateName(st), s.State == st})
	}
	return f
}

// published returns the quantity and the first dataset of a domain that has it.
func (p *portal) published(domain uplink.Domain, name string) (*opendata.Dataset, *devices.Quantity, bool) {
	q, ok := devices.Lookup(name)
	if !ok {
		return nil, nil, false
	}
	for i := range p.Datasets {
		if d := &p.Datasets[i]; d.Domain == domain && d.Has(q) {
			return d, q, true
		}
	}
	return nil, nil, false
}

// municipality returns the name of a municipality, or its id when the region
// does not list it.
func (p *portal) municipality(id string) string {
	for _, m := range p.Region.Municipalities {
		if m.ID == id {
			return m.Name
		}
	}
	return id
}
