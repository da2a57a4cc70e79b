package influx

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fastjson"

	"modellregion/devices"
)

// answers are streamed answers of 1.8, a line for each part.
var answers = []string{
	`{"results":[{"statement_id":0,"series":[{"name":"energy","tags":{"station":"a"},"columns":["time","voltage","energy_import","channel","device"],"values":[[1000,230.5,null,"l1","01"],[2000,null,7,null,"02"]],"partial":true}],"partial":true}]}
{"results":[{"statement_id":0,"series":[{"name":"energy","tags":{"station":"a"},"columns":["time","voltage","energy_import","channel","device"],"values":[[3000,1e3,8,"l1","01"]]}]}]}
`,
	`{"results":[{"statement_id":0}]}`,
	`{"results":[{"statement_id":0,"error":"timeout"}]}`,
	`{"error":"unable to parse authentication credentials"}`,
	`{"results":[{"series":[{"columns":["time"],"values":[[1],[0],"x",[]]}]}]}`,
	`{"results":[{"series":[{"tags":7,"columns":[null],"values":{}}]}]}`,
	`{"results":[{"series":[{"name":"netz","columns":["time","channel","count","coverage","station","voltage.count","voltage.coverage","voltage.max","voltage.mean","voltage.min","voltage.p5","voltage.p85","surface_state.mode","surface_state.share_wet","load.suppressed","window"],"values":[[5,"l1",-1,null,"a",3,0.5,2,1,0,0.5,1.5,3,0.75,1,"15m"]]}]}]}`,
	gathered, "\n\n", "not JSON", "",
}

// gathered is an answer that is not grouped.
const gathered = `{"results":[{"series":[{"columns":["time","voltage","channel","device","station"],"values":[[0,1,"l1","d1","b"],[0,2,"l1","d2","a"],[5,3,null,"d1","b"],[6,4,"l1","d3","a"]]}]}]}`

// FuzzAnswer: whatever a server answers, what comes out has as many values as
// times, and the times in order.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		check := func(s devices.Series) error {
			for i, at := range s.Times {
				if i > 0 && at < s.Times[i-1] {
					t.Errorf("time %d after %d", at, s.Times[i-1])
				}
			}
			if len(s.Values) != 2 || len(s.Values[0]) != len(s.Times) || len(s.Values[1]) != len(s.Times) || s.Devices != nil && len(s.Devices) != len(s.Times) {
				t.Errorf("a series of %d times has %d columns", len(s.Times), len(s.Values))
			}
			return nil
		}
		s := newSorter([]string{"voltage", "energy_import"}, true, check)
		if err := parts(strings.NewReader(answer), s.add); err == nil {
			if err := s.flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
		}
		g := newGatherer([]string{"voltage", "energy_import"}, true)
		if err := parts(strings.NewReader(answer), g.add); err == nil {
			if err := g.each(check); err != nil {
				t.Errorf("each: %v", err)
			}
		}
		r := newReader(time.Minute)
		_ = parts(strings.NewReader(answer), r.add) // does not panic
		for _, a := range r.rows {
			if a.Quantity == nil || a.Shares != nil && len(a.Shares) != len(a.Quantity.Categories) {
				t.Errorf("a row is %+v", a)
			}
		}
	})
}

func TestParts(t *testing.T) {
	for answer, want := range map[string]string{
		answers[0]: "", answers[1]: "", answers[2]: "timeout", answers[3]: "credentials", "not JSON": "decode answer", "": "",
		strings.Repeat(" ", 200_000) + answers[0]: "", // longer than the buffer
		answers[4]: "not in order", answers[5]: "no column of times",
	} {
		var series []string
		var values []float64
		s := newSorter([]string{"voltage", "energy_import"}, true, func(s devices.Series) error {
			series = append(series, s.Station+"/"+s.Channel)
			for _, column := range s.Values {
				values = append(values, column...)
			}
			return nil
		})
		err := parts(strings.NewReader(answer), s.add)
		if err == nil {
			err = s.flush()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60q: error %v, want %q", answer, err, want)
		}
		if strings.Contains(answer, "partial") {
			if strings.Join(series, " ") != "a/l1 a/" || len(values) != 6 || values[0] != 230.5 || values[1] != 1000 || !math.IsNaN(values[2]) || values[3] != 8 || values[5] != 7 {
				t.Errorf("series %q, values %v", series, values)
			}
		}
	}
	stop := errors.New("stop")
	if err := parts(strings.NewReader(answers[0]), func(*fastjson.Value) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of each becomes %v", err)
	}
}

// TestGather: the series of all stations from rows in order of time, up to
// what may be held in memory.
func TestGather(t *testing.T) {
	g := newGatherer([]string{"voltage", "load"}, true)
	if err := parts(strings.NewReader(gathered), g.add); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := g.each(func(s devices.Series) error {
		got = append(got, fmt.Sprint(s.Station, "/", s.Channel, s.Times, s.Values, s.Devices))
		return nil
	})
	want := []string{"a/l1[0 6] [[2 4] [NaN NaN]] [0 1]", "b/[5] [[3] [NaN]] []", "b/l1[0] [[1] [NaN]] []"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("series %q (error %v), want %q", got, err, want)
	}
	stop := errors.New("stop")
	if err := g.each(func(devices.Series) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error of take becomes %v", err)
	}
	g = newGatherer([]string{"voltage"}, false)
	g.size = 60 // two rows
	if err := parts(strings.NewReader(gathered), g.add); !errors.Is(err, errTooMany) {
		t.Errorf("of too many rows: %v", err)
	}
}
