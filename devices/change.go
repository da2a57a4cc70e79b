package devices

import "time"

// change says how a quantity may change. What is beyond is doubted, not
// refused.
type change struct {
	perMinute float64       // at most, in the quantity's unit
	still     time.Duration // longest time for which it has exactly one value, within its range
}

// changes of what has known ones. Rates are those of showers on hot asphalt,
// squall lines and dyke breaches with a margin, and of meters at the largest
// power and flow that Min and Max of power_active and a main pipe allow. What
// may rest at a value, as rain does at 0, has no longest time.
var changes = map[string]change{
	"surface_temperature":    {3, 6 * time.Hour},
	"subsurface_temperature": {1, 0},
	"air_temperature":        {2, 6 * time.Hour},
	"dew_point":              {2, 6 * time.Hour},
	"soil_temperature":       {1, 0},
	"oil_temperature":        {5, 0},
	"relative_humidity":      {10, 12 * time.Hour},
	"air_pressure":           {1, 6 * time.Hour},
	"water_level":            {0.5, 0},
	"snow_depth":             {0.02, 0},
	"soil_moisture":          {20, 0},
	"voltage":                {0, 2 * time.Hour},
	"frequency":              {0, time.Hour},
	"noise_laeq":             {0, 6 * time.Hour},
	"co2":                    {0, 12 * time.Hour},
	"energy_import":          {50e6 / 60, 0},
	"energy_export":          {50e6 / 60, 0},
	"energy_reactive_import": {50e6 / 60, 0},
	"energy_reactive_export": {50e6 / 60, 0},
	"volume":                 {600, 0},
}
