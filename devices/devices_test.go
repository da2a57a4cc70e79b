package devices

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"modellregion/uplink"
)

func TestQuantities(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range Quantities() {
		if seen[q.Name] {
			t.Errorf("%s is there twice", q.Name)
		}
		seen[q.Name] = true
		if got, ok := Lookup(q.Name); !ok || got != q {
			t.Errorf("%s is not found", q.Name)
		}
		if !q.Domain.Valid() && q.Domain != Health {
			t.Errorf("%s has domain %q", q.Name, q.Domain)
		}
		if q.Unit == "" || q.De == "" || q.En == "" || q.Min >= q.Max {
			t.Errorf("%s is incomplete: %+v", q.Name, q)
		}
		if (q.Kind == Category) != (len(q.Categories) > 0) || q.Kind == Category && int(q.Max) != len(q.Categories)-1 {
			t.Errorf("%s is a %s with %d categories up to code %v", q.Name, q.Kind, len(q.Categories), q.Max)
		}
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), q.Max + 1, q.Min - 1} {
			if q.Valid(bad) {
				t.Errorf("%s takes %v", q.Name, bad)
			}
		}
		if !q.Valid(q.Min) || !q.Valid(q.Max) {
			t.Errorf("%s refuses its own bounds %v and %v", q.Name, q.Min, q.Max)
		}
	}
	// The names that design and contract promise.
	for _, name := range strings.Fields(`vehicle_count vehicle_count_car vehicle_count_truck vehicle_count_bus
		vehicle_count_motorcycle vehicle_count_bicycle pedestrian_count speed_mean speed_p85 occupancy headway
		voltage current power_active power_reactive power_apparent power_factor frequency energy_import energy_export load
		surface_temperature freezing_temperature surface_state water_film ice_fraction friction roughness_iri vibration_rms
		air_temperature relative_humidity air_pressure pm10 pm2_5 no2 o3 noise_laeq precipitation wind_speed wind_direction
		parking_occupied thd_voltage thd_current energy_reactive_import energy_reactive_export oil_temperature pulse_count volume
		subsurface_temperature salinity dew_point pm1 co2 no so2 co nh3 noise_lamax noise_lamin illuminance solar_irradiance
		uv_index soil_temperature soil_moisture water_level snow_depth distance
		battery_voltage battery_level link_margin device_temperature
		traffic_state voltage_unbalance voltage_within voltage_quality voltage_unbalance_within voltage_unbalance_quality
		frequency_within frequency_quality`) {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
		delete(seen, name)
	}
	for name := range seen {
		t.Errorf("%s is not in this test's list", name)
	}
	if _, ok := Lookup("speed"); ok {
		t.Error("an unknown quantity was found")
	}
}

func TestDerived(t *testing.T) {
	want := strings.Fields(`traffic_state voltage_within voltage_quality voltage_unbalance_within voltage_unbalance_quality
		frequency_within frequency_quality`)
	var got []string
	for _, q := range Quantities() {
		if q.Derived {
			got = append(got, q.Name)
		}
	}
	// A quantity whose name is misspelt in the list is missing here.
	if !slices.Equal(got, want) || len(derived) != len(want) {
		t.Errorf("derived are %q, want %q", got, want)
	}
	// What a better device may measure itself is not refused from it.
	for _, name := range []string{"load", "voltage_unbalance", "surface_state"} {
		if q, _ := Lookup(name); q.Derived {
			t.Errorf("no device may report %s", name)
		}
	}
}

func TestCategory(t *testing.T) {
	q, _ := Lookup("surface_state")
	for code, text := range q.Categories {
		if got := q.Text(float64(code)); got != text {
			t.Errorf("code %d is %q, want %q", code, got, text)
		}
		if got, ok := q.Code(text); !ok || got != float64(code) {
			t.Errorf("%q has code %v, want %d", text, got, code)
		}
	}
	if q.Valid(1.5) || q.Text(1.5) != "" {
		t.Error("half a category was taken")
	}
	if _, ok := q.Code("lava"); ok {
		t.Error("an unknown state has a code")
	}
}

func TestKeysAreNeverShown(t *testing.T) {
	const digits = "00112233445566778899aabbccddeeff"
	key, err := ParseKey(strings.ToUpper(digits))
	if err != nil {
		t.Fatal(err)
	}
	if key.Hex() != digits {
		t.Errorf("key is %s", key.Hex())
	}
	d := Device{EUI: uplink.EUI{1}, Keys: Keys{AppKey: key, NwkKey: key, NwkSKey: key, AppSKey: key, SNwkSIntKey: key, NwkSEncKey: key}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("device", "device", fmt.Sprint(d), "key", key, "keys", d.Keys)
	slog.New(slog.NewTextHandler(&log, nil)).Info("device", "device", d, "key", key)
	shown := fmt.Sprintf("%v %+v %#v %s %x %X %q %d", d, d, d, key, key, key, key, key) + log.String()
	for _, form := range []string{digits, strings.ToUpper(digits), "17, 34, 51", "17 34 51", "0x11"} {
		if strings.Contains(shown, form) {
			t.Errorf("the key is shown as %q in:\n%s", form, shown)
		}
	}
	for _, bad := range []string{"", digits[:31], digits + "0", strings.Repeat("x", 32)} {
		if _, err := ParseKey(bad); err == nil || len(bad) > 8 && strings.Contains(err.Error(), bad[:8]) {
			t.Errorf("key %q: error %v", bad, err)
		}
	}
	if data, err := json.Marshal(d); err != nil || strings.Contains(string(data), "17,34,51") {
		t.Errorf("JSON shows the key: %s (%v)", data, err)
	}
}

func TestTwoRoots(t *testing.T) {
	for _, version := range append(LoRaWANVersions(), "") {
		if got, want := (LoRaWAN{Version: version}).TwoRoots(), version == "1.1.0"; got != want {
			t.Errorf("LoRaWAN %q has keys for network and application: %v", version, got)
		}
	}
}

func TestAggregateValue(t *testing.T) {
	a := Aggregate{Mean: 1, Sum: 2, Mode: 3}
	for name, want := range map[string]float64{"voltage": 1, "vehicle_count": 2, "energy_import": 2, "surface_state": 3} {
		q, _ := Lookup(name)
		a.Quantity = q
		if got := a.Value(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
