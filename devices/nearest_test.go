package devices

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"voltage", "air_temperature", "air_pressure", "pm10"}
	for name, want := range map[string]string{
		"voltag": "voltage", "air_temprature": "air_temperature", "air": "air_temperature", "pm1": "pm10",
		"speed": "", "": "", strings.Repeat("voltage", 10): "", "Voltage": "voltage",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}
