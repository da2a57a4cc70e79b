package opendata

import "modellregion/devices"

// Each calls take with the newest window of each live series of a dataset, as
// Rows returns them but in no order and without a list of all of them, which
// takes some 200 bytes a series. take must be quick, since nothing can be put
// meanwhile, and must not keep the row.
func (l *Latest) Each(dataset string, take func(*devices.Aggregate)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	set := l.sets[dataset]
	if set == nil {
		return
	}
	live := set.newest.Add(-Recent).UnixMilli()
	for key, p := range set.series {
		if p.last.begin > live {
			row := p.last.unpack(key, set.window)
			take(&row)
		}
	}
}
