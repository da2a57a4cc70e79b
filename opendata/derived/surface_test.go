package derived

import (
	"math"
	"testing"

	"modellregion/devices"
)

func TestSurfaceState(t *testing.T) {
	for name, c := range map[string]struct {
		rows map[string]float64
		want string
	}{
		"dry":            {map[string]float64{"water_film": 0, "surface_temperature": 12}, "dry"},
		"9.9 µm":         {map[string]float64{"water_film": 9.9, "surface_temperature": 12}, "dry"},
		"10 µm":          {map[string]float64{"water_film": 10, "surface_temperature": 12}, "moist"},
		"199.9 µm":       {map[string]float64{"water_film": 199.9, "surface_temperature": 12}, "moist"},
		"200 µm":         {map[string]float64{"water_film": 200, "surface_temperature": 12}, "wet"},
		"streaming":      {map[string]float64{"water_film": 3000, "surface_temperature": 12}, "wet"},
		"0.1 of ice":     {map[string]float64{"water_film": 50, "surface_temperature": 1, "ice_fraction": 0.1}, "ice"},
		"0.09 of ice":    {map[string]float64{"water_film": 50, "surface_temperature": 1, "ice_fraction": 0.09}, "moist"},
		"ice, no film":   {map[string]float64{"ice_fraction": 0.4}, "ice"},
		"little ice":     {map[string]float64{"ice_fraction": 0.04}, "unknown"},
		"pure water":     {map[string]float64{"water_film": 50, "surface_temperature": 0}, "ice"},
		"just not":       {map[string]float64{"water_film": 50, "surface_temperature": 0.1}, "moist"},
		"seen as liquid": {map[string]float64{"water_film": 50, "surface_temperature": -2, "ice_fraction": 0}, "moist"},
		"salted":         {map[string]float64{"water_film": 250, "surface_temperature": -4.9, "freezing_temperature": -5}, "wet"},
		"salted, frozen": {map[string]float64{"water_film": 250, "surface_temperature": -5, "freezing_temperature": -5}, "ice"},
		// The measured freezing temperature warns before the ice is seen.
		"frozen, not seen": {map[string]float64{"water_film": 250, "surface_temperature": -6, "freezing_temperature": -5, "ice_fraction": 0}, "ice"},
		// No water freezes above 0 °C, whatever a sensor says.
		"freezing at 3 °C": {map[string]float64{"water_film": 250, "surface_temperature": 2, "freezing_temperature": 3}, "wet"},
		"below dew point":  {map[string]float64{"water_film": 0, "surface_temperature": -3, "dew_point": -2}, "hoarfrost"},
		"at dew point":     {map[string]float64{"water_film": 0, "surface_temperature": -3, "dew_point": -3}, "dry"},
		"warm dew":         {map[string]float64{"water_film": 0, "surface_temperature": 0, "dew_point": 2}, "dry"},
		// −1 °C and 90 %: dew point −2.43 °C.
		"by humidity":           {map[string]float64{"water_film": 0, "surface_temperature": -3, "air_temperature": -1, "relative_humidity": 90}, "hoarfrost"},
		"by humidity, warmer":   {map[string]float64{"water_film": 0, "surface_temperature": -2, "air_temperature": -1, "relative_humidity": 90}, "dry"},
		"measured dew point":    {map[string]float64{"water_film": 0, "surface_temperature": -3, "dew_point": -5, "air_temperature": -1, "relative_humidity": 90}, "dry"},
		"no humidity":           {map[string]float64{"water_film": 0, "surface_temperature": -3, "air_temperature": -1, "relative_humidity": 0}, "dry"},
		"dry, temperature lost": {map[string]float64{"water_film": 0}, "dry"},
		"wet or ice":            {map[string]float64{"water_film": 250}, "unknown"},
		"wet, temperature NaN":  {map[string]float64{"water_film": 250, "surface_temperature": nan}, "unknown"},
		"wet, no ice":           {map[string]float64{"water_film": 250, "ice_fraction": 0}, "wet"},
		"film NaN":              {map[string]float64{"water_film": nan, "surface_temperature": 12}, "none"},
		"temperature alone":     {map[string]float64{"surface_temperature": -8, "dew_point": -2}, "none"},
		"reported":              {map[string]float64{"water_film": 250, "surface_temperature": 3, "surface_state": 1}, "none"},
		"reported as unknown":   {map[string]float64{"water_film": 250, "surface_temperature": 3, "surface_state": 0}, "none"},
	} {
		var rows []devices.Aggregate
		for quantity, v := range c.rows {
			rows = append(rows, a(quantity, "", v))
		}
		if _, got := derive(t, "surface_state", rows, nil); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestSurfaceChannels(t *testing.T) {
	rows := []devices.Aggregate{
		a("water_film", "lane1", 0), a("water_film", "lane2", 250), a("surface_temperature", "lane1", 3), a("surface_temperature", "", -1),
		covered(a("ice_fraction", "lane3", 1), 0.49), covered(a("ice_fraction", "lane4", 1), 0.5), covered(a("dew_point", "mast", -3), 0.1),
	}
	want := []struct {
		channel, state string
		coverage       float64
	}{{"lane1", "dry", 1}, {"lane2", "ice", 1}, {"lane3", "unknown", 0.49}, {"lane4", "ice", 0.5}}
	out := Window("s", rows, all, nothing)
	if len(out) != len(want) {
		t.Fatalf("rows %+v, want one for each lane", out)
	}
	for i, w := range want {
		if got := out[i]; got.Channel != w.channel || got.Quantity.Text(got.Mode) != w.state || got.Coverage != w.coverage {
			t.Errorf("%s is %s with coverage %v, want %+v", got.Channel, got.Quantity.Text(got.Mode), got.Coverage, w)
		}
	}
}

func TestMagnus(t *testing.T) {
	for _, c := range [][3]float64{{20, 50, 9.26}, {20, 100, 20}, {-1, 90, -2.43}, {0, 80, -3.04}} {
		if got := magnus(c[0], c[1]); math.Abs(got-c[2]) > 0.01 {
			t.Errorf("dew point at %v °C and %v %%: %v, want %v", c[0], c[1], got, c[2])
		}
	}
}
