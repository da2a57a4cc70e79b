//go:build !ingestonly

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"modellregion/opendata"
	"modellregion/opendata/portal"
)

// withPortal is the example with its block portal in use, changed.
func withPortal(t *testing.T, edit ...string) string {
	t.Helper()
	path := region(t)
	head, block, found := strings.Cut(mustRead(t, path), "\n# portal:\n")
	shown, rest, ends := strings.Cut(block, "\n\n")
	if !found || !ends {
		t.Fatal("the example has no block portal")
	}
	var used strings.Builder
	for line := range strings.Lines(shown + "\n") {
		used.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
	}
	text := head + "\nportal:\n" + strings.NewReplacer(edit...).Replace(used.String()) + "\n" + rest
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The example of the key portal is good and says what it means.
func TestExamplePortal(t *testing.T) {
	cfg, err := loadConfig(withPortal(t))
	if err != nil {
		t.Fatal(err)
	}
	if text := cfg.legal().Imprint; !strings.Contains(text.De, "Anbieterin\n\nStadt Musterstadt\nRathausplatz 1\n") || !strings.Contains(text.En, "Represented by the mayor") {
		t.Errorf("imprint: %q", text)
	}
	if p := cfg.Portal; p.Source != "https://code.musterstadt.example/modellregion" || p.Feedback == nil || !*p.Feedback {
		t.Errorf("portal: %+v", p)
	}
	berlin := opendata.Berlin()
	want := []portal.Notice{{
		From: time.Date(2026, 12, 1, 8, 0, 0, 0, berlin), Until: time.Date(2026, 12, 4, 0, 0, 0, 0, berlin), About: "dataset/verkehr",
		Text: opendata.Text{De: "Die Zählstellen der Innenstadt werden gewartet.", En: "The counters of the inner city are being serviced."},
	}}
	if diff := gocmp.Diff(want, cfg.notices()); diff != "" {
		t.Error(diff)
	}
}

func TestPortalMistakes(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
	}{
		{"one language", `privacy: {de: "", en: ""}`, `privacy: {de: "Wir.", en: ""}`, "portal.privacy: must be given in de and en"},
		{"source", "https://code", "ftp://code", `portal.source: "ftp://code.musterstadt.example/modellregion", want the address`},
		{"from", "2026-12-01T08:00:00+01:00", "morgen", `portal.notices[0]: from "morgen": want a day like`},
		{"no from", "from: 2026-12-01T08:00:00+01:00", `from: ""`, "portal.notices[0]: from: want a time"},
		{"until", "2026-12-03", "3.12.", `portal.notices[0]: until "3.12.": want a day like`},
		{"order", "until: 2026-12-03", "until: 2026-11-30", "portal.notices[0]: until"},
		{"text", `en: "The counters of the inner city are being serviced."`, `en: ""`, "portal.notices[0]: text: want one in de and one in en"},
		{"about", "about: dataset/verkehr", "about: dataset/luft", `portal.notices[0]: about "dataset/luft"`},
		{"unknown key", "source:", "sources:", "portal.sources"},
		{"feedback", "feedback: true", "feedback: gerne", "portal.feedback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadConfig(withPortal(t, c.old, c.new))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "line ") {
				t.Errorf("%v, want %q with its line", err, c.want)
			}
		})
	}
}

// What a public body still has to say is told, until it says it.
func TestCheckTellsOfTheImprint(t *testing.T) {
	for path, want := range map[string][2]bool{region(t): {true, true}, withPortal(t): {false, true}, withPortal(t, `accessibility: {de: "", en: ""}`, "accessibility: {de: Ja., en: Yes.}"): {false, false}} {
		out, _, err := call(t, "check", path)
		if got := [2]bool{strings.Contains(out, "portal.imprint: is missing"), strings.Contains(out, "portal.accessibility: is missing")}; err != nil || got != want {
			t.Errorf("%v: %v, want %v of imprint and accessibility in\n%s", err, got, want, out)
		}
	}
}

// The process with role public takes feedback into a file of its own, and
// operators find it there; where it is switched off there is no file.
func TestPublicTakesFeedback(t *testing.T) {
	edit, _, _ := beside(t)
	for _, on := range []bool{true, false} {
		t.Run(fmt.Sprint(on), func(t *testing.T) {
			dir := t.TempDir()
			cfg := region(t, append(edit, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "\nraw_retention: 90d\n", fmt.Sprintf("\nraw_retention: 90d\nportal: {feedback: %t}\n", on))...)
			at, stop := serving(t, dir, "endpoints-public.json", "--roles", "public", cfg)
			status := map[bool]string{true: "200 ", false: "404 "}[on]
			for _, path := range []string{"/feedback", "/en/feedback?about=dataset/verkehr"} {
				if got := page(at["http"], path); !strings.HasPrefix(got, status) {
					t.Errorf("%s: %.80s, want %s", path, got, status)
				}
			}
			if got := page(at["http"], "/feedback?about=station/nirgends"); !strings.HasPrefix(got, "404 ") {
				t.Errorf("about nothing: %.80s", got)
			}
			if got := strings.Contains(page(at["http"], "/dataset/verkehr"), "/feedback?about=dataset/verkehr"); got != on {
				t.Errorf("the page of a dataset leads to the form: %t", got)
			}
			if got := strings.Contains(page(at["internal"], "/metrics"), "modellregion_feedback_unread 0"); got != on {
				t.Errorf("metrics of feedback: %t", got)
			}
			stop()
			_, err := os.Stat(filepath.Join(dir, "feedback.db"))
			if (err == nil) != on || err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file: %v", err)
			}
			if out, _, err := call(t, "feedback", "list", "-c", cfg); on && (err != nil || !strings.Contains(out, "no feedback")) {
				t.Errorf("%v %s", err, out)
			}
		})
	}
}
