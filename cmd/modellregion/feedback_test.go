//go:build !ingestonly

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"modellregion/opendata/feedback"
)

var counted = feedback.About{Kind: feedback.KindStation, ID: "paderborn-verkehr-003"}

// withFeedbackOf is a region whose platform has its feedback open, with entries
// of two hours.
func withFeedbackOf(t *testing.T, texts ...string) (cli func(args ...string) (string, error), s *feedback.Store, codes []string) {
	t.Helper()
	dir := t.TempDir()
	cfg := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir)
	cli = func(args ...string) (string, error) {
		out, log, err := call(t, append(append([]string{"feedback"}, args...), "-c", cfg)...)
		return out + log, err
	}
	if _, err := cli("list"); err == nil || !strings.Contains(err.Error(), "there is no feedback at "+filepath.Join(dir, "feedback.db")) {
		t.Errorf("without a file: %v", err)
	}
	s, err := feedback.Open(t.Context(), feedbackPath(config{DataDir: dir}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, text := range texts {
		e := feedback.Entry{About: counted, Lang: "de", Text: text, Time: time.Now().Add(-time.Duration(i) * 24 * time.Hour)}
		if i%2 == 1 {
			e.Contact = "erika@example.org"
		}
		code, err := s.Add(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	return cli, s, codes
}

func TestFeedback(t *testing.T) {
	cli, s, code := withFeedbackOf(t, "Der Zähler\nsteht still. "+strings.Repeat("Wirklich. ", 20), "Danke für die \u200bDaten!", "Kredite!!")
	answer := file(t, "answer.txt", "Wir sehen nach.\nDanke!\n")
	for _, step := range []struct {
		args []string
		want string // of the output, or of the error when it begins with !; parts are separated by |
	}{
		{[]string{"list"}, "CODE        HOUR               STATE  ABOUT                          TEXT|" + code[0] + "  |00Z  new    station/paderborn-verkehr-003  Der Zähler steht still. Wirklich. |…\n"},
		{[]string{"list", "--limit", "1"}, "the newest 1; --limit 0 shows all"},
		{[]string{"list", "--limit=-1"}, "!--limit -1"},
		{[]string{"list", "--about", "station/nirgends"}, "there is no feedback like that\n"},
		{[]string{"list", "--about", "Bahnhof"}, `!about "Bahnhof": want dataset/ID, station/ID or portal`},
		{[]string{"list", "--state", "gelesen"}, `!state "gelesen": want new, read, answered or hidden`},
		{[]string{"list", "--since", "gestern"}, `!"gestern": want how long ago`},
		{[]string{"show", "7K3M9"}, `!code "7K3M9": want 10 letters and digits, like 7K3M9QX2TV`},
		{[]string{"show", "0000000000"}, `!read feedback "0000000000": there is none with that code, see feedback list --all`},
		{[]string{"show", strings.ToLower(code[1])}, "contact   erika@example.org|state     new|\n\n  Danke für die �Daten!\n"},
		{[]string{"list", "--state", "read"}, code[1]},
		{[]string{"answer", code[1]}, "!nothing to do: want an answer"},
		{[]string{"answer", code[1], "Ja.", "--file", answer}, "!not both"},
		{[]string{"answer", code[1], "--file", answer + ".txt"}, "!read the answer"},
		{[]string{"answer", code[1], "--file", file(t, "empty", "\n")}, "!there is nothing in"},
		{[]string{"answer", code[1], "--file", file(t, "long", strings.Repeat("a", 5000))}, "!the text is wrong (long), want 1 to 4000 characters"},
		{[]string{"answer", code[1], "--public"}, "!it is read: want it answered first"},
		{[]string{"answer", code[1], "--file", answer, "--public"}, "answered; all can read it on the page of station/paderborn-verkehr-003, and at https://daten.musterstadt.example/feedback/" + code[1] + "\n|left the address erika@example.org; no mail"},
		{[]string{"answer", code[1], "Gern geschehen."}, "answered; all can read it"},
		{[]string{"list"}, "answered, public"},
		{[]string{"show", code[1]}, "public    yes|answered  20|\nanswer:\n  Gern geschehen.\n"},
		{[]string{"answer", code[1], "--no-public"}, "changed; only who has the code can read it"},
		{[]string{"answer", code[0], "Er zählt wieder."}, "answered; only who has the code can read it"},
		{[]string{"hide", code[2], code[0]}, "2 hidden\n"},
		{[]string{"hide", code[2], "0000000000"}, `!1 of 2 hidden: hide feedback "0000000000": there is none`},
		{[]string{"hide", "--undo", code[0]}, "1 brought back\n"},
		{[]string{"list", "--all"}, code[2]},
		{[]string{"drop"}, "!which feedback?"},
		{[]string{"drop", code[0], "--state", "hidden"}, "!either codes or a filter"},
		{[]string{"drop", "0000000000", "--yes"}, "!there is none with that code"},
		{[]string{"drop", "--until", "12h"}, "!1 entries would be deleted for ever: say so with --yes"},
		{[]string{"drop", code[0], code[0]}, "!1 entries would be deleted for ever"},
		{[]string{"drop", "--state", "answered", "--contact", "--yes"}, "mail addresses of 1 entries deleted\n"},
		{[]string{"drop", "--state", "hidden", "--yes"}, "1 entries deleted\n"},
		{[]string{"drop", code[0], "--yes"}, "1 entries deleted\n"},
		{[]string{"drop", "--state", "hidden"}, "0 entries deleted\n"},
	} {
		out, err := cli(step.args...)
		want, fails := strings.CutPrefix(step.want, "!")
		if fails != (err != nil) {
			t.Errorf("%q: %s, error %v", step.args, out, err)
			continue
		}
		if fails {
			out = err.Error()
		}
		for part := range strings.SplitSeq(want, "|") {
			if !strings.Contains(out, part) {
				t.Errorf("%q: %s, want it to say %q", step.args, out, part)
			}
		}
	}

	// What the platform, which has had the file open all the time, sees of it.
	list, err := s.List(t.Context(), feedback.Filter{Hidden: true})
	if err != nil || len(list) != 1 || list[0].Code != code[1] || list[0].Contact != "" || list[0].Public || list[0].Answer != "Gern geschehen." {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestFeedbackForPrograms(t *testing.T) {
	cli, _, code := withFeedbackOf(t, "Der Zähler\nsteht still.", "Danke.")
	if _, err := cli("answer", code[1], "Gern."); err != nil {
		t.Fatal(err)
	}
	out, err := cli("list", "--json")
	var list []shownFeedback
	if jsonErr := json.Unmarshal([]byte(out), &list); err != nil || jsonErr != nil || len(list) != 2 {
		t.Fatalf("%s, %v, %v", out, err, jsonErr)
	}
	if a, b := list[0], list[1]; a.Text != "Der Zähler\nsteht still." || a.State != "new" || a.Answered != nil || b.Contact != "erika@example.org" || b.Answer != "Gern." || b.Answered == nil {
		t.Errorf("%+v", list)
	}
	if out, err := cli("list", "--json", "--state", "hidden"); err != nil || out != "[]\n" {
		t.Errorf("%s, %v", out, err)
	}
	out, err = cli("show", "--json", code[0])
	var one shownFeedback
	if jsonErr := json.Unmarshal([]byte(out), &one); err != nil || jsonErr != nil || one != list[0] {
		t.Errorf("%s, %v, %v", out, err, jsonErr)
	}
}

func TestFeedbackHelpTeaches(t *testing.T) {
	for args, want := range map[string]string{
		"--help": "feedback.db in the data folder", "list --help": "--state", "answer --help": "No mail is sent", "drop --help": "--state hidden --yes", "hide --help": "--undo",
	} {
		out, _, err := call(t, append([]string{"feedback"}, strings.Fields(args)...)...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %s, %v", args, out, err)
		}
	}
}

func TestFeedbackMetrics(t *testing.T) {
	_, s, _ := withFeedbackOf(t, "Der Zähler steht still.", "Danke.")
	d, err := feedback.NewDesk(feedback.Config{Store: s, Client: func(*http.Request) string { return "" }, Known: func(feedback.About) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	set := metrics.NewSet()
	feedbackMetrics(set, s, d)
	r := httptest.NewRequest(http.MethodPost, "/feedback", strings.NewReader("about=portal"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, refused := d.Receive(httptest.NewRecorder(), r); refused == nil {
		t.Fatal("a form without a token is taken")
	}
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, want := range []string{
		"modellregion_feedback_entries_total 0\n", "modellregion_feedback_refused_total{reason=\"token\"} 1\n",
		"modellregion_feedback_refused_total{reason=\"client\"} 0\n", "modellregion_feedback_unread 2\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s, want %s", &out, want)
		}
	}
}
