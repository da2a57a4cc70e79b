package live

import (
	"modellregion/devices"
	"modellregion/opendata"
)

// sites are those of a dataset that are public. They are looked up again when
// the directory has changed, which then returns another list.
type sites struct {
	of   []devices.Station
	ids  map[string]struct{}
	gone map[string]struct{} // that were public and are not in what retract has done
}

func (c *sites) public(d *opendata.Dataset, dir opendata.Directory) map[string]struct{} {
	stations := dir.Stations()
	if c.ids != nil && len(stations) == len(c.of) && (len(stations) == 0 || &stations[0] == &c.of[0]) {
		return c.ids
	}
	before := c.ids
	c.of, c.ids = stations, map[string]struct{}{}
	for _, site := range d.Sites(dir) {
		c.ids[site.ID] = struct{}{}
	}
	for id := range before {
		if _, still := c.ids[id]; !still {
			if c.gone == nil {
				c.gone = map[string]struct{}{}
			}
			c.gone[id] = struct{}{}
		}
	}
	return c.ids
}

// retract takes what is not public any more out of the rings, so that nobody
// who resumes is told of it.
func (h *Hub) retract() {
	h.taking.Lock()
	defer h.taking.Unlock()
	for _, s := range h.sets {
		s.sites.public(s.Dataset, h.cfg.Directory)
		if len(s.sites.gone) > 0 {
			h.drop(s, s.sites.gone)
			s.sites.gone = nil
		}
	}
}

// drop replaces the batches of a ring that tell of some stations. Whoever is
// sending one of them now ends with it.
func (h *Hub) drop(s *set, gone map[string]struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, b := range s.ring {
		s.ring[i] = b.without(gone)
		s.bytes += len(s.ring[i].data) - len(b.data)
	}
}
