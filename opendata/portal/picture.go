package portal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"modellregion/opendata"
)

const (
	pictureFor  = 10 * time.Minute // that one is kept
	maxPictures = 200              // that are kept, of some 30 kB each
)

// pictures keeps those that were drawn. One is drawn at a time: a reader of
// many pages can neither take all processors nor all memory.
type pictures struct {
	drawing sync.Mutex
	fonts   fonts // read with the first one

	mu   sync.Mutex
	kept map[string]picture // by path and language
}

type picture struct {
	png  []byte
	made time.Time
}

// picturePath is where the picture of a page is: kind is "station", "dataset"
// or, without an id, "region".
func picturePath(kind, id string, t *texts) string {
	path := t.To("/picture/" + kind)
	if id != "" {
		path += "/" + url.PathEscape(id)
	}
	return path + ".png"
}

// picture answers with the picture of a page, for services that show one where
// somebody links to it (Open Graph).
func (p *portal) picture(t *texts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind, file := r.PathValue("kind"), r.PathValue("file")
		id, ok := strings.CutSuffix(file, ".png")
		if file == "" {
			kind, ok = strings.CutSuffix(kind, ".png")
		}
		if !ok {
			p.fail(w, t, http.StatusNotFound)
			return
		}
		content, err := p.pictureOf(r.Context(), kind, id, t, time.Now())
		switch {
		case errors.Is(err, errNoSuch):
			p.fail(w, t, http.StatusNotFound)
		case err != nil:
			if r.Context().Err() == nil {
				p.Log.Warn("picture cannot be drawn", "page", kind+" "+id, "err", err)
			}
			p.fail(w, t, http.StatusServiceUnavailable)
		default:
			h := w.Header()
			h.Set("Content-Type", "image/png")
			h.Set("Cache-Control", "public, max-age=600")
			tag := digestOf(content) // compressed already
			h.Set("ETag", `"`+tag+`"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	}
}

// pictureOf returns a picture that was drawn lately, or draws it.
func (p *portal) pictureOf(ctx context.Context, kind, id string, t *texts, now time.Time) ([]byte, error) {
	var paint func(*painter, context.Context, *texts) error
	switch kind {
	case "station":
		s := p.stations().byID[id]
		if s == nil {
			return nil, errNoSuch
		}
		paint = func(on *painter, ctx context.Context, t *texts) error { return p.paintStation(on, ctx, s, t) }
	case "dataset":
		for i := range p.Datasets {
			if d := &p.Datasets[i]; d.ID == id {
				paint = func(on *painter, _ context.Context, t *texts) error { p.paintDataset(on, d, t); return nil }
			}
		}
	case "region":
		paint = func(on *painter, _ context.Context, t *texts) error { p.paintRegion(on, t); return nil }
	}
	if paint == nil || kind == "region" && id != "" {
		return nil, errNoSuch
	}
	key := picturePath(kind, id, t)
	if known := p.pictures.get(key, now); known != nil {
		return known, nil
	}
	p.pictures.drawing.Lock()
	defer p.pictures.drawing.Unlock()
	if known := p.pictures.get(key, now); known != nil { // somebody else drew it meanwhile
		return known, nil
	}
	if p.pictures.fonts == (fonts{}) {
		var err error
		if p.pictures.fonts, err = loadFonts(); err != nil {
			return nil, err
		}
	}
	on := newPainter(p.pictures.fonts)
	if err := paint(on, ctx, t); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := errors.Join(on.err, png.Encode(&out, on.img)); err != nil {
		return nil, fmt.Errorf("write picture: %w", err)
	}
	p.pictures.put(key, picture{out.Bytes(), now})
	return out.Bytes(), nil
}

func (c *pictures) get(key string, now time.Time) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.kept[key]; ok && now.Sub(known.made) < pictureFor {
		return known.png
	}
	return nil
}

// put keeps a picture, in place of all others when they are too many: they are
// drawn again one by one.
func (c *pictures) put(key string, one picture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= maxPictures {
		c.kept = map[string]picture{}
	}
	c.kept[key] = one
}

const pictureMargin = 72

// signed writes whose picture it is along its foot.
func (p *portal) signed(on *painter, t *texts) {
	end := on.text(on.fonts.bold, 28, pictureMargin, pictureHeight-56, 620, paintInk, p.Region.Name.In(t.Lang)) + 28
	on.text(on.fonts.regular, 28, end, pictureHeight-56, pictureWidth-end-pictureMargin, paintQuiet, joined(" · ", t.Site.Tagline, p.Region.Publisher))
}

// headed writes a small line and a large one along the top.
func (on *painter) headed(small, large string) {
	on.text(on.fonts.regular, 32, pictureMargin+84, 126, pictureWidth-2*pictureMargin-84, paintQuiet, small)
	on.text(on.fonts.bold, 60, pictureMargin, 226, pictureWidth-2*pictureMargin, paintInk, large)
}

func (p *portal) paintRegion(on *painter, t *texts) {
	for i, d := range p.domains() {
		on.glyph(d, domainLetters[d].In(t.Lang), pictureMargin+float32(i)*92, 84, 68)
		on.text(on.fonts.regular, 30, pictureMargin+(i%2)*480, 430+(i/2)*52, 460, paintTones[d], domainNames[d].In(t.Lang))
	}
	on.text(on.fonts.bold, 76, pictureMargin, 260, pictureWidth-2*pictureMargin, paintInk, p.Region.Name.In(t.Lang))
	on.text(on.fonts.regular, 38, pictureMargin, 326, pictureWidth-2*pictureMargin, paintQuiet, t.Site.Tagline)
	p.signed(on, t)
}

func (p *portal) paintDataset(on *painter, d *opendata.Dataset, t *texts) {
	on.glyph(d.Domain, domainLetters[d.Domain].In(t.Lang), pictureMargin, 80, 64)
	on.headed(domainNames[d.Domain].In(t.Lang), d.Title.In(t.Lang))
	for i, line := range wrapped(d.Description.In(t.Lang), 62, 4) {
		on.text(on.fonts.regular, 32, pictureMargin, 300+i*46, pictureWidth-2*pictureMargin, paintQuiet, line)
	}
	on.text(on.fonts.regular, 28, pictureMargin, 510, pictureWidth-2*pictureMargin, paintTones[d.Domain], d.Licence.Name)
	p.signed(on, t)
}

// wrapped divides a text into so many lines of so many characters; what is left
// of it is told by an ellipsis.
func wrapped(text string, width, lines int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if len([]rune(line))+1+len([]rune(word)) <= width || line == "" {
			line = joined(" ", line, word)
			continue
		}
		if len(out) == lines-1 {
			return append(out, line+" …")
		}
		out, line = append(out, line), word
	}
	return append(out, line)
}

// paintStation draws the last value of a station and the day behind it.
func (p *portal) paintStation(on *painter, ctx context.Context, s *site, t *texts) error {
	on.glyph(s.Domain, domainLetters[s.Domain].In(t.Lang), pictureMargin, 80, 64)
	on.headed(joined(" · ", domainNames[s.Domain].In(t.Lang), s.Town), s.Name)
	p.signed(on, t)
	key := s.key()
	if len(key) == 0 {
		on.text(on.fonts.regular, 40, pictureMargin, 330, pictureWidth-2*pictureMargin, paintQuiet, t.State.Silent)
		return nil
	}
	a, _, err := p.parseCourse(s, url.Values{"quantity": {key[0].Quantity.Name}})
	if err != nil {
		return err
	}
	rows, err := p.read(ctx, a)
	if err != nil {
		return err
	}
	a.span = begun(a.span, a.window, rows)
	on.text(on.fonts.bold, 92, pictureMargin, 376, 560, paintTones[s.Domain], spaced(value(key[0].Quantity, key[0].Value(), t.Lang)))
	on.text(on.fonts.regular, 32, pictureMargin, 430, 560, paintInk, joined(", ", label(a.q, t.Lang), channelName(key[0].Channel, t.Lang)))
	on.text(on.fonts.regular, 28, pictureMargin, 474, 560, paintQuiet, instant(key[0].Start.Add(key[0].Window), t.Lang))
	on.course(a, rows, paintTones[s.Domain])
	return nil
}

// spaced has an ordinary space where the fonts lack the narrow one.
func spaced(text string) string { return strings.ReplaceAll(text, thin, "\u00a0") }
