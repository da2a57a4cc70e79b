package portal

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"
)

// TestPictures decodes the picture of each kind of page and wants something on
// it in the tone of its domain.
func TestPictures(t *testing.T) {
	f := newFixture(t, 10, midWindow())
	h := f.handler(t, BaseMap{})
	for path, want := range map[string]int{
		"/picture/station/" + f.places[0].ID + ".png": 200, "/en/picture/station/" + f.places[0].ID + ".png": 200, "/picture/dataset/verkehr.png": 200, "/picture/region.png": 200,
		"/picture/station/nobody.png": 404, "/picture/dataset/nothing.png": 404, "/picture/region": 404, "/picture/region/x.png": 404, "/picture/cat.png": 404, "/picture/station/" + f.places[0].ID: 404,
	} {
		r := get(h, "GET", path)
		text := body(t, r)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
		if want != 200 {
			continue
		}
		img, err := png.Decode(strings.NewReader(text))
		if err != nil || img.Bounds().Dx() != pictureWidth || img.Bounds().Dy() != pictureHeight || len(text) > 200_000 {
			t.Fatalf("%s: %d bytes, %v", path, len(text), err)
		}
		if toned(img) < 500 {
			t.Errorf("%s: %d pixels in the tone of traffic", path, toned(img))
		}
		if again := get(h, "GET", path, "If-None-Match", r.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s: %d for whoever has it", path, again.StatusCode)
		}
	}
}

func toned(img image.Image) (n int) {
	want := paintTones["traffic"]
	for y := range pictureHeight {
		for x := range pictureWidth {
			if r, g, b, _ := img.At(x, y).RGBA(); byte(r>>8) == want.R && byte(g>>8) == want.G && byte(b>>8) == want.B {
				n++
			}
		}
	}
	return n
}

// TestPicturesAreKept: one that was drawn lately is not drawn again, and they
// are not kept without end.
func TestPicturesAreKept(t *testing.T) {
	var kept pictures
	now := time.Now()
	kept.put("a", picture{[]byte("a"), now})
	if kept.get("a", now.Add(pictureFor-1)) == nil || kept.get("a", now.Add(pictureFor)) != nil {
		t.Error("a picture is not kept for as long as it should be")
	}
	for i := range 3 * maxPictures {
		kept.put(strings.Repeat("x", i), picture{nil, now})
	}
	if len(kept.kept) > maxPictures {
		t.Errorf("%d pictures are kept, want at most %d", len(kept.kept), maxPictures)
	}
}

// TestPictureText cuts what is too long, and has all letters.
func TestPictureText(t *testing.T) {
	f, err := loadFonts()
	if err != nil {
		t.Fatal(err)
	}
	on := newPainter(f)
	if end := on.text(f.bold, 60, 10, 100, 300, paintInk, strings.Repeat("Straße ", 40)); end > 320 || on.err != nil {
		t.Errorf("a long text ends at %d, want 310 (%v)", end, on.err)
	}
	blank := newPainter(f)
	for _, letter := range "äöüÄÖÜß°µ³²–−…·„“’%€" {
		if i, err := f.regular.GlyphIndex(nil, letter); err != nil || i == 0 {
			t.Errorf("the font lacks %q (%v)", letter, err)
		}
	}
	if bytes.Equal(blank.img.Pix, on.img.Pix) {
		t.Error("a text leaves no trace")
	}
	if got := wrapped("eins zwei drei vier fünf", 10, 2); len(got) != 2 || got[1] != "drei vier …" {
		t.Errorf("wrapped %q", got)
	}
}
