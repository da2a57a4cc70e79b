package portal

import (
	"errors"
	"net/url"
	"slices"
	"strconv"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// selection is what a reader asked for in the query of the page's address.
// Every field may be zero: all domains, all municipalities, the first page, a
// station that shows well.
type selection struct {
	Domain       uplink.Domain
	Municipality string
	Station      string
	Quantity     string
	Page         int // from 1 up
}

var errNoSuch = errors.New("no such domain, municipality, station, quantity or page")

// parseSelection reads a query; the names in it must exist.
func (p *portal) parseSelection(q url.Values) (selection, error) {
	s := selection{
		Domain: uplink.Domain(q.Get("domain")), Municipality: q.Get("municipality"),
		Station: q.Get("station"), Quantity: q.Get("quantity"), Page: 1,
	}
	if s.Domain != "" && !s.Domain.Valid() {
		return selection{}, errNoSuch
	}
	if s.Municipality != "" && !slices.ContainsFunc(p.Region.Municipalities, func(m Municipality) bool { return m.ID == s.Municipality }) {
		return selection{}, errNoSuch
	}
	if s.Station != "" {
		station, ok := p.station(s.Station)
		if !ok {
			return selection{}, errNoSuch
		}
		if s.Quantity != "" {
			if _, _, ok := p.published(station.Domain, s.Quantity); !ok {
				return selection{}, errNoSuch
			}
		}
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
	for key, value := range map[string]string{
		"domain": string(s.Domain), "municipality": s.Municipality, "station": s.Station, "quantity": s.Quantity,
	} {
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

// matches reports whether the filter lets a station through.
func (s selection) matches(st *devices.Station) bool {
	return (s.Domain == "" || s.Domain == st.Domain) && (s.Municipality == "" || s.Municipality == st.Municipality)
}

func (p *portal) station(id string) (devices.Station, bool) {
	for _, s := range p.Directory.Stations() {
		if s.ID == id {
			return s, true
		}
	}
	return devices.Station{}, false
}

// published returns the quantity and the dataset of a domain that has it.
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
