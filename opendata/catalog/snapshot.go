package catalog

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// handler keeps what the catalogue says, so that answering costs nothing.
type handler struct {
	cfg Config

	mu      sync.Mutex
	model   *model // nil: nothing is known yet
	looked  time.Time
	failing bool // the last look was in vain
	docs    map[string]*document
}

// address is what can be asked for.
type address struct {
	dataset string // id; empty: the catalogue
	page    int    // of the catalogue, from 1
	form    form
}

func (a address) key() string { return fmt.Sprintf("%s/%d%s", a.dataset, a.page, a.form.suffix) }

// document is one form of one page as it is sent.
type document struct {
	plain, packed []byte
	etag          string
	since         time.Time // when it was first written like that
	of            *model
}

// document returns what is asked for and the status of the answer: 200, 404
// when there is no such page, or 503 when nothing is known.
func (h *handler) document(a address) (*document, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refresh()
	if h.model == nil {
		return nil, http.StatusServiceUnavailable
	}
	doc := h.docs[a.key()]
	if doc != nil && doc.of == h.model {
		return doc, http.StatusOK
	}
	g := h.graph(a)
	if g == nil {
		return nil, http.StatusNotFound
	}
	written := newDocument(a.form.write(g))
	written.of, written.since = h.model, h.model.made
	if doc != nil && doc.etag == written.etag {
		written.since = doc.since
	}
	h.docs[a.key()] = written
	return written, http.StatusOK
}

func (h *handler) graph(a address) *graph {
	switch {
	case a.dataset != "":
		return h.model.one(a.dataset)
	case a.page > h.model.pages():
		return nil
	default:
		return h.model.page(a.page, a.form)
	}
}

// refresh looks again when it is time. When that fails it keeps what it has: a
// catalogue of a minute ago is right, half of one is not.
func (h *handler) refresh() {
	wait := fresh
	if h.failing {
		wait = patience
	}
	if !h.looked.IsZero() && time.Since(h.looked) < wait {
		return
	}
	m, err := look(&h.cfg)
	h.looked = time.Now()
	if err != nil {
		if !h.failing {
			h.cfg.Log.Warn("catalogue cannot be renewed", "err", err, "known", h.model != nil)
		}
		h.failing = true
		return
	}
	if h.failing {
		h.cfg.Log.Info("catalogue is renewed again")
	}
	h.failing, h.model = false, m
}

func newDocument(plain []byte) *document {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain) // a Buffer takes everything
	_ = z.Close()
	sum := sha256.Sum256(plain)
	return &document{plain: plain, packed: packed.Bytes(), etag: base64.RawURLEncoding.EncodeToString(sum[:16])}
}
