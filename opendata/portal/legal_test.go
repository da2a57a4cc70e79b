package portal

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestLegal: what the region says replaces what the platform says, and is text.
func TestLegal(t *testing.T) {
	f := newFixture(t, 0, time.Now())
	b := f.newBox(t)
	ask := func(target string, change func(*Config)) string {
		return body(t, get(f.handlerWith(t, func(c *Config) { c.BaseMap = DefaultBaseMap(); change(c) }), "GET", target))
	}
	own := func(c *Config) { c.Legal.Privacy.De = "Erster\nAbsatz.\n\n\n<b>Zweiter</b>" }
	silent := func(*Config) {}
	for _, c := range []struct {
		target string
		change func(*Config)
		want   string
		lacks  string
	}{
		{"/privacy", silent, "sgx.geodatenzentrum.de", "zählt das Programm Absender"},
		{"/privacy", silent, "keine Cookies", "/feedback"},
		{"/privacy", func(c *Config) { c.Feedback = b }, "zählt das Programm Absender", "ZgotmplZ"},
		{"/privacy", own, "<p>Erster<br>Absatz.</p>\n<p>&lt;b&gt;Zweiter&lt;/b&gt;</p>", "geodatenzentrum"},
		{"/en/privacy", own, "no cookies", "Erster"}, // only the German text is given
		{"/accessibility", silent, "BITV 2.0", german.Feedback.Report},
		{"/accessibility", func(c *Config) { c.Feedback = b }, `href="/feedback">` + german.Feedback.Report, "ZgotmplZ"},
		{"/en/accessibility", func(c *Config) { c.Feedback = b }, `href="/en/feedback">` + english.Feedback.Report, "ZgotmplZ"},
		{"/imprint", func(c *Config) { c.Legal.Imprint.De = "Rathaus\nPost: a@b.example" }, `<p>Rathaus<br>Post: <a href="mailto:a@b.example">a@b.example</a></p>`, german.Legal.ImprintDefault},
	} {
		text := ask(c.target, c.change)
		if !strings.Contains(text, c.want) || strings.Contains(text, c.lacks) {
			t.Errorf("%s lacks %q, or has %q", c.target, c.want, c.lacks)
		}
	}
}

func TestBlocks(t *testing.T) {
	line := func(text string) []link { return []link{{Text: text}} }
	for text, want := range map[string][]block{
		"":           nil,
		" \n\n":      nil,
		"a\nb\n\nc":  {{Lines: [][]link{line("a"), line("b")}}, {Lines: [][]link{line("c")}}},
		"## A\nb":    {{Heading: true, Lines: [][]link{line("A")}}, {Lines: [][]link{line("b")}}},
		"a\n- b\n-c": {{Lines: [][]link{line("a")}}, {List: true, Lines: [][]link{line("b")}}, {Lines: [][]link{line("-c")}}},
		"See https://a.example/b?c=d. Or x@y.example!": {{Lines: [][]link{{
			{"See ", ""}, {"https://a.example/b?c=d", "https://a.example/b?c=d"}, {". Or ", ""}, {"x@y.example", "mailto:x@y.example"}, {"!", ""}}}}},
		"javascript:alert(1)": {{Lines: [][]link{line("javascript:alert(1)")}}},
	} {
		if got := blocks(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %v\nwant %v", text, got, want)
		}
	}
}
