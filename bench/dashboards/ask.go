package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"modellregion/bench/measure"
	"modellregion/dashboards"
	"modellregion/internal/influx"
)

const month = 30 * 24 * time.Hour

// timing is how long a query took, in milliseconds by run.
type timing struct {
	dashboard, panel, view string
	took                   []float64
	cpu                    float64 // ms of InfluxDB for one run, in steps of 10 ms over all
	bytes                  int
}

func (t *timing) median() float64 { return measure.Quantile(t.took, 0.5) }

// ask runs every query of every dashboard and prints how long they took.
func ask(ctx context.Context, s settings, server access, child *measure.Child, out io.Writer) error {
	all, err := dashboards.All(dashboards.Options{})
	if err != nil {
		return err
	}
	var timings []*timing
	empty := 0
	for _, d := range all {
		b, err := read(ctx, server, d)
		if err != nil {
			return err
		}
		for _, view := range []struct {
			name string
			span time.Duration
		}{{"as it opens", b.span}, {"a month", month}} {
			for _, q := range b.queries {
				t := &timing{dashboard: d.Title, panel: q.Panel + " " + q.RefID, view: view.name}
				before, err := child.Usage()
				if err != nil {
					return err
				}
				for range s.runs {
					to := time.Now()
					answer, took, err := query(ctx, server, q.Source, q.Expand(b.vars, to.Add(-view.span), to))
					if err != nil {
						return fmt.Errorf("%s, %s: %w", d.Title, t.panel, err)
					}
					t.took, t.bytes = append(t.took, measure.Millis(took)), len(answer)
				}
				after, err := child.Usage()
				if err != nil {
					return err
				}
				t.cpu = measure.Millis(after.CPU-before.CPU) / float64(s.runs)
				if t.bytes < emptyAnswer {
					empty++
				}
				timings = append(timings, t)
			}
		}
	}
	return tell(s, timings, empty, out)
}

// emptyAnswer is longer than what is answered when nothing was found.
const emptyAnswer = 50

func tell(s settings, timings []*timing, empty int, out io.Writer) error {
	limit := measure.Millis(s.limit)
	table := map[string]*[2]float64{}
	var order []string
	slow := 0
	for _, t := range timings {
		row := table[t.dashboard]
		if row == nil {
			row = &[2]float64{}
			table[t.dashboard] = row
			order = append(order, t.dashboard)
		}
		i := 0
		if t.view == "a month" {
			i = 1
		}
		row[i] = max(row[i], t.median())
		if t.median() > limit {
			slow++
		}
	}
	fmt.Fprintf(out, "| slowest query, median, ms | as it opens | a month |\n|---|---|---|\n")
	for _, name := range order {
		fmt.Fprintf(out, "| %s | %.0f | %.0f |\n", name, table[name][0], table[name][1])
	}
	slices.SortFunc(timings, func(a, b *timing) int { return cmp.Compare(b.median(), a.median()) })
	fmt.Fprintf(out, "\n| query | range | median (min–max), ms | CPU, ms | answer, kB |\n|---|---|---|---|---|\n")
	for _, t := range timings[:min(s.slowest, len(timings))] {
		fmt.Fprintf(out, "| %s, %s | %s | %.0f (%.0f–%.0f) | %.0f | %.1f |\n", t.dashboard, t.panel, t.view, t.median(), slices.Min(t.took), slices.Max(t.took), t.cpu, float64(t.bytes)/1000)
	}
	fmt.Fprintf(out, "\n%d queries, %d of them found nothing, %d above %v\n", len(timings), empty, slow, s.limit)
	if slow > 0 {
		return fmt.Errorf("%d queries take more than %v", slow, s.limit)
	}
	return nil
}

// opened is a dashboard as it is when it is opened.
type opened struct {
	span    time.Duration
	vars    map[string]string
	queries []dashboards.Query
}

// read finds what a dashboard asks, with everything chosen that can be, or the
// first station where it is about one. Hidden variables list what their queries
// answer, as in Grafana.
func read(ctx context.Context, server access, d dashboards.Dashboard) (opened, error) {
	var doc struct {
		Time       struct{ From string }
		Templating struct {
			List []struct {
				Name, Query, AllValue string
				Multi                 bool
			}
		}
	}
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		return opened{}, fmt.Errorf("read dashboard %s: %w", d.UID, err)
	}
	b := opened{vars: map[string]string{}}
	var err error
	if b.span, err = time.ParseDuration(strings.TrimPrefix(doc.Time.From, "now-")); err != nil {
		return opened{}, fmt.Errorf("dashboard %s: %w", d.UID, err)
	}
	if b.queries, err = dashboards.Queries(d); err != nil {
		return opened{}, err
	}
	for _, v := range doc.Templating.List {
		if b.vars[v.Name] = v.AllValue; v.AllValue != "" {
			continue
		}
		answer, _, err := query(ctx, server, dashboards.DataSourceUID, dashboards.Query{InfluxQL: v.Query}.Expand(b.vars, time.Time{}, time.Now()))
		if err != nil {
			return opened{}, err
		}
		values, err := firstColumn(answer)
		if err != nil || len(values) == 0 {
			return opened{}, fmt.Errorf("dashboard %s has nothing to choose for %s: %w", d.UID, v.Name, err)
		}
		if !v.Multi {
			values = slices.DeleteFunc(values, func(s string) bool { return strings.Contains(s, "-netz-") })[:1] // of the grid a transformer
		}
		b.vars[v.Name] = dashboards.Values(values...)
	}
	return b, nil
}

// firstColumn returns the values that a query for a variable answers.
func firstColumn(answer []byte) ([]string, error) {
	var doc struct {
		Results []struct{ Series []struct{ Values [][]string } }
	}
	if err := json.Unmarshal(answer, &doc); err != nil {
		return nil, fmt.Errorf("read values: %w", err)
	}
	var all []string
	for _, r := range doc.Results {
		for _, s := range r.Series {
			for _, row := range s.Values {
				all = append(all, row[1])
			}
		}
	}
	return all, nil
}

// query asks as Grafana does, and returns the answer and the time until all of
// it was there.
func query(ctx context.Context, server access, source, q string) ([]byte, time.Duration, error) {
	bucket := influx.Raw
	if source == dashboards.OpenDataSourceUID {
		bucket = influx.Open
	}
	form := url.Values{"db": {bucket}, "epoch": {"ms"}, "q": {q}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.Platform.URL+"/query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(server.Reader.Username, server.Reader.Password)
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusOK || strings.Contains(string(body[:min(len(body), 200)]), `"error"`) {
		return nil, 0, fmt.Errorf("InfluxDB answers %s: %.200s: %.500s", resp.Status, body, q)
	}
	return body, took, nil
}
