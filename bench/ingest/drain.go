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
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/bench/measure"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/load"
)

const (
	pointsPerUplink = 2                      // of ours: the readings, and their reception
	lookEvery       = 100 * time.Millisecond // into the database
	idleAfter       = 4 * time.Second        // without a new uplink in the database a run is over
)

// drain starts what is measured, lets edges send where they have the backlog,
// and notes what it cost until everything was stored.
func (b *bench) drain(ctx context.Context, c column, s *stage, add func(string, float64)) (err error) {
	var sender *load.Load
	if !c.queued() {
		if sender, err = load.New(b.load(c, s.url)); err != nil {
			return err
		}
	}
	own, err0 := measure.ReadUsage(os.Getpid())
	brokerBefore, err1 := s.broker.Usage()
	databaseBefore, err2 := s.database.Usage()
	if err := errors.Join(err0, err1, err2); err != nil {
		return err
	}
	began := time.Now()
	subject, err := b.startSubject(ctx, c, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, subject.Stop()) }()
	var group errgroup.Group
	if sender != nil {
		began = time.Now() // it waited until the ingest has subscribed
		ready, err := subject.Usage()
		if err != nil {
			return err
		}
		add("CPU until it was ready, s", ready.CPU.Seconds())
		group.Go(func() error { return sender.Run(ctx) })
	}
	if b.profile != "" && !c.telegraf {
		group.Go(func() error { return b.takeProfile(ctx, s, subject, b.profile+"-"+c.name) })
	}
	stored, at, err := b.watch(ctx, c, s, subject)
	if err := errors.Join(err, group.Wait()); err != nil {
		return err
	}
	ownAfter, err0 := measure.ReadUsage(os.Getpid())
	after, err1 := subject.Usage()
	broker, err2 := s.broker.Usage()
	database, err3 := s.database.Usage()
	twice, err4 := b.twice(ctx, c, s)
	if err := errors.Join(err0, err1, err2, err3, err4); err != nil {
		return err
	}
	n, took := float64(b.uplinks), at.Sub(began)
	add("uplinks/s", n/took.Seconds())
	add("CPU, s per million uplinks", measure.Micros(after.CPU)/n)
	add("most resident memory, MB", measure.MB(after.Peak))
	add("lost", n-float64(stored))
	add("twice", twice)
	add("edges and this program: CPU, s per million", measure.Micros(ownAfter.CPU-own.CPU)/n)
	add("Mosquitto: CPU, s per million", measure.Micros(broker.CPU-brokerBefore.CPU)/n)
	add("InfluxDB: CPU, s per million", measure.Micros(database.CPU-databaseBefore.CPU)/n)
	return nil
}

// watch returns how many uplinks are stored when no more come, and when the last
// was written. While they come it looks at what the database was given, which is
// cheap to ask.
func (b *bench) watch(ctx context.Context, c column, s *stage, subject *measure.Program) (stored int, at time.Time, err error) {
	points := b.uplinks
	if !c.telegraf {
		points *= pointsPerUplink
	}
	for given := 0; given < points; {
		n, err := s.ask(ctx, "SHOW STATS FOR 'write'", "pointReq")
		if err != nil {
			return 0, at, fmt.Errorf("ask what was written: %w", err)
		}
		if int(n) > given {
			given, at = int(n), time.Now()
		}
		if given > 0 && time.Since(at) > idleAfter {
			break
		}
		if err := subject.Ended(); err != nil {
			return 0, at, err
		}
		select {
		case <-ctx.Done():
			return 0, at, fmt.Errorf("%d points of %d are written: %w", given, points, ctx.Err())
		case <-time.After(lookEvery):
		}
	}
	for began := time.Now(); ; <-time.After(lookEvery) { // the last of them may be on their way
		n, err := s.ask(ctx, `SELECT count("air_temperature") FROM "environment"`, "count")
		if err != nil || int(n) >= b.uplinks || time.Since(began) > idleAfter {
			return int(n), at, err
		}
		at = time.Now()
	}
}

// twice returns how many uplinks more than those sent were given to the
// database: of modellregion as it says itself, of Telegraf, which writes a point
// for each, as the database does.
func (b *bench) twice(ctx context.Context, c column, s *stage) (float64, error) {
	if c.telegraf {
		n, err := s.ask(ctx, "SHOW STATS FOR 'write'", "pointReq")
		return n - float64(b.uplinks), err
	}
	text, err := get(ctx, "http://"+s.internal+"/metrics")
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`(?m)^modellregion_ingest_uplinks_total (\S+)$`).FindSubmatch(text)
	if m == nil {
		return 0, errors.New("no metric modellregion_ingest_uplinks_total")
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	return n - float64(b.uplinks), err
}

// ask returns what stands in a column of the first row of an answer of InfluxDB,
// or 0 when there is none.
func (s *stage) ask(ctx context.Context, query, column string) (float64, error) {
	values := url.Values{"db": {influx.Raw}, "q": {query}, "u": {s.influx.Username}, "p": {s.influx.Password}}
	text, err := get(ctx, s.influx.URL+"/query?"+values.Encode())
	if err != nil {
		return 0, err
	}
	var answer struct {
		Results []struct {
			Series []struct {
				Columns []string
				Values  [][]any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return 0, fmt.Errorf("%s: %w", query, err)
	}
	for _, r := range answer.Results {
		for _, series := range r.Series {
			if i := slices.Index(series.Columns, column); i >= 0 && len(series.Values) > 0 {
				n, _ := series.Values[0][i].(float64)
				return n, nil
			}
		}
	}
	return 0, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return text, nil
}

// takeProfile writes a CPU profile of modellregion.
func (b *bench) takeProfile(ctx context.Context, s *stage, subject *measure.Program, path string) error {
	var data []byte
	err := b.until(ctx, subject, func() (ok bool, err error) { // it may be about to listen
		data, err = get(ctx, "http://"+s.internal+"/debug/pprof/profile?seconds=3")
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("take profile: %w", err)
	}
	return os.WriteFile(filepath.Clean(path), data, 0o644)
}
