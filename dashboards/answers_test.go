package dashboards

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/internal/influx"
)

// Every query of every panel and variable answers, and with what its panel
// draws: testdata/answers.txt says which tags and columns that is.
func TestAnswers(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Minute)
	db := simulated(t, now)
	var got strings.Builder
	for _, d := range all(t) {
		fmt.Fprintf(&got, "%s\n", d.Title)
		vars := choose(t, db, d, Every)
		from := now.Add(-rangeOf(t, d))
		for _, q := range queriesOf(t, d) {
			expanded := q.Expand(vars, from, now)
			if strings.Contains(expanded, "${") || strings.Contains(expanded, "$__") || strings.Contains(expanded, "$time") {
				t.Errorf("%s, %s %s: a variable is left in %s", d.Title, q.Panel, q.RefID, expanded)
			}
			a := db.ask(t, q.Source, expanded)
			if a.values() == 0 {
				t.Errorf("%s, %s %s: no values: %s", d.Title, q.Panel, q.RefID, expanded)
			}
			for _, empty := range a.emptyColumns() {
				if strings.HasSuffix(empty, " ") || slices.Contains(a.columns(), empty+" ") {
					continue // one of two columns has values
				}
				t.Errorf("%s, %s %s: nothing in column %s: %s", d.Title, q.Panel, q.RefID, empty, expanded)
			}
			fmt.Fprintf(&got, "\t%s %s\t%s\n", q.Panel, q.RefID, a.shape())
		}
	}
	const golden = "testdata/answers.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if wanted, found := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n"); !slices.Equal(wanted, found) {
		for i := range max(len(wanted), len(found)) {
			w, f := "", ""
			if i < len(wanted) {
				w = wanted[i]
			}
			if i < len(found) {
				f = found[i]
			}
			if w != f {
				t.Fatalf("line %d of %s is\n%s\nwant\n%s", i+1, golden, f, w)
			}
		}
	}

	t.Run("choice", func(t *testing.T) { testChoice(t, db, now) })
}

// What is chosen is what is shown: with a municipality that does not exist all
// that is about stations is empty.
func testChoice(t *testing.T, db database, now time.Time) {
	free := []string{ // what is about the platform or a network, whatever is chosen
		"$municipality", "$gateway", "$edge", "Stumme Gateways und Edges",
	}
	for _, d := range all(t) {
		if d.UID == uidPlatform {
			continue
		}
		vars := choose(t, db, d, Values("soe.t"))
		for _, q := range queriesOf(t, d) {
			if slices.Contains(free, q.Panel) || strings.Contains(q.InfluxQL, influx.MeasurementPlatform) ||
				strings.Contains(q.InfluxQL, `FROM "`+influx.MeasurementRadio+`"`) {
				continue
			}
			if a := db.ask(t, q.Source, q.Expand(vars, now.Add(-rangeOf(t, d)), now)); a.values() > 0 && !a.zero() {
				t.Errorf("%s, %s %s: values of a municipality that there is not: %v", d.Title, q.Panel, q.RefID, a)
			}
		}
	}
}

// choose returns what the variables of a dashboard stand for: all stations of
// a municipality, but one station where only one can be chosen. The hidden ones
// list what their queries answer, as in Grafana.
func choose(t *testing.T, db database, d Dashboard, municipality string) map[string]string {
	t.Helper()
	var doc struct {
		Templating struct {
			List []struct {
				Name, Query, AllValue string
				Multi                 bool
			}
		}
	}
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	vars := map[string]string{}
	for _, v := range doc.Templating.List {
		switch {
		case v.Name == "municipality":
			vars[v.Name] = municipality
		case !v.Multi:
			vars[v.Name] = Values(theStations(d.UID)...)
		case v.AllValue != "":
			vars[v.Name] = v.AllValue
		default:
			var values []string
			for _, s := range db.ask(t, DataSourceUID, Query{InfluxQL: v.Query}.Expand(vars, time.Time{}, time.Now())) {
				for _, row := range s.Values {
					values = append(values, row[1].(string))
				}
			}
			vars[v.Name] = Values(values...)
		}
	}
	return vars
}

func queriesOf(t testing.TB, d Dashboard) []Query {
	t.Helper()
	qs, err := Queries(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(qs) < 15 {
		t.Errorf("%s has %d queries only", d.Title, len(qs))
	}
	return qs
}

// rangeOf is the time that a dashboard shows when it is opened.
func rangeOf(t *testing.T, d Dashboard) time.Duration {
	t.Helper()
	var doc struct{ Time struct{ From, To string } }
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	length, ok := strings.CutPrefix(doc.Time.From, "now-")
	span, err := parseLength(length)
	if !ok || err != nil || doc.Time.To != "now" {
		t.Fatalf("%s shows %s to %s", d.Title, doc.Time.From, doc.Time.To)
	}
	return span
}

// shape tells the tags and columns of an answer.
func (a answer) shape() string {
	tags, columns := map[string]bool{}, map[string]bool{}
	for _, s := range a {
		for name, value := range s.Tags {
			if value != "" {
				tags[name] = true
			}
		}
		for _, c := range s.Columns[1:] {
			columns[c] = true
		}
	}
	return "by " + strings.Join(slices.Sorted(maps.Keys(tags)), ", ") + ": " + strings.Join(slices.Sorted(maps.Keys(columns)), ", ")
}

// emptyColumns are those without a value in any row.
func (a answer) emptyColumns() []string {
	filled, named := map[string]bool{}, map[string]bool{}
	for _, s := range a {
		for i, c := range s.Columns {
			named[c] = true
			for _, row := range s.Values {
				if row[i] != nil {
					filled[c] = true
				}
			}
		}
	}
	maps.DeleteFunc(named, func(c string, _ bool) bool { return filled[c] })
	return slices.Sorted(maps.Keys(named))
}

func (a answer) columns() []string {
	var all []string
	for _, s := range a {
		all = append(all, s.Columns...)
	}
	return all
}

// zero reports whether all values are 0: a count of nothing.
func (a answer) zero() bool {
	for _, s := range a {
		for _, row := range s.Values {
			for _, v := range row[1:] {
				if f, ok := v.(float64); v != nil && (!ok || f != 0) {
					return false
				}
			}
		}
	}
	return true
}
