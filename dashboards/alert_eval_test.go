package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
)

// alertDB is an InfluxDB for alert rules, which Grafana asks with the login that
// may read.
type alertDB struct {
	url         string
	write, read embedded.Login
}

func openAlertDB(t *testing.T) alertDB {
	t.Helper()
	srv, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return alertDB{srv.URL(), srv.Platform, srv.Reader}
}

// put stores lines whose times are in ms.
func (db alertDB) put(t *testing.T, lines string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, db.url+"/write?precision=ms&db="+influx.Raw, strings.NewReader(lines))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(db.write.Username, db.write.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("write: %s: %s", resp.Status, resp.Header.Get("X-Influxdb-Error"))
	}
}

type alertSeries struct {
	Tags    map[string]string
	Columns []string
	Values  [][]any
}

func (db alertDB) ask(t *testing.T, q string) []alertSeries {
	t.Helper()
	form := url.Values{"db": {influx.Raw}, "epoch": {"ms"}, "q": {q}}
	req, err := http.NewRequest(http.MethodGet, db.url+"/query?"+form.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(db.read.Username, db.read.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	var body struct {
		Error   string
		Results []struct {
			Error  string
			Series []alertSeries
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	if len(body.Results) != 1 || body.Error != "" || body.Results[0].Error != "" {
		t.Fatalf("%s: %+v", q, body)
	}
	return body.Results[0].Series
}

// evaluation is what Grafana makes of a rule at one time: the alarms whose
// condition holds, by their labels in order: `station=s1`.
type evaluation struct {
	rows   int // series that the queries answered
	alarms map[string]raised
}

type raised struct {
	labels map[string]string // of the series
	values map[string]float64
}

// numberOf is one number with labels, as Grafana's expressions have them.
type numberOf struct {
	labels map[string]string
	value  float64
}

// evaluate runs a rule as Grafana does: its queries on the database, then
// reduce and math on the answers, joined by labels.
func evaluate(t *testing.T, db alertDB, r alertRule, now time.Time) evaluation {
	t.Helper()
	out := evaluation{alarms: map[string]raised{}}
	series := map[string][]alertSeries{}
	numbers := map[string]map[string]numberOf{} // by ref and labels
	for _, d := range r.Data {
		kind, _ := d.Model["type"].(string)
		text, _ := d.Model["expression"].(string)
		switch {
		case d.DatasourceUID != exprSource:
			q := AlertQuery{Span: time.Duration(d.RelativeTimeRange.From) * time.Second, InfluxQL: d.Model["query"].(string)}
			series[d.RefID] = db.ask(t, q.Expand(now))
			out.rows += len(series[d.RefID])
		case kind == "reduce":
			numbers[d.RefID] = reduce(t, series[text], d.Model["reducer"].(string))
		case kind == "math":
			numbers[d.RefID] = calculate(t, numbers, text)
		default:
			t.Fatalf("%s: unknown expression %v", r.Title, d.Model)
		}
	}
	for key, n := range numbers[r.Condition] {
		if math.IsNaN(n.value) {
			t.Errorf("%s: the condition of %s is no number, which would be an alarm", r.Title, key)
		}
		if n.value == 0 {
			continue
		}
		a := raised{n.labels, map[string]float64{}}
		for ref := range numbers {
			if m, ok := numbers[ref][key]; ok {
				a.values[ref] = m.value
			}
		}
		out.alarms[key] = a
	}
	return out
}

func keyOf(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if labels[k] != "" {
			parts = append(parts, k+"="+labels[k])
		}
	}
	return strings.Join(parts, " ")
}

// reduce makes a number of each series, without what is none (dropNN).
func reduce(t *testing.T, all []alertSeries, how string) map[string]numberOf {
	t.Helper()
	out := map[string]numberOf{}
	for _, s := range all {
		if len(s.Columns) != 2 {
			t.Fatalf("columns %q, want time and one value", s.Columns)
		}
		n := numberOf{s.Tags, math.NaN()}
		for _, row := range s.Values {
			v, ok := row[1].(float64)
			switch {
			case !ok:
			case how == "last" || math.IsNaN(n.value):
				n.value = v
			case how == "max":
				n.value = max(n.value, v)
			case how == "min":
				n.value = min(n.value, v)
			default:
				t.Fatalf("unknown reducer %q", how)
			}
		}
		out[keyOf(s.Tags)] = n
	}
	return out
}

var reference = regexp.MustCompile(`\$([A-Z])`)

// calculate evaluates a formula for each set of labels that all of its
// references have.
func calculate(t *testing.T, numbers map[string]map[string]numberOf, formula string) map[string]numberOf {
	t.Helper()
	tree, err := parser.ParseExpr(reference.ReplaceAllString(formula, "$1"))
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, m := range reference.FindAllStringSubmatch(formula, -1) {
		refs = append(refs, m[1])
	}
	out := map[string]numberOf{}
	for key, first := range numbers[refs[0]] {
		values := map[string]float64{}
		for _, ref := range refs {
			if n, ok := numbers[ref][key]; ok {
				values[ref] = n.value
			}
		}
		if len(values) == len(slices.Compact(slices.Sorted(slices.Values(refs)))) {
			out[key] = numberOf{first.labels, arithmetic(t, tree, values)}
		}
	}
	return out
}

func arithmetic(t *testing.T, e ast.Expr, values map[string]float64) float64 {
	t.Helper()
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	switch e := e.(type) {
	case *ast.Ident:
		return values[e.Name]
	case *ast.BasicLit:
		v, err := strconv.ParseFloat(e.Value, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	case *ast.BinaryExpr:
		a, b := arithmetic(t, e.X, values), arithmetic(t, e.Y, values)
		switch e.Op {
		case token.LAND:
			return truth(a != 0 && b != 0)
		case token.GTR:
			return truth(a > b)
		case token.GEQ:
			return truth(a >= b)
		case token.LSS:
			return truth(a < b)
		case token.QUO:
			return a / b
		}
	}
	t.Fatalf("unknown part of a formula: %T %v", e, e)
	return 0
}

// expand fills a template of a rule as Grafana does.
func expand(t *testing.T, text string, a raised) string {
	t.Helper()
	type value struct{ Value float64 }
	data := struct {
		Labels map[string]string
		Values map[string]value
	}{a.labels, map[string]value{}}
	for ref, v := range a.values {
		data.Values[ref] = value{v}
	}
	tmpl, err := template.New("alert").Option("missingkey=invalid").Funcs(template.FuncMap{
		"humanizePercentage": func(v float64) string { return fmt.Sprintf("%.4g%%", v*100) },
	}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tmpl.Execute(&out, data); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// notification is the labels and texts of an alarm, as they are sent.
func (r alertRule) notification(t *testing.T, a raised) notified {
	t.Helper()
	n := notified{Status: "firing", Labels: map[string]string{"alertname": r.Title, "grafana_folder": FolderTitle}, Annotations: map[string]string{}}
	maps.Copy(n.Labels, r.Labels)
	for k, v := range a.labels {
		if v != "" {
			n.Labels[k] = v
		}
	}
	for k, v := range r.Annotations {
		n.Annotations[k] = expand(t, v, a)
	}
	return n
}

// routed are the contact points to which a tree of policies leads an alarm.
func routed(tree map[string]any, inherited string, labels map[string]string) []string {
	receiver := inherited
	if own := text(tree["receiver"]); own != "" {
		receiver = own
	}
	var to []string
	for _, b := range members(tree["routes"]) {
		branch := b.(map[string]any)
		if !matches(branch, labels) {
			continue
		}
		to = append(to, routed(branch, receiver, labels)...)
		if branch["continue"] != true {
			break
		}
	}
	if len(to) == 0 {
		return []string{receiver}
	}
	return to
}

func matches(branch map[string]any, labels map[string]string) bool {
	for _, m := range members(branch["object_matchers"]) {
		parts := members(m)
		name, op, want := text(parts[0]), text(parts[1]), text(parts[2])
		switch op {
		case "=":
			if labels[name] != want {
				return false
			}
		case "=~":
			if !regexp.MustCompile("^(?:" + want + ")$").MatchString(labels[name]) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// clone is a value after JSON, as a server has it.
func clone[T any](t *testing.T, v any) T {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
