package devices

import (
	"fmt"
	"slices"
	"strconv"
)

// Fact is a number that is known of a station beside what it measures, from
// which other numbers are derived. A device has it among its Variables.
type Fact struct {
	Name     string // as in Device.Variables: "free_speed"
	Unit     string // UCUM, as in Quantity.Unit
	Min, Max float64
	De, En   string // one line for people
}

// The facts. The least rated power is below that of any transformer of a
// public grid and above the same number in kVA, which is the usual mistake.
var facts = []Fact{
	{"free_speed", "km/h", 1, 300, "Geschwindigkeit bei freiem Verkehr, von der aus die Verkehrslage beurteilt wird", "speed of free traffic, by which the traffic state is judged"},
	{"congested_occupancy", "1", 0.01, 1, "Belegung des Detektors, von der an der Verkehr als gestaut gilt", "occupancy of the detector from which on traffic counts as congested"},
	{"rated_power", "V.A", 5_000, 1e9, "Bemessungsleistung des Transformators, auf die sich seine Auslastung bezieht", "rated power of the transformer, to which its load relates"},
}

// Facts returns all facts that there are. The caller must not change them.
func Facts() []Fact { return slices.Clone(facts) }

// Parse reads a number in the fact's unit, with a point as in JSON.
func (f *Fact) Parse(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= f.Min && v <= f.Max) { // not for NaN either
		return 0, fmt.Errorf("%s: %.32q, want a number from %s to %s in %s: the %s", f.Name, text, plain(f.Min), plain(f.Max), f.Unit, f.En)
	}
	return v, nil
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
