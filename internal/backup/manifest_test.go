package backup

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

const sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

// manifestOf returns a manifest with one file.
func manifestOf(path, sha string, bytes int64) []byte {
	data, _ := json.Marshal(Manifest{Format: 1, Began: made, Files: []File{{path, bytes, sha, made}}}) // has nothing that could fail
	return data
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, want string
		data       []byte
	}{
		{"good", "", manifestOf("data/registry.db", sum, 1)},
		{"no JSON", "damaged", []byte(`{"format":1`)},
		{"something else", "no manifest", []byte(`{}`)},
		{"the future", "of format 2 and of modellregion v9, this program knows format 1: use a newer program", []byte(`{"format":2,"program":"v9"}`)},
		{"out of the folder", "not within the backup", manifestOf("../../etc/passwd", sum, 1)},
		{"out of it and back", "not within the backup", manifestOf("data/../../backup/data/x", sum, 1)},
		{"absolute", "not within the backup", manifestOf("/etc/passwd", sum, 1)},
		{"nothing", "not within the backup", manifestOf("", sum, 1)},
		{"itself", "not within the backup", manifestOf("manifest.json", sum, 1)},
		{"short hash", "want 64", manifestOf("data/a", sum[:62], 1)},
		{"upper case", "want 64", manifestOf("data/a", strings.ToUpper(sum), 1)},
		{"less than nothing", "has -1 bytes", manifestOf("data/a", sum, -1)},
		{"twice", "twice", []byte(`{"format":1,"began":"2026-11-30T06:30:00Z","files":[{"path":"a","sha256":"` + sum + `"},{"path":"a","sha256":"` + sum + `"}]}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.data)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// FuzzParse: no manifest makes a path that leaves its folder.
func FuzzParse(f *testing.F) {
	for _, path := range []string{"data/registry.db", "../x", "/x", "a/../../x", `..\x`, "a//b", "./a", "data/\x00"} {
		f.Add(manifestOf(path, sum, 1))
	}
	f.Add([]byte(`{"format":1,"began":"2026-11-30T06:30:00Z","files":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Parse(data)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			joined := filepath.Join("/backup", filepath.FromSlash(file.Path))
			if !strings.HasPrefix(joined, "/backup/") || file.Bytes < 0 || len(file.SHA256) != 64 {
				t.Errorf("%+v was taken", file)
			}
		}
	})
}
