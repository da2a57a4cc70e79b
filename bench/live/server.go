package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/opendata/live"
	"modellregion/uplink"
)

const roleServer = "server"

// serverConfig is what the server's process is told.
type serverConfig struct{ Stations int }

// serverReady is what it answers when it serves.
type serverReady struct{ Addr string }

// town is a directory of many stations.
type town []devices.Station

func (t town) Stations() []devices.Station                      { return t }
func (t town) Interval(string, *devices.Quantity) time.Duration { return 0 }
func (t town) Fact(string, string) (float64, bool)              { return 0, false }

func station(i int) string { return "zaehlstelle-" + strconv.Itoa(i) }

// feed makes windows complete when it is told to.
type feed struct {
	hub    *live.Hub
	latest *opendata.Latest
	start  time.Time // of a window that is over
	count  *devices.Quantity
	step   int
}

// ServeHTTP makes the windows of so many stations complete. The value of each
// is when that was, in microseconds since 1970.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	windows, err := strconv.Atoi(r.URL.Query().Get("windows"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.step++
	now := time.Now()
	rows := make([]devices.Aggregate, windows)
	for i := range rows {
		rows[i] = devices.Aggregate{Station: station(i), Quantity: f.count, Channel: "spur-1", Start: f.start, Window: time.Duration(opendata.Quarter),
			Count: f.step, Sum: float64(now.UnixMicro()), Coverage: 1}
	}
	f.latest.Put("verkehr", rows, now)
}

// runServer serves until it is stopped.
func runServer(ctx context.Context, c serverConfig, ready func(any) error) error {
	var stations town
	for i := range c.Stations {
		stations = append(stations, devices.Station{ID: station(i), Name: station(i), Municipality: "paderborn", Domain: uplink.Traffic})
	}
	latest := opendata.NewLatest()
	hub, err := live.New(live.Config{Datasets: opendata.Defaults()[:1], Directory: stations, Latest: latest})
	if err != nil {
		return err
	}
	count, ok := devices.Lookup("vehicle_count")
	if !ok {
		return errors.New("there is no vehicle_count")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open port: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/live", hub)
	mux.Handle("/step", &feed{hub: hub, latest: latest, start: opendata.Quarter.Begin(time.Now().Add(-20 * time.Minute)), count: count})
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(hub.Stats()) })
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return hub.Run(ctx) })
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return errors.Join(ready(serverReady{Addr: l.Addr().String()}), group.Wait())
}
