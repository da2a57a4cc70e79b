package derived

import (
	"testing"
	"time"

	"modellregion/devices"
)

func TestTrafficState(t *testing.T) {
	type known = map[string]float64
	rows := func(r ...devices.Aggregate) []devices.Aggregate { return r }
	for name, c := range map[string]struct {
		rows  []devices.Aggregate
		known known
		want  string
	}{
		// The ratio to the free speed, on and beside each border.
		"35 of 50":              {rows(a("speed_mean", "", 35)), known{FreeSpeed: 50}, "free"},
		"34.9 of 50":            {rows(a("speed_mean", "", 34.9)), known{FreeSpeed: 50}, "heavy"},
		"25 of 50":              {rows(a("speed_mean", "", 25)), known{FreeSpeed: 50}, "heavy"},
		"24.9 of 50":            {rows(a("speed_mean", "", 24.9)), known{FreeSpeed: 50}, "slow"},
		"15 of 50":              {rows(a("speed_mean", "", 15)), known{FreeSpeed: 50}, "slow"},
		"14.9 of 50":            {rows(a("speed_mean", "", 14.9)), known{FreeSpeed: 50}, "congested"},
		"28 of 50, the default": {rows(a("speed_mean", "", 28)), nil, "heavy"},
		"28 of 30":              {rows(a("speed_mean", "", 28)), known{FreeSpeed: 30}, "free"},
		"49 of 70":              {rows(a("speed_mean", "", 49)), known{FreeSpeed: 70}, "free"},
		"28 of 100":             {rows(a("speed_mean", "", 28)), known{FreeSpeed: 100}, "congested"},
		"free speed of nothing": {rows(a("speed_mean", "", 28)), known{FreeSpeed: 0}, "heavy"},
		"free speed not known":  {rows(a("speed_mean", "", 28)), known{FreeSpeed: nan}, "heavy"},

		// Lanes: (40·90 + 20·10) ÷ 100 = 38; the mean of the lanes is 30.
		"weighted":           {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", 20), a("vehicle_count", "lane1", 90), a("vehicle_count", "lane2", 10)), nil, "free"},
		"one lane uncounted": {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", 20), a("vehicle_count", "lane1", 90)), nil, "heavy"},
		"not counted":        {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", 20)), nil, "heavy"},
		"0 is no speed":      {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", 0), a("vehicle_count", "lane1", 9), a("vehicle_count", "lane2", 0)), nil, "free"},
		"0 uncounted":        {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", 0)), nil, "free"},
		"NaN is no speed":    {rows(a("speed_mean", "lane1", 40), a("speed_mean", "lane2", nan)), nil, "free"},
		"a speed of nobody":  {rows(a("speed_mean", "", 7), a("vehicle_count", "", 0)), nil, "free"},

		// Occupancy with a speed: one step worse.
		"fast and full":      {rows(a("speed_mean", "", 40), a("occupancy", "", 0.3)), nil, "heavy"},
		"fast, not so full":  {rows(a("speed_mean", "", 40), a("occupancy", "", 0.29)), nil, "free"},
		"heavy and full":     {rows(a("speed_mean", "", 30), a("occupancy", "", 0.6)), nil, "slow"},
		"slow and full":      {rows(a("speed_mean", "", 20), a("occupancy", "", 0.6)), nil, "congested"},
		"congested and full": {rows(a("speed_mean", "", 5), a("occupancy", "", 0.6)), nil, "congested"},
		"a long detector":    {rows(a("speed_mean", "", 40), a("occupancy", "", 0.4)), known{CongestedOccupancy: 0.5}, "free"},
		// Without: (0.5 + 0.1) ÷ 2 = 0.3.
		"standing queue":   {rows(a("vehicle_count", "", 0), a("occupancy", "lane1", 0.5), a("occupancy", "lane2", 0.1)), nil, "congested"},
		"rather full":      {rows(a("occupancy", "", 0.15)), nil, "heavy"},
		"not full":         {rows(a("occupancy", "", 0.14)), nil, "free"},
		"below half of it": {rows(a("occupancy", "", 0.24)), known{CongestedOccupancy: 0.5}, "free"},

		// Nobody there, or nobody looking.
		"empty":                 {rows(a("vehicle_count", "lane1", 0), a("vehicle_count", "lane2", 0)), nil, "free"},
		"empty, well watched":   {rows(covered(a("vehicle_count", "", 0), 0.9)), nil, "free"},
		"empty, badly watched":  {rows(covered(a("vehicle_count", "", 0), 0.89)), nil, "unknown"},
		"counted only":          {rows(a("vehicle_count", "", 12)), nil, "unknown"},
		"half watched":          {rows(covered(a("speed_mean", "", 40), 0.5)), nil, "free"},
		"less than half":        {rows(covered(a("speed_mean", "", 40), 0.49)), nil, "unknown"},
		"a lane less than half": {rows(a("speed_mean", "lane1", 40), covered(a("speed_mean", "lane2", 40), 0.4)), nil, "unknown"},
		// At night a lane is watched although it has few speeds.
		"few speeds":       {rows(covered(a("speed_mean", "", 40), 0.1), a("vehicle_count", "", 1)), nil, "free"},
		"nothing about it": {rows(a("pedestrian_count", "", 12)), nil, "none"},
		"only NaN":         {rows(a("speed_mean", "", nan)), nil, "none"},
	} {
		if _, got := derive(t, "traffic_state", c.rows, c.known); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestTrafficStateRestsOnTheWorstLane(t *testing.T) {
	rows := []devices.Aggregate{
		a("vehicle_count", "lane1", 5), covered(a("speed_mean", "lane1", 40), 0.2),
		covered(a("vehicle_count", "lane2", 5), 0.8), covered(a("speed_mean", "lane2", 40), 0.6),
	}
	if row, _ := derive(t, "traffic_state", rows, nil); row.Coverage != 0.8 || row.Count != 12 {
		t.Errorf("coverage %v of %d readings, want 0.8 of 12", row.Coverage, row.Count)
	}
}

func TestADayHasNoState(t *testing.T) {
	for window, want := range map[time.Duration]string{time.Hour: "free", 2 * time.Hour: "none", 24 * time.Hour: "none"} {
		row := a("speed_mean", "", 40)
		row.Window = window
		if _, got := derive(t, "traffic_state", []devices.Aggregate{row}, nil); got != want {
			t.Errorf("traffic of %s is %s, want %s", window, got, want)
		}
		row = a("water_film", "", 0)
		row.Window = window
		if _, got := derive(t, "surface_state", []devices.Aggregate{row}, nil); (got == "none") != (want == "none") {
			t.Errorf("surface of %s is %s", window, got)
		}
	}
}
