package dashboards

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Every is what a variable stands for in a query when all its values are
// chosen.
const Every = ".*"

// Query is one InfluxQL query of a dashboard, with Grafana's variables in it.
type Query struct {
	Panel    string        // title; "$name" for the query of the variable of that name
	RefID    string        // "A" and so on within its panel; empty for a variable
	InfluxQL string        // one statement
	Source   string        // uid of the data source that is asked
	Least    time.Duration // least $__interval; 0 leaves it to the range
	Range    time.Duration // that the panel has instead of the dashboard's, up to now; 0: none
}

// Queries returns every query of the dashboard in the order of the panels,
// those of the variables first. It reads the JSON, so that it sees what
// Grafana will run.
func Queries(d Dashboard) ([]Query, error) {
	type jsonPanel struct {
		Title, Interval, TimeFrom string
		Targets                   []struct {
			RefID, Query string
			Datasource   struct{ UID string }
		}
		Panels []json.RawMessage
	}
	var doc struct {
		Panels     []json.RawMessage
		Templating struct {
			List []struct {
				Name, Query string
				Datasource  struct{ UID string }
			}
		}
	}
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		return nil, fmt.Errorf("read dashboard %s: %w", d.UID, err)
	}
	var all []Query
	for _, v := range doc.Templating.List {
		all = append(all, Query{Panel: "$" + v.Name, InfluxQL: v.Query, Source: v.Datasource.UID})
	}
	for waiting := doc.Panels; len(waiting) > 0; {
		var p jsonPanel
		if err := json.Unmarshal(waiting[0], &p); err != nil {
			return nil, fmt.Errorf("read a panel of dashboard %s: %w", d.UID, err)
		}
		waiting = append(p.Panels, waiting[1:]...) // a collapsed row holds its panels
		least, err := parseLength(p.Interval)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s, panel %q: interval: %w", d.UID, p.Title, err)
		}
		own, err := parseLength(p.TimeFrom)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s, panel %q: time range of its own: %w", d.UID, p.Title, err)
		}
		for _, t := range p.Targets {
			all = append(all, Query{Panel: p.Title, RefID: t.RefID, InfluxQL: t.Query, Source: t.Datasource.UID, Least: least, Range: own})
		}
	}
	return all, nil
}

// parseLength reads a length of time as Grafana writes it: "15m", "30d"; none is 0.
func parseLength(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36_500 {
			return 0, fmt.Errorf("%q, want a length like 30d", text)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

// Expand returns the query as Grafana's InfluxQL data source sends it for the
// time range [from, to] of the dashboard; panels about the present look at the
// database's own clock instead. vars holds what each variable stands
// for: Every, or the values chosen, made with Values. A variable that is
// missing in vars stays in the query, as it would in Grafana. A panel with a
// range of its own has that, up to to.
func (q Query) Expand(vars map[string]string, from, to time.Time) string {
	if q.Range > 0 {
		from = to.Add(-q.Range)
	}
	interval := window(to.Sub(from), q.Least)
	pairs := []string{
		"$timeFilter", fmt.Sprintf("time >= %dms and time <= %dms", from.UnixMilli(), to.UnixMilli()),
		"$__interval_ms", strconv.FormatInt(interval.Milliseconds(), 10),
		"${__from}", strconv.FormatInt(from.UnixMilli(), 10),
		"${__to}", strconv.FormatInt(to.UnixMilli(), 10),
		"$__interval", strconv.FormatInt(interval.Milliseconds(), 10) + "ms",
	}
	for name, value := range vars {
		pairs = append(pairs, "${"+name+":regex}", value)
	}
	return strings.NewReplacer(pairs...).Replace(q.InfluxQL)
}

// Values returns the regular expression that Grafana's format :regex makes of
// the chosen values of a variable.
func Values(chosen ...string) string {
	escaped := make([]string, len(chosen))
	for i, value := range chosen {
		escaped[i] = strings.ReplaceAll(regexp.QuoteMeta(value), "/", `\/`)
	}
	if len(escaped) == 1 {
		return escaped[0]
	}
	return "(" + strings.Join(escaped, "|") + ")"
}

// window is the interval that Grafana chooses for a panel about 1,000 points
// wide: the range divided by them, on a round value, but not below least.
func window(span, least time.Duration) time.Duration {
	wanted := max(span/1000, least)
	for _, round := range []time.Duration{
		time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
		10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour,
	} {
		if round >= wanted {
			return round
		}
	}
	return 24 * time.Hour
}
