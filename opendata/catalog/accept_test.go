package catalog

import "testing"

func TestChoose(t *testing.T) {
	for accept, want := range map[string]string{
		"":                           ".rdf",
		"*/*":                        ".rdf",
		"text/turtle":                ".ttl",
		"Text/Turtle; charset=utf-8": ".ttl",
		"text/turtle;q=0.4, application/rdf+xml;q=0.5":     ".rdf",
		"application/ld+json;q=0.999, text/turtle;q=0.998": ".jsonld",
		"application/json":               ".jsonld",
		"application/xml":                ".rdf",
		"text/n3":                        ".ttl",
		"text/*":                         ".rdf", // as text/xml
		"text/turtle, */*":               ".ttl", // what is named wins
		"*/*;q=0.1, application/ld+json": ".jsonld",
		"application/*, application/rdf+xml;q=0, application/xml;q=0": ".ttl", /* as application/x-turtle */
		"text/html": "html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": "html",
		"application/xhtml+xml": "html",
		`application/ld+json;profile="a,b;q=0";q=0.9, text/turtle;q=0.8`: ".jsonld",
		"image/png": "none", "text/turtle;q=0": "none", "*/*;q=0": "none",
		"text/turtle;q=2": ".rdf", "text/turtle;q=NaN": ".rdf", // not understood: as if nothing were said
		"text/turtle;q=1.001": ".rdf", ",,;": ".rdf", "text/turtle;q=1.000": ".ttl",
	} {
		lines := []string{accept}
		if accept == "" {
			lines = nil
		}
		got := "none"
		if f, ok := choose(lines); ok {
			got = f.suffix
			if f.write == nil {
				got = "html"
			}
		}
		if got != want {
			t.Errorf("Accept: %s gives %s, want %s", accept, got, want)
		}
	}
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", "text/turtle;q=0.5, */*;q=0.1", `a/b;c="d,e\"f";q=0.`, ";;q=", "text/*;Q=0.999", ",", "\"", "text/turtle;q=00", "a;q=1.0000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all := wishes([]string{s})
		if len(all) > most {
			t.Fatalf("%d wishes", len(all))
		}
		for _, w := range all {
			if w.q < 0 || w.q > 1000 || w.value == "" {
				t.Fatalf("%q gives %+v", s, w)
			}
		}
		got, ok := choose([]string{s})
		if ok && len(got.types) == 0 || !ok && len(all) == 0 {
			t.Fatalf("%q gives %+v, %v", s, got, ok)
		}
		// What is refused outright is never chosen.
		if f, ok := choose([]string{s, "text/turtle;q=0, application/x-turtle;q=0, text/n3;q=0"}); ok && f.suffix == ".ttl" && len(all) < most-3 {
			for _, w := range all {
				if w.value == "text/turtle" || w.value == "application/x-turtle" || w.value == "text/n3" {
					return // it was also asked for, and the better word counts
				}
			}
			t.Fatalf("%q gives what is refused", s)
		}
		acceptsGzip([]string{s})
	})
}
