package derived

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"modellregion/devices"
)

func TestLoad(t *testing.T) {
	rated := map[string]float64{RatedPower: 630e3}
	phases := func(quantity string, l1, l2, l3 float64) []devices.Aggregate {
		return []devices.Aggregate{a(quantity, "l1", l1), a(quantity, "l2", l2), a(quantity, "l3", l3)}
	}
	ranged := a("power_apparent", "", 315e3)
	ranged.Min, ranged.Max = 63e3, 567e3
	senseless := a("power_apparent", "", 315e3)
	senseless.Min, senseless.Max = nan, nan
	for name, c := range map[string]struct {
		rows            []devices.Aggregate
		known           map[string]float64
		low, mean, high float64 // all 0: none
	}{
		"apparent":               {[]devices.Aggregate{a("power_apparent", "", 315e3)}, rated, 50, 50, 50},
		"apparent, extremes":     {[]devices.Aggregate{ranged}, rated, 10, 50, 90},
		"apparent, no extremes":  {[]devices.Aggregate{senseless}, rated, 50, 50, 50},
		"apparent of the phases": {phases("power_apparent", 70e3, 140e3, 105e3), rated, 50, 50, 50}, // 315 of 630 kVA
		"the sum is not a phase": {append(phases("power_apparent", 70e3, 140e3, 105e3), a("power_apparent", "", 630e3)), rated, 100, 100, 100},
		"overload":               {[]devices.Aggregate{a("power_apparent", "", 693e3)}, rated, 110, 110, 110},
		// P = 252 kW, Q = 189 kvar: S = √(252² + 189²) = 315 kVA.
		"active and reactive":  {append(phases("power_active", 100e3, 100e3, 52e3), phases("power_reactive", 63e3, 63e3, 63e3)...), rated, 50, 50, 50},
		"feeding in":           {[]devices.Aggregate{a("power_active", "", -252e3), a("power_reactive", "", -189e3)}, rated, 50, 50, 50},
		"phases oppose":        {append(phases("power_active", 100e3, -100e3, 63e3), a("power_reactive", "", 0)), rated, 10, 10, 10},
		"apparent goes before": {[]devices.Aggregate{a("power_apparent", "", 63e3), a("power_active", "", 252e3), a("power_reactive", "", 189e3)}, rated, 10, 10, 10},
		"no reactive":          {phases("power_active", 100e3, 100e3, 52e3), rated, 0, 0, 0},
		"a phase missing":      {phases("power_apparent", 70e3, 140e3, 105e3)[:2], rated, 0, 0, 0},
		"a phase NaN":          {phases("power_apparent", 70e3, nan, 105e3), rated, 0, 0, 0},
		"not rated":            {[]devices.Aggregate{a("power_apparent", "", 315e3)}, nil, 0, 0, 0},
		"rated 0":              {[]devices.Aggregate{a("power_apparent", "", 315e3)}, map[string]float64{RatedPower: 0}, 0, 0, 0},
		"rated in kVA":         {[]devices.Aggregate{a("power_apparent", "", 315e3)}, map[string]float64{RatedPower: 630}, 0, 0, 0},
		"reported":             {[]devices.Aggregate{a("power_apparent", "", 315e3), a("load", "", 42)}, rated, 0, 0, 0},
	} {
		row, _ := derive(t, "load", c.rows, c.known)
		if !near6(row.Min, c.low) || !near6(row.Mean, c.mean) || !near6(row.Max, c.high) {
			t.Errorf("%s: %v %v %v, want %v %v %v", name, row.Min, row.Mean, row.Max, c.low, c.mean, c.high)
		}
	}
	rows := []devices.Aggregate{covered(a("power_active", "", 252e3), 0.8), covered(a("power_reactive", "", 189e3), 0.4)}
	if row, _ := derive(t, "load", rows, rated); row.Coverage != 0.4 || row.Count != 6 {
		t.Errorf("coverage %v of %d readings, want that of the weaker", row.Coverage, row.Count)
	}
}

func TestVoltageUnbalance(t *testing.T) {
	for name, c := range map[string]struct {
		voltages map[string]float64
		want     float64 // -1: none
	}{
		"even":            {map[string]float64{"l1": 230, "l2": 230, "l3": 230}, 0},
		"one low":         {map[string]float64{"l1": 230, "l2": 230, "l3": 219}, 1.620029}, // 11 ÷ 679
		"2 %":             {map[string]float64{"l1": 238, "l2": 224, "l3": 238}, 2},        // 14 ÷ 700
		"all differ":      {map[string]float64{"l1": 236, "l2": 230, "l3": 224}, 1.506131}, // √108 ÷ 690
		"a phase missing": {map[string]float64{"l1": 230, "l2": 230}, -1},
		"a phase NaN":     {map[string]float64{"l1": 230, "l2": 230, "l3": nan}, -1},
		"a phase off":     {map[string]float64{"l1": 230, "l2": 230, "l3": 11.4}, -1},
		"a phase hardly":  {map[string]float64{"l1": 230, "l2": 230, "l3": 11.5}, 46.341463},
		"none":            {map[string]float64{"l1": 0, "l2": 0, "l3": 0}, -1},
		"not phases":      {map[string]float64{"a": 230, "b": 230, "c": 230}, -1},
		"a fourth input":  {map[string]float64{"l1": 230, "l2": 230, "l3": 219, "l4": 0}, 1.620029},
	} {
		var rows []devices.Aggregate
		for channel, v := range c.voltages {
			rows = append(rows, a("voltage", channel, v))
		}
		row, text := derive(t, "voltage_unbalance", rows, nil)
		if c.want < 0 && text != "none" || c.want >= 0 && (text == "none" || math.Abs(row.Mean-c.want) > 5e-7 || row.Min != row.Mean || row.Max != row.Mean) {
			t.Errorf("%s: %v %s, want %v", name, row.Mean, text, c.want)
		}
	}
	if row, _ := derive(t, "voltage_unbalance", []devices.Aggregate{a("voltage", "l1", 238), a("voltage", "l2", 224), a("voltage", "l3", 238)}, nil); row.Mean != 2 {
		t.Errorf("on the limit: %v, want exactly 2", row.Mean)
	}
	dip := a("voltage", "l1", 225)
	dip.Min = 3
	if _, text := derive(t, "voltage_unbalance", []devices.Aggregate{dip, a("voltage", "l2", 230), a("voltage", "l3", 230)}, nil); text != "none" {
		t.Error("a window with an interruption has an unbalance")
	}
	if _, text := derive(t, "voltage_unbalance", []devices.Aggregate{a("voltage", "l1", 230), a("voltage", "l2", 230), a("voltage", "l3", 219), a("voltage_unbalance", "", 1)}, nil); text != "none" {
		t.Error("a reported unbalance is derived again")
	}
}

// TestUnbalanceFormula checks what the documentation says of the formula.
func TestUnbalanceFormula(t *testing.T) {
	turn := cmplx.Rect(1, 2*math.Pi/3)
	// sequence returns the magnitudes of phases of a positive sequence of 230 V
	// with shares u2 of negative and u0 of zero sequence.
	sequence := func(u2, u0 complex128) (a, b, c float64) {
		return 230 * cmplx.Abs(1+u2+u0), 230 * cmplx.Abs(turn*turn+turn*u2+u0), 230 * cmplx.Abs(turn+turn*turn*u2+u0)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		a, b, c := 180+100*rnd.Float64(), 180+100*rnd.Float64(), 180+100*rnd.Float64()
		// IEC 61000-4-30 with line voltages of phases 120° apart.
		ab, bc, ca := a*a+b*b+a*b, b*b+c*c+b*c, c*c+a*a+c*a // squares
		beta := (ab*ab + bc*bc + ca*ca) / ((ab + bc + ca) * (ab + bc + ca))
		root := math.Sqrt(max(3-6*beta, 0))
		if got, want := unbalance(a, b, c), math.Sqrt((1-root)/(1+root)); math.Abs(got-want) > 1e-7 {
			t.Fatalf("%v V, %v V, %v V: %v, by the line voltages %v", a, b, c, got, want)
		}
		u := cmplx.Rect(0.02, 2*math.Pi*rnd.Float64())
		for name, c := range map[string]struct {
			u2, u0 complex128
			want   float64
		}{
			"angles kept":      {u, cmplx.Conj(u), 0.02},
			"no zero sequence": {u, 0, 0.01},
			"three times zero": {u, 3 * cmplx.Conj(u), 0.04},
			"not to be seen":   {u, -cmplx.Conj(u), 0},
		} {
			if got := unbalance(sequence(c.u2, c.u0)); math.Abs(got-c.want) > 0.002 {
				t.Fatalf("%s, u2 %v: %v, want about %v", name, c.u2, got, c.want)
			}
		}
	}
}
