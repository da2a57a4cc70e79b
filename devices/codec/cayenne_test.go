package codec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func lpp(t testing.TB, mappings ...devices.Mapping) Decoder {
	t.Helper()
	d, err := Compile(devices.Codec{Kind: "cayenne-lpp", Map: mappings})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The first two payloads are examples of the documentation of Cayenne LPP.
func TestCayenneFields(t *testing.T) {
	for _, c := range []struct{ name, hex, want string }{
		{"two temperatures", "03670110056700ff", `{"temperature_3":27.2,"temperature_5":25.5}`},
		{"below zero, acceleration", "0167ffd7067104d2fb2e0000", `{"accelerometer_6":{"x":1.234,"y":-1.234,"z":0},"temperature_1":-4.1}`},
		{"GPS", "018806765ff2960a0003e8", `{"gps_1":{"altitude":10,"latitude":42.3519,"longitude":-87.9094}}`},
		{"digital and analog", "010001020101030200fa0403ff06", `{"analog_in_3":2.5,"analog_out_4":-2.5,"digital_in_1":1,"digital_out_2":1}`},
		{"environment", "0165ffff02660103685a04732710", `{"barometric_pressure_4":1000,"luminosity_1":65535,"presence_2":1,"relative_humidity_3":45}`},
		{"generic, electricity", "01640000000102745991037505dc047600000032", `{"current_3":1.5,"frequency_4":50,"generic_sensor_1":1,"voltage_2":229.29}`},
		{"percentage to energy", "01783202 79ff9c037d019004800898 05820000 04d2 06830000303a", `{"altitude_2":-100,"concentration_3":400,"distance_5":1.234,"energy_6":12.346,"percentage_1":50,"power_4":2200}`},
		{"the rest", "0184010e 02855f5e1000 03860064ff9c0000 04870a141e 058e01", `{"colour_4":{"b":30,"g":20,"r":10},"direction_1":270,"gyrometer_3":{"x":1,"y":-1,"z":0},"switch_5":1,"unixtime_2":1600000000}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Explain(lpp(t), &Input{Payload: unhex(t, c.hex)})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := json.Marshal(out.Fields); err != nil || string(got) != c.want {
				t.Errorf("%s (%v), want\n%s", got, err, c.want)
			}
		})
	}
}

func TestCayenneDecode(t *testing.T) {
	mapped := lpp(t,
		devices.Mapping{Path: "temperature_1", Quantity: "surface_temperature"},
		devices.Mapping{Path: "temperature_*", Quantity: "subsurface_temperature", Channel: "depth{1}"},
		devices.Mapping{Path: "accelerometer_2.z", Quantity: "vibration_rms"},
		devices.Mapping{Path: "percentage_3", Quantity: "ice_fraction"},
		devices.Mapping{Path: "digital_in_4", Quantity: "parking_occupied", Values: map[string]string{"1": "free", "0": "occupied"}},
		devices.Mapping{Path: "energy_5", Quantity: "energy_export", Unit: "MWh"},
		devices.Mapping{Path: "digital_out_6", Quantity: "surface_state"},
	)
	for _, c := range []struct {
		name    string
		d       Decoder
		hex     string
		want    map[string]float64
		warning string
		err     string
	}{
		{"by default", lpp(t), "0367010a" + "036864" + "047327ab" + "05650064" + "067459d8" + "06830000303a" + "07800898" + "087864", map[string]float64{
			"air_temperature 3": 26.6, "relative_humidity 3": 50, "air_pressure 4": 1015.5, "illuminance 5": 100, "voltage 6": 230, "energy_import 6": 12346, "power_active 7": 2200}, "", ""},
		{"mapped", mapped, "0167ffd7" + "0271000000000064" + "037832" + "040000" + "0583000003e8" + "0967000a", map[string]float64{
			"surface_temperature": -4.1, "subsurface_temperature depth1": -4.1, "subsurface_temperature depth9": 1, "vibration_rms": 0.980665, "ice_fraction": 0.5, "parking_occupied": 1, "energy_export": 1e6}, "", ""},
		{"twice", lpp(t), "0367010a03670110", map[string]float64{"air_temperature 3": 27.2}, "air_temperature of 3 comes more than once, the last is kept", ""},
		{"unknown value", mapped, "040007", map[string]float64{}, "digital_in_4: 7 is not among the values of parking_occupied", ""},
		{"code out of range is passed on", mapped, "0601ff", map[string]float64{"surface_state": 255}, "", ""},
		{"nothing mapped", lpp(t), "087864", map[string]float64{}, "", ""},
		{"unknown after others", lpp(t), "0367010a01f000", map[string]float64{"air_temperature 3": 26.6}, "type 240 at byte 5 is unknown to Cayenne LPP, what follows cannot be read", ""},
		{"unknown", lpp(t), "01f000", nil, "", "type 240 at byte 1 is unknown"},
		{"cut off", lpp(t), "036701", nil, "", "the temperature at byte 0 is cut off"},
		{"cut off after others", lpp(t), "0367010a05", map[string]float64{"air_temperature 3": 26.6}, "the datum at byte 4 is cut off", ""},
		{"empty", lpp(t), "", nil, "", "payload is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, warnings, err := decode(t, c.d, 1, c.hex)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || len(got) > 0 {
					t.Errorf("%v and error %v, want %q", got, err, c.err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
			if strings.Join(warnings, "\n") != c.warning {
				t.Errorf("warnings %q, want %q", warnings, c.warning)
			}
		})
	}
}

func TestCayenneExplains(t *testing.T) {
	out, err := Explain(lpp(t), &Input{Payload: unhex(t, "0367010a0271000000000064")})
	want := "accelerometer_2.x is mapped to no quantity\naccelerometer_2.y is mapped to no quantity\naccelerometer_2.z is mapped to no quantity"
	if got := strings.Join(out.Warnings, "\n"); err != nil || got != want || len(out.Readings) != 1 {
		t.Errorf("%v, %v, warnings:\n%s", out.Readings, err, got)
	}
}

func TestCayenneMapErrors(t *testing.T) {
	for _, c := range []struct {
		m    devices.Mapping
		want string
	}{
		{devices.Mapping{Path: "temp_3", Quantity: "air_temperature"}, `path "temp_3": type "temp" is unknown, want one of digital_in, digital_out`},
		{devices.Mapping{Path: "temperature", Quantity: "air_temperature"}, `want type and channel like temperature_3`},
		{devices.Mapping{Path: "temperature_256", Quantity: "air_temperature"}, `channel "256", want 0 to 255 or *`},
		{devices.Mapping{Path: "temperature_3.x", Quantity: "air_temperature"}, "temperature has no parts"},
		{devices.Mapping{Path: "gps_3", Quantity: "water_level"}, "want one of its parts, like gps_3.latitude"},
		{devices.Mapping{Path: "temperature_3", Quantity: "voltage"}, "unit Cel cannot become V"},
		{devices.Mapping{Path: "temperature_3", Quantity: "air_temperature", Channel: "{1}"}, "the path has 0"},
	} {
		_, err := Compile(devices.Codec{Kind: "cayenne-lpp", Map: []devices.Mapping{c.m}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.m, err, c.want)
		}
	}
}

func BenchmarkCayenneLPP(b *testing.B) {
	benchmark(b, lpp(b), 1, 8, "0167010a"+"026864"+"037327ab"+"04650064"+"057459d8"+"067505dc"+"07800898"+"08830000303a")
}
