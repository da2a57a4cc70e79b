package sensorthings

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// request is what answering one request needs, and what it may still cost.
type request struct {
	ctx     context.Context
	service *Service
	*catalog
	now  time.Time
	base string // address of the service
	host string // address of its host

	entities, rows, queries int // that are left
	depth                   int // of $expand
}

func (s *Service) newRequest(ctx context.Context, base string) *request {
	l := s.cfg.Limits
	return &request{
		ctx: ctx, service: s, catalog: s.catalog.Load(), now: time.Now(), base: base, host: hostOf(base),
		entities: l.Entities, rows: l.Rows, queries: l.Queries,
	}
}

// hostOf cuts the path off an address.
func hostOf(base string) string {
	if len(base) > len(Path) && base[len(base)-len(Path):] == Path {
		return base[:len(base)-len(Path)]
	}
	return base
}

func (r *request) limits() *Limits { return &r.service.cfg.Limits }

func (r *request) selfLink(t *entityType, of entity) string {
	return string(r.appendSelfLink(nil, t, of))
}

func (r *request) appendSelfLink(b []byte, t *entityType, of entity) []byte {
	b = append(append(append(b, r.base...), '/'), t.set...)
	return append(strconv.AppendInt(append(b, '('), of.id(), 10), ')')
}

// spend counts entities of the answer.
func (r *request) spend(entities int) error {
	if r.entities -= entities; r.entities < 0 {
		return fail(http.StatusBadRequest,
			"die Antwort hätte mehr als %d Entitäten: bitte $top oder $top in $expand verkleinern", "the answer would have more than %d entities: make $top, or $top in $expand, smaller",
			r.limits().Entities)
	}
	return r.alive()
}

// alive is an error when the time for the answer is over.
func (r *request) alive() error {
	if r.ctx.Err() == nil {
		return nil
	}
	return r.late()
}

func (r *request) late() error {
	return busy(10*time.Second,
		"die Anfrage dauert länger als %s: bitte einschränken, etwa mit phenomenonTime in $filter", "the query takes longer than %s: narrow it, for example with phenomenonTime in $filter",
		r.limits().Time)
}

// related returns the entities that a relation to many leads to, in order of
// their numbers. Observations are read for it, as far as the limits allow.
func (r *request) related(of entity, rel *relation) ([]entity, error) {
	if rel.list != nil {
		return rel.list(of), nil
	}
	p := r.newPlan(rel.streams(of))
	found, err := r.everything(p)
	if err != nil {
		return nil, err
	}
	out := make([]entity, len(found))
	for i := range found {
		out[i] = &found[i]
	}
	return out, nil
}
