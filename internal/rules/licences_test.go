package rules

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licences lists the licences that may be in a program of ours, which is under
// the EUPL-1.2, each with words that its text has and the others do not have.
// All but MPL-2.0 ask for their notice alone, which deploy/release.sh lays beside
// the programs. MPL-2.0 asks that its files stay under it, and the EUPL names it
// as compatible. The text of EPL-2.0 is here because the MQTT client has it as
// one of two; we use that client under the other, EDL-1.0, which is BSD-3-Clause.
var licences = []struct {
	id    string
	words []string // all of them, as regular expressions
}{
	{"Apache-2.0", []string{`Apache License\s+Version 2\.0`}},
	{"MIT", []string{`Permission is hereby granted, free of charge`, `without limitation the rights`}},
	{"BSD-3-Clause", []string{`Redistributions of source code must retain`, `Redistributions in binary form must`, `(?i)(Neither the names? of|The names? of .{0,60}may not be used|may be used to endorse)`}},
	{"BSD-2-Clause", []string{`Redistributions of source code must retain`, `Redistributions in binary form must`}},
	{"ISC", []string{`Permission to use, copy, modify, and(/or)? distribute this software`}},
	{"MPL-2.0", []string{`Mozilla Public License,? [vV]ersion 2\.0`}},
	{"EPL-2.0", []string{`Eclipse Public License - v 2\.0`}},
}

// withoutFile lists the modules whose licence is in no file of its own.
var withoutFile = map[string]string{
	"github.com/apache/arrow/go/arrow": "Apache-2.0", // at the root of its repository, above the module; each source file says it
	"github.com/bmizerany/pat":         "MIT",        // at the end of its README
}

// licenceFile matches the names of the files that say under which licence a
// module is. Those with "3RD-PARTY" tell of its tests and of modules that have
// their own line here.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|edl-|epl-)`)

// licencesOf returns the licences whose texts are in the files of a folder.
func licencesOf(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.Contains(e.Name(), "3RD-PARTY") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, licencesIn(string(data))...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// licencesIn returns the licences whose words are in a text.
func licencesIn(text string) []string {
	text = strings.Join(strings.Fields(text), " ")
	var found []string
	for _, l := range licences {
		if l.id == "BSD-2-Clause" && slices.Contains(found, "BSD-3-Clause") {
			continue
		}
		if !slices.ContainsFunc(l.words, func(w string) bool { return !regexp.MustCompile(w).MatchString(text) }) {
			found = append(found, l.id)
		}
	}
	return found
}

// TestLicences pins under which licences the modules in our programs are, by the
// texts that come with them: a new one is a decision, made by running the tests of
// this package with -update. docs/dependencies.md must say the same.
func TestLicences(t *testing.T) {
	const golden = "testdata/licences.txt"
	found := map[string][]string{}
	for _, tags := range []string{"", "ingestonly"} {
		out := golist(t, "-deps", "-tags", tags, "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./cmd/...")
		for line := range strings.Lines(string(out)) {
			path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
			if !ok || found[path] != nil {
				continue
			}
			found[path] = licencesOf(t, dir)
			if id, ok := withoutFile[path]; ok {
				found[path] = append(found[path], id)
			}
			if len(found[path]) == 0 {
				t.Errorf("%s comes without a licence that we know: read what is in %s", path, dir)
			}
			if slices.Equal(found[path], []string{"EPL-2.0"}) {
				t.Errorf("%s is under EPL-2.0 alone, which the EUPL does not name as compatible", path)
			}
		}
	}
	var lines strings.Builder
	for _, path := range slices.Sorted(maps.Keys(found)) {
		lines.WriteString(path + " " + strings.Join(found[path], " ") + "\n")
	}
	if *update {
		if err := os.WriteFile(golden, []byte(lines.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if lines.String() != string(want) {
		t.Errorf("our programs contain\n%swant\n%sIf that is meant: go test ./internal/rules -update", lines.String(), want)
	}
	explained(t, found)
}

// explained holds docs/dependencies.md against what was found: the licences of
// each direct dependency in its line, those of all others in the section for them.
func explained(t *testing.T, found map[string][]string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, others, ok := strings.Cut(string(data), "\n## What these bring along\n")
	if !ok {
		t.Fatal("docs/dependencies.md has no section What these bring along")
	}
	for path, ids := range found {
		place := others
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "| `"+path+"`") {
				place = strings.ReplaceAll(line, "EDL-1.0", "BSD-3-Clause")
			}
		}
		for _, id := range ids {
			if !strings.Contains(place, id) {
				t.Errorf("%s is under %s, which docs/dependencies.md does not say", path, id)
			}
		}
	}
}

func TestLicencesIn(t *testing.T) {
	const bsd = "Redistributions of source code must retain the notice.\nRedistributions in binary\nform must reproduce it."
	for text, want := range map[string]string{
		bsd: "BSD-2-Clause",
		bsd + " Neither the name of the author may be used.":           "BSD-3-Clause",
		"Apache License\n   Version 2.0, January 2004":                 "Apache-2.0",
		"GNU AFFERO GENERAL PUBLIC LICENSE":                            "",
		"Permission is hereby granted, free of charge, to use it once": "",
	} {
		if got := strings.Join(licencesIn(text), " "); got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}
