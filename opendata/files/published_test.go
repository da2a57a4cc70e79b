package files

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"modellregion/opendata"
)

// TestPublished: what is told of files is what is there, and a reader of the
// folder tells the same.
func TestPublished(t *testing.T) {
	fake := newFake(t)
	f, dir := open(t, fake, allKinds())
	id := allKinds().ID
	if p, err := f.Published(id); err != nil || len(p.Files) != 0 || p.First != (opendata.Day{}) {
		t.Errorf("before anything is published: %+v (%v)", p, err)
	}
	if _, err := f.Published("fremd"); err == nil {
		t.Error("it knows of a dataset that is not there")
	}
	// A day of a month that is over, and one that runs.
	now, today := fake.rows[3], opendata.DayOf(time.Now())
	now.Start = today.Span().Start
	fake.rows = append(fake.rows, now)
	publish(t, f, day0, today)
	p, err := f.Published(id)
	if err != nil || p.First != day0 {
		t.Errorf("it begins on %s (%v), want %s", p.First, err, day0)
	}
	found := map[string]bool{}
	for _, file := range p.Files {
		found[file.Period] = true
		name, ok := strings.CutPrefix(file.Path, "/data/"+id+"/")
		info, err := os.Stat(filepath.Join(dir, id, name))
		if !ok || err != nil || info.Size() != file.Bytes || !info.ModTime().Equal(file.Modified) || len(file.SHA256) != 64 ||
			file.MediaType != mediaType(name) || file.Issued.IsZero() || file.Window == 0 || file.Complete != (file.Period == monthOf(day0)) {
			t.Errorf("%+v (%v)", file, err)
		}
	}
	if !found[""] || !found[today.String()] || !found[monthOf(day0)] || found[day0.String()] {
		t.Errorf("files of %v, want the latest, today's and those of the month that is over", found)
	}
	r, err := OpenReader(filepath.Dir(dir), []opendata.Dataset{allKinds()}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if other, err := r.Published(id); err != nil || !reflect.DeepEqual(other, p) {
		t.Errorf("a reader tells %+v (%v), want %+v", other, err, p)
	}
	for _, text := range []string{"", "{", "{}", `{"id":"fremd"}`, `{"id":"` + id + `","months":[null]}`} {
		if err := os.WriteFile(filepath.Join(dir, id, "index.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Published(id); err == nil {
			t.Errorf("the index %q is believed", text)
		}
	}
	if again, err := f.Published(id); err != nil || !reflect.DeepEqual(again, p) {
		t.Errorf("who writes tells %+v (%v)", again, err)
	}
}
