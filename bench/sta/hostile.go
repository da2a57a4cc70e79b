package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/opendata/sensorthings"
)

// hostileCmd measures clients that want too much, beside some that do not.
type hostileCmd struct {
	Stations int           `default:"1000" help:"Things; each has 3 Datastreams."`
	Days     int           `default:"20" help:"Days of 15-minute windows."`
	Clients  int           `default:"200" help:"That ask at once; each has an address of its own."`
	Time     time.Duration `default:"1m" help:"For so long."`
	URL      string        `name:"url" placeholder:"URL" help:"Of a platform that runs, as http://127.0.0.1:8080, in place of one made for this. \"modellregion simulate mqtt\" beside it tells what its ingest notices."`
}

// outcome is what came of all requests.
type outcome struct {
	sync.Mutex
	statuses map[int]int
	polite   []time.Duration // answers to a map's query beside it all
	refused  int             // of the polite
	odd      map[string]int  // answers that there must not be
	slowest  time.Duration
}

// Run measures and prints.
func (c *hostileCmd) Run(ctx context.Context, out io.Writer) (err error) {
	r, err := c.target(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	before, err := measure.ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	o := &outcome{statuses: map[int]int{}, odd: map[string]int{}}
	end := time.Now().Add(c.Time)
	group, ctx := errgroup.WithContext(ctx)
	for i := range c.Clients {
		group.Go(func() error { return r.attack(ctx, i, end, o) })
	}
	group.Go(func() error { return r.behave(ctx, end, o) })
	var peak int64
	group.Go(func() error {
		for time.Now().Before(end) && ctx.Err() == nil {
			u, err := measure.ReadUsage(os.Getpid())
			if err != nil {
				return err
			}
			peak = max(peak, u.Resident)
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return r.report(out, o, before.Resident, peak)
}

// target returns what is attacked.
func (c *hostileCmd) target(ctx context.Context) (*region, error) {
	if c.URL != "" {
		return &region{url: strings.TrimSuffix(c.URL, "/") + sensorthings.Path}, nil
	}
	r, err := open(ctx, c.Stations, c.Days)
	if err != nil {
		return nil, err
	}
	if _, err := r.serve(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *region) report(out io.Writer, o *outcome, before, peak int64) error {
	var table measure.Table
	total := 0
	for status, n := range o.statuses {
		table.Add("hostile", fmt.Sprintf("answers %d", status), float64(n))
		total += n
	}
	table.Add("hostile", "answers", float64(total))
	table.Add("hostile", "slowest answer, s", o.slowest.Seconds())
	for _, d := range o.polite {
		table.Add("hostile", "a map's query meanwhile, ms", measure.Millis(d))
	}
	table.Add("hostile", "of them refused", float64(o.refused))
	if r.database != nil { // else who measures the platform knows
		server, err := r.database.Usage()
		if err != nil {
			return err
		}
		table.Add("hostile", "memory before, clients included, MB", measure.MB(before))
		table.Add("hostile", "most memory, clients included, MB", measure.MB(peak))
		table.Add("hostile", "peak memory of InfluxDB, MB", measure.MB(server.Peak))
	}
	if err := table.Print(out); err != nil {
		return err
	}
	if len(o.odd) > 0 {
		return fmt.Errorf("answers that there must not be: %v", o.odd)
	}
	return nil
}

// attack asks one hostile query after the other, and at times reads slowly or
// goes away.
func (r *region) attack(ctx context.Context, client int, end time.Time, o *outcome) error {
	rnd := rand.New(rand.NewPCG(uint64(client), 1))
	all := hostile()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+client/200), byte(1+client%200))}}
	for time.Now().Before(end) && ctx.Err() == nil {
		address := all[rnd.IntN(len(all))]
		began := time.Now()
		status, body, err := r.raw(ctx, &dialer, address, rnd.IntN(20))
		o.Lock()
		o.slowest = max(o.slowest, time.Since(began))
		o.statuses[status]++
		if err == nil && status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented {
			o.odd[fmt.Sprintf("%d %.60s %.200s", status, address, body)]++
		}
		o.Unlock()
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// raw asks on a connection of its own. Of twenty ways to behave one is to go
// away without reading, and one to read slowly.
func (r *region) raw(ctx context.Context, dialer *net.Dialer, address string, way int) (status int, body string, err error) {
	host := strings.TrimSuffix(strings.TrimPrefix(r.url, "http://"), sensorthings.Path)
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return 0, "", nil
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, "", err
	}
	path, query, _ := strings.Cut(address, "?")
	request := "GET " + sensorthings.Path + path + "?" + strings.ReplaceAll(query, " ", "%20") + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil || way == 0 {
		return 0, "", nil
	}
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 12 {
		return 0, "", nil
	}
	if status, err = strconv.Atoi(line[9:12]); err != nil {
		return 0, "", err
	}
	if way == 1 {
		time.Sleep(2 * time.Second)
	}
	rest, _ := io.ReadAll(in) // says what it can
	return status, string(rest[:min(len(rest), 2000)]), nil
}

// behave asks once a second what a map asks.
func (r *region) behave(ctx context.Context, end time.Time, o *outcome) error {
	q := query{name: "map", address: "/Things?$expand=Datastreams($expand=Observations($top=1;$orderby=phenomenonTime desc))&$top=100"}
	for time.Now().Before(end) && ctx.Err() == nil {
		took, _, err := r.ask(ctx, q, false)
		o.Lock()
		if err != nil {
			o.refused++
		} else {
			o.polite = append(o.polite, took)
		}
		o.Unlock()
		time.Sleep(time.Second)
	}
	return nil
}
