package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/internal/openhttp"
)

// maxWanted bounds the stations, and the quantities, of one selection.
const maxWanted = 100

// lastEventID is the parameter for programs that cannot set the header of that
// purpose on their first request, as browsers cannot.
const lastEventID = "lastEventId"

// selection is what a listener wants.
type selection struct {
	sets       []*set              // at least one
	stations   []string            // ids of sites, ordered; none: all
	quantities []*devices.Quantity // none: all
}

// refusal is an answer other than events.
type refusal struct {
	status int
	text   string
}

// Error implements error.
func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// cors is what pages of any origin may use.
var cors = openhttp.CORS{Ask: []string{"Last-Event-ID, Cache-Control"}}

// ServeHTTP implements http.Handler.
//
//	GET /live?dataset=verkehr&station=…&quantity=…
//
// Each parameter may be there several times; without one, all are wanted.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !cors.Begin(w, r, readOnly) {
		return
	}
	header := w.Header()
	sel, since, err := h.parse(r)
	var no *refusal
	if errors.As(err, &no) {
		answer(w, no.status, no.text)
		return
	}
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache, no-transform") // nobody may keep or compress it
	header.Set("X-Accel-Buffering", "no")                 // nginx: hand on each event at once
	if r.Method == http.MethodHead {
		return
	}
	h.serve(w, r, sel, since)
}

func (h *Hub) serve(w http.ResponseWriter, r *http.Request, sel selection, since *place) {
	h.connected.Add(1)
	h.listeners.Add(1)
	defer h.listeners.Add(-1)
	l := &listener{selection: sel, w: w, conn: http.NewResponseController(w)}
	// The server's limit for reading a request would end the stream.
	if err := l.conn.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return
	}
	err := h.listen(r.Context(), l, since)
	if errors.Is(err, errSlow) || errors.Is(err, os.ErrDeadlineExceeded) {
		h.slow.Add(1)
	}
	if err != nil {
		// The end of the response would say that it is complete.
		panic(http.ErrAbortHandler)
	}
}

// parse reads what is wanted and from where on; nil when from now on. Its
// error is a refusal.
func (h *Hub) parse(r *http.Request) (selection, *place, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return selection{}, nil, refuse(http.StatusBadRequest, "the query cannot be read: %.100s", err.Error())
	}
	for name := range query {
		if !slices.Contains([]string{"dataset", "station", "quantity", lastEventID}, name) {
			return selection{}, nil, refuse(http.StatusBadRequest, "unknown parameter %.64q: want dataset, station, quantity or %s", name, lastEventID)
		}
	}
	sel, err := h.choose(query["dataset"], query["station"], query["quantity"])
	if err != nil {
		return selection{}, nil, err
	}
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = query.Get(lastEventID)
	}
	if id == "" {
		return sel, nil, nil
	}
	since, err := parsePlace(id)
	if err != nil {
		return selection{}, nil, refuse(http.StatusBadRequest, "Last-Event-ID %s", err)
	}
	return sel, &since, nil
}

// choose checks a selection against what there is, so that who misspells a
// name does not wait for ever.
func (h *Hub) choose(datasets, stations, quantities []string) (selection, error) {
	if len(datasets) > maxWanted || len(stations) > maxWanted || len(quantities) > maxWanted {
		return selection{}, refuse(http.StatusBadRequest, "more than %d datasets, stations or quantities: want fewer, or all", maxWanted)
	}
	sel := selection{sets: h.sets}
	if len(datasets) > 0 {
		sel.sets = nil
	}
	for _, id := range datasets {
		s := h.set(id)
		if s == nil {
			return selection{}, refuse(http.StatusNotFound, "there is no live dataset %.64q", id)
		}
		if !slices.Contains(sel.sets, s) {
			sel.sets = append(sel.sets, s)
		}
	}
	if len(sel.sets) == 0 {
		return selection{}, refuse(http.StatusNotFound, "there is no live dataset")
	}
	for _, name := range quantities {
		q, ok := devices.Lookup(name)
		if !ok || !slices.ContainsFunc(sel.sets, func(s *set) bool { return s.Has(q) }) {
			return selection{}, refuse(http.StatusNotFound, "no dataset wanted has the quantity %.64q", name)
		}
		sel.quantities = append(sel.quantities, q)
	}
	for _, id := range stations {
		if !h.knows(sel.sets, id) {
			return selection{}, refuse(http.StatusNotFound, "no dataset wanted has the station %.64q", id)
		}
	}
	sel.stations = slices.Compact(slices.Sorted(slices.Values(stations)))
	return sel, nil
}

// knows reports whether a site is public in one of the datasets.
func (h *Hub) knows(sets []*set, id string) bool {
	h.taking.Lock()
	defer h.taking.Unlock()
	return slices.ContainsFunc(sets, func(s *set) bool {
		_, is := s.sites.public(s.Dataset, h.cfg.Directory)[id]
		return is
	})
}

// answer writes an error like those of SensorThings.
func readOnly(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusMethodNotAllowed, r.Method+" is not allowed: the stream is read with GET")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": status, "type": "error", "message": text}) // the client may have left
}
