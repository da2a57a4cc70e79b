package derived

import (
	"slices"
	"testing"

	"modellregion/devices"
)

// TestTable wants inputs for every derived quantity, and that inputs and facts
// are known by these names to others.
func TestTable(t *testing.T) {
	isDerived := map[string]bool{"load": true, "voltage_unbalance": true, "surface_state": true} // also reported
	for _, q := range devices.Quantities() {
		inputs := Inputs(q.Name)
		if want := isDerived[q.Name] || q.Derived; (inputs != nil) != want {
			t.Errorf("inputs of %s are %q", q.Name, inputs)
		}
		for _, name := range inputs {
			input, ok := devices.Lookup(name)
			if !ok || input == q || input.Derived {
				t.Errorf("%s is derived from %s, which nobody reports", q.Name, name)
			}
			for _, deeper := range Inputs(name) {
				if !slices.Contains(inputs, deeper) {
					t.Errorf("inputs of %s lack %s, from which %s is derived", q.Name, deeper, name)
				}
			}
		}
	}
	if Inputs("voltage") != nil || Inputs("luck") != nil {
		t.Error("what is not derived has inputs")
	}
	Inputs("load")[0] = "luck"
	if Inputs("load")[0] == "luck" {
		t.Error("a caller changed the rules")
	}
	for _, name := range []string{FreeSpeed, CongestedOccupancy, RatedPower} {
		if !slices.ContainsFunc(devices.Facts(), func(f devices.Fact) bool { return f.Name == name }) {
			t.Errorf("no device can have the fact %s", name)
		}
	}
}

func TestWindowGivesWhatIsWanted(t *testing.T) {
	rows := []devices.Aggregate{
		a("voltage", "l1", 230), a("voltage", "l2", 231), a("voltage", "l3", 229),
		a("power_apparent", "", 100e3), a("vehicle_count", "lane1", 3), a("water_film", "", 5),
	}
	known := facts(map[string]float64{RatedPower: 400e3})
	var names []string
	for _, r := range Window("x", rows, all, known) {
		names = append(names, r.Quantity.Name)
		if r.Station != "x" || r.Count != 15 || r.Coverage != 1 {
			t.Errorf("row %+v, want one of station x with the evidence of its inputs", r)
		}
	}
	if want := []string{"traffic_state", "load", "voltage_unbalance", "surface_state"}; !slices.Equal(names, want) {
		t.Errorf("derived %q, want %q", names, want)
	}
	if got := Window("x", rows, func(string) bool { return false }, known); got != nil {
		t.Errorf("nothing was wanted, got %+v", got)
	}
	if got := Window("x", nil, all, known); got != nil {
		t.Errorf("nothing was reported, got %+v", got)
	}
	// Another domain has nothing to derive from.
	if got := Window("x", []devices.Aggregate{a("pm10", "", 20)}, all, known); got != nil {
		t.Errorf("from particulate matter came %+v", got)
	}
}

// TestDoubleRows should not be; the order in which they come must not matter.
func TestDoubleRows(t *testing.T) {
	none, five := a("vehicle_count", "", 0), a("vehicle_count", "", 5)
	_, one := derive(t, "traffic_state", []devices.Aggregate{none, five}, nil)
	_, other := derive(t, "traffic_state", []devices.Aggregate{five, none}, nil)
	if one != other {
		t.Errorf("%s in one order, %s in the other", one, other)
	}
}
