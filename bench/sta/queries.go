package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"modellregion/bench/measure"
)

// queriesCmd measures queries one after the other.
type queriesCmd struct {
	Stations int    `default:"1000" help:"Things; each has 3 Datastreams."`
	Days     int    `default:"60" help:"Days of 15-minute windows; a tenth of them is measured too."`
	Rounds   int    `default:"15" help:"Times that each query is asked."`
	Profile  string `help:"Write a CPU profile of the service, while it has all windows, to this file."`
}

// query is one that is measured, with what it may take.
type query struct {
	name    string
	address string
	goal    time.Duration // 0: none
	check   func(page map[string]any) error
}

// Run measures and prints.
func (c *queriesCmd) Run(ctx context.Context, out io.Writer) error {
	var table measure.Table
	for _, days := range []int{max(1, c.Days/10), c.Days} {
		if err := c.measure(ctx, days, &table); err != nil {
			return err
		}
	}
	return table.Print(out)
}

func (c *queriesCmd) measure(ctx context.Context, days int, table *measure.Table) (err error) {
	r, err := open(ctx, c.Stations, days)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if _, err := r.database.Quiet(ctx, 5*time.Second); err != nil { // it tidies up
		return err
	}
	took, err := r.serve(ctx)
	if err != nil {
		return err
	}
	total := c.Stations * len(measured) * r.windows
	column := fmt.Sprintf("%.2g million Observations", float64(total)/1e6)
	table.Add(column, "counting all at the start, s", took.Seconds())
	stop := func() error { return nil }
	if days == c.Days {
		if stop, err = measure.Profile(c.Profile); err != nil {
			return err
		}
	}
	for _, q := range r.queries(c.Stations, total) {
		row := q.name
		if q.goal > 0 {
			row += fmt.Sprintf(" (goal %s)", q.goal)
		}
		for i := range c.Rounds + 1 {
			took, size, err := r.ask(ctx, q, i == 0)
			if err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
			if i == 0 { // warms up
				table.Add(column, "size of: "+q.name+", kB", float64(size)/1e3)
				continue
			}
			table.Add(column, row+", ms", measure.Millis(took))
		}
	}
	if err := stop(); err != nil {
		return err
	}
	return r.memory(column, table)
}

func (r *region) memory(column string, table *measure.Table) error {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	self, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	server, err := r.database.Usage()
	if err != nil {
		return err
	}
	table.Add(column, "heap of the service after all, MB", measure.MB(int64(m.HeapAlloc)))
	table.Add(column, "peak memory of this process, the filling included, MB", measure.MB(self.Peak))
	table.Add(column, "memory of InfluxDB, MB", measure.MB(server.Resident))
	return nil
}

// queries are those of issue 8, and others that people ask.
func (r *region) queries(stations, total int) []query {
	at := func(n int) string { return r.first.Add(time.Duration(n) * window).Format(time.RFC3339) }
	n := func(want int) func(map[string]any) error {
		return func(page map[string]any) error {
			if got := len(page["value"].([]any)); got != want {
				return fmt.Errorf("%d entities, want %d", got, want)
			}
			return nil
		}
	}
	return []query{
		{"Things with the latest of each Datastream", "/Things?$expand=Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc))&$top=1000", 150 * time.Millisecond, n(min(stations, 1000))},
		{"count of all Observations", "/Observations?$count=true&$top=1", 50 * time.Millisecond, func(page map[string]any) error {
			if page["@iot.count"] != float64(total) {
				return fmt.Errorf("count %v, want %d", page["@iot.count"], total)
			}
			return nil
		}},
		{"one Datastream by time and value", fmt.Sprintf("/Datastreams(%d)/Observations?$filter=phenomenonTime ge %s and phenomenonTime lt %s and result gt 12&$top=1000&$count=true", stations, at(r.windows/4), at(r.windows/4*3)),
			100 * time.Millisecond, nil},
		{"st_within over all Locations", "/Locations?$filter=st_within(location,geography'POLYGON((8.005 51.005,8.155 51.005,8.155 51.205,8.1 51.3,8.005 51.205,8.005 51.005))')&$top=1000&$count=true", 20 * time.Millisecond, nil},
		{"page of one Datastream, newest first", "/Datastreams(7)/Observations?$orderby=phenomenonTime desc&$top=100", 0, n(min(100, r.windows))},
		{"1,000 newest of all, by time", "/Observations?$orderby=phenomenonTime desc&$top=1000", 0, n(min(1000, total))},
		{"deep in one Datastream", fmt.Sprintf("/Datastreams(7)/Observations?$skip=%d&$top=10", r.windows-20), 0, n(10)},
		{"count of an hour of all", fmt.Sprintf("/Observations?$count=true&$top=0&$filter=phenomenonTime ge %s and phenomenonTime lt %s", at(r.windows/2), at(r.windows/2+4)), 0, nil},
		{"10,000 as dataArray", "/Observations?$resultFormat=dataArray&$top=10000", 0, nil},
	}
}

// ask asks once.
func (r *region) ask(ctx context.Context, q query, check bool) (took time.Duration, size int, err error) {
	path, options, _ := strings.Cut(q.address, "?")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path+"?"+strings.NewReplacer(" ", "%20", "+", "%2B").Replace(options), nil)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	body, err := io.ReadAll(resp.Body)
	took = time.Since(began)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("%s: %.300s", resp.Status, body)
	}
	if check && q.check != nil {
		var page map[string]any
		if err := json.Unmarshal(body, &page); err != nil {
			return 0, 0, err
		}
		if err := q.check(page); err != nil {
			return 0, 0, err
		}
	}
	return took, len(body), nil
}

// hostile are addresses that want as much as they can.
func hostile() []string {
	deep := strings.Repeat("Datastreams($expand=Thing($expand=", 2) + "Datastreams($expand=Observations)" + strings.Repeat("))", 2)
	return []string{
		"/Things?$top=1000&$expand=" + deep,
		"/Things?$top=1000&$expand=Datastreams($expand=Observations($top=1000))",
		"/Observations?$filter=result mod 7 eq 9&$top=1000",
		"/Observations?$orderby=result desc",
		"/Observations?$filter=result gt 1e9",
		"/Observations?$count=true&$filter=hour(phenomenonTime) eq 3",
		"/Things?$filter=Datastreams/Observations/result gt 1e9",
		"/Observations?$skip=2000000000&$orderby=phenomenonTime",
		"/Observations?$resultFormat=dataArray&$top=10000",
		"/Observations?$resultFormat=CSV&$top=10000&$expand=Datastream($expand=Thing)",
		"/Things?$filter=" + strings.Repeat("not ", 2000) + "true",
		"/Things?$filter=" + strings.Repeat("(", 5000),
		"/Locations?$filter=geo.distance(location,geography'POLYGON((" + strings.Repeat("8 51,9 52,", 300) + "8 51))') lt 1",
		"/Things?$orderby=" + url.QueryEscape(strings.Repeat("length(concat(name,description)) desc,", 50)+"name"),
		"/" + strings.Repeat("Things(1)/Datastreams(1)/", 500),
	}
}
