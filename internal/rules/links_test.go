package rules

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// documents returns all Markdown files of the repository, by their path from its
// root, with their text.
func documents(t *testing.T) map[string]string {
	t.Helper()
	base := root(t)
	docs := map[string]string{}
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains([]string{".git", "bin", "dist", "data", "region"}, rel) || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		data, err := os.ReadFile(path)
		docs[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) < 50 {
		t.Fatalf("found %d documents: the test is broken", len(docs))
	}
	return docs
}

var (
	codeBlock = regexp.MustCompile("(?ms)^(```|~~~).*?^(```|~~~)|^    .*?$")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(\s*<?([^)\s>]+)>?[^)]*\)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6} +(.+?)\s*#*$`)
	reference = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
	kubectl   = regexp.MustCompile(`(?m)kubectl.*$`)
	deployed  = regexp.MustCompile(`\bdeploy/[A-Za-z0-9@_./-]*[A-Za-z0-9_]`)
)

// prose is a document without its code.
func prose(text string) string {
	return codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(text, ""), "")
}

// anchors returns the names under which the headings of a document can be linked
// to, as GitLab and GitHub make them: lower case, without punctuation, hyphens for
// spaces, and a number where one is there already.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	text = regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(text, "")
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		title := reference.ReplaceAllString(m[1], "$1")
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, title)
		for plain, n := name, 1; names[name]; n++ {
			name = plain + "-" + string(rune('0'+n))
		}
		names[name] = true
	}
	return names
}

// TestLinks: what our documents link to is there, and so is every heading. What
// other servers have is theirs.
func TestLinks(t *testing.T) {
	base := root(t)
	docs := documents(t)
	links := 0
	for name, text := range docs {
		for _, m := range link.FindAllStringSubmatch(prose(text), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s links to %q: %v", name, m[1], err)
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue
			}
			links++
			target := name
			if u.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), u.Path))
			}
			if _, err := os.Stat(filepath.Join(base, target)); err != nil || strings.HasPrefix(target, "..") {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if u.Fragment != "" && !anchors(docs[target])[u.Fragment] {
				t.Errorf("%s links to %s, and %s has no such heading", name, m[1], target)
			}
		}
	}
	if links < 100 {
		t.Errorf("found %d links: the test is broken", links)
	}
}

// TestDeployedFiles: what our documents name below deploy/ is there. To kubectl,
// deploy/NAME is a Deployment.
func TestDeployedFiles(t *testing.T) {
	base := root(t)
	named := 0
	for name, text := range documents(t) {
		for _, path := range deployed.FindAllString(kubectl.ReplaceAllString(text, ""), -1) {
			named++
			if _, err := os.Stat(filepath.Join(base, path)); err != nil {
				t.Errorf("%s names %s, which is not there", name, path)
			}
		}
	}
	if named < 5 {
		t.Errorf("found %d files: the test is broken", named)
	}
}

// TestBothLanguages: what operators read is there in German and in English, and
// each index names every page of its language.
func TestBothLanguages(t *testing.T) {
	base := root(t)
	count := map[string]int{}
	for _, folder := range []string{"docs/handbuch", "docs/handbook"} {
		index, err := os.ReadFile(filepath.Join(base, folder, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		pages, err := filepath.Glob(filepath.Join(base, folder, "*.md"))
		if err != nil {
			t.Fatal(err)
		}
		count[folder] = len(pages)
		for _, page := range pages {
			if file := filepath.Base(page); file != "README.md" && !strings.Contains(string(index), "]("+file+")") {
				t.Errorf("%s/README.md does not name %s", folder, file)
			}
		}
	}
	if count["docs/handbuch"] != count["docs/handbook"] {
		t.Errorf("the handbook has %d pages in German and %d in English", count["docs/handbuch"], count["docs/handbook"])
	}
}

func TestAnchors(t *testing.T) {
	got := anchors("# Späte Messwerte, und `Tage` neu\n\n```sh\n# no heading\n```\n## Was [hier](x.md) steht?\n## Was hier steht\n")
	for _, want := range []string{"späte-messwerte-und-tage-neu", "was-hier-steht", "was-hier-steht-1"} {
		if !got[want] {
			t.Errorf("no anchor %s in %v", want, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("anchors %v, want 3", got)
	}
}
