package household

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"modellregion/opendata"
)

// FuzzRecord: whatever is in the file, nothing is published that the rules
// could not have written.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"riemeke-2026","quantity":"energy_import","window":"1d","sums":[48211]}]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"riemeke-2026","quantity":"energy_export","window":"1d"}]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"riemeke-2026","quantity":"energy_import","window":"1h","sums":[1,2,3]}]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"","quantity":"voltage","window":"7m","sums":[-1e999]}]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"riemeke-2026","quantity":"energy_import","window":"1d","sums":[0]}]}`,
		`{"v":1,"dataset":"haushalte","day":"2026-11-23","series":[{"station":"riemeke-2026","quantity":"energy_import","window":"1d","sums":[0.5]}]}`,
		`{"v":2}`, `[`, ``,
	} {
		f.Add([]byte(seed))
	}
	day := opendata.Day{Year: 2026, Month: 11, Day: 23}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(data, "haushalte", day)
		if err != nil {
			return
		}
		span := day.Span()
		for w, rows := range r.rows(day) {
			for _, row := range rows {
				if row.Station == "" || row.Window != time.Duration(w) || !span.Contains(row.Start) || !(row.Sum > 0) != row.Suppressed || row.Sum != math.Trunc(row.Sum) {
					t.Errorf("published %+v", row)
				}
			}
		}
	})
}

// FuzzMembers: the error never repeats what is in the file.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{"v":1,"group":"riemeke","municipality":"paderborn","year":2026,"connections":["a-0815","a-0816"]}`,
		`{"v":1,"group":"../../etc","municipality":"paderborn","year":2026,"connections":[]}`,
		`{"v":1,"group":"riemeke","connections":["b","a"]}`, `{"v":1,"connections":{"a-0815":1}}`, `"a-0815`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMembers(data)
		if err != nil {
			if err.Error() != errMembers.Error() {
				t.Errorf("error %q says more than it may", err)
			}
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		same, err := parseMembers(again)
		if err != nil || same.id() != m.id() || len(same.Connections) != len(m.Connections) || bytes.Contains([]byte(m.id()), []byte("/")) {
			t.Errorf("%s came back as %+v (%v)", again, same, err)
		}
	})
}
