package devices

import (
	"slices"
	"time"

	"modellregion/uplink"
)

// Kind says how the values of a quantity behave and so how they may be
// aggregated.
type Kind string

// The four kinds.
const (
	Gauge    Kind = "gauge"    // a level at an instant or its mean: average it
	Count    Kind = "count"    // events since the last report: add it up
	Meter    Kind = "meter"    // ever growing: take differences
	Category Kind = "category" // a code of Quantity.Categories: take the most frequent
)

// Quantity fixes what a named number means. The unit is a UCUM code; Min and
// Max bound what is physically possible for the sensors in the field, and a
// value outside is a fault, not a measurement.
type Quantity struct {
	Name     string // as on the wire and in storage: "speed_mean"
	Domain   uplink.Domain
	Unit     string // UCUM: "km/h", "Cel", "1"
	Kind     Kind
	Min, Max float64
	De, En   string // one line for people
	// Categories are the texts of a category's codes 0, 1, 2 …
	Categories []string

	// What is beyond these is doubted; 0 where nothing is known.
	MaxPerMinute float64       // change of a gauge or meter in a minute, in Unit
	MaxStill     time.Duration // time for which a gauge has exactly one value
}

// Symbol returns the unit as people write it: "°C" for the UCUM code "Cel".
func (q *Quantity) Symbol() string {
	switch q.Unit {
	case "1", "{#}", "{category}":
		return ""
	case "Cel":
		return "°C"
	case "W.h":
		return "Wh"
	case "var.h":
		return "varh"
	case "V.A":
		return "VA"
	case "ug/m3":
		return "µg/m³"
	case "um":
		return "µm"
	case "m/s2":
		return "m/s²"
	case "W/m2":
		return "W/m²"
	case "m3":
		return "m³"
	case "[ppm]":
		return "ppm"
	case "deg":
		return "°"
	default:
		return q.Unit
	}
}

// Valid reports whether v is possible for the quantity. NaN and infinities
// never are; a category takes only the codes it has.
func (q *Quantity) Valid(v float64) bool {
	if q.Kind == Category {
		return v >= 0 && v < float64(len(q.Categories)) && v == float64(int(v))
	}
	return v >= q.Min && v <= q.Max // false for NaN
}

// Text returns the name of a category's code, or "" for a code it lacks.
func (q *Quantity) Text(v float64) string {
	if q.Kind != Category || !q.Valid(v) {
		return ""
	}
	return q.Categories[int(v)]
}

// Code returns the code of a category's text, and false for a text it lacks.
func (q *Quantity) Code(text string) (float64, bool) {
	i := slices.Index(q.Categories, text)
	return float64(i), i >= 0
}

// Lookup returns the quantity of that name, and false when there is none.
func Lookup(name string) (*Quantity, bool) {
	q, ok := byName[name]
	return q, ok
}

// Quantities returns all quantities, by domain and in the order of the table.
// The caller must not change them.
func Quantities() []*Quantity { return slices.Clone(inOrder) }

var inOrder, byName = func() ([]*Quantity, map[string]*Quantity) {
	named := make(map[string]*Quantity, len(table))
	var ordered []*Quantity
	for i := range table {
		q := &table[i]
		q.MaxPerMinute, q.MaxStill = changes[q.Name].perMinute, changes[q.Name].still
		ordered, named[q.Name] = append(ordered, q), q
	}
	return ordered, named
}()

// Health is the domain of the quantities that every device may report; it is
// no domain of the wire: they travel with the domain of their device.
const Health uplink.Domain = "health"

// SurfaceStates are the codes of surface_state, after DATEX II
// WeatherRelatedRoadConditionTypeEnum and the German TLS codes.
var surfaceStates = []string{"unknown", "dry", "moist", "wet", "slush", "snow", "ice", "hoarfrost"}

// parkingStates are the codes of parking_occupied.
var parkingStates = []string{"free", "occupied"}

// The table. Bounds are those of the sensors and networks in the field:
// low-voltage grids for voltages, the record of the German weather service
// with a margin for temperatures, one detector in one report for counts.
var table = []Quantity{
	{"vehicle_count", uplink.Traffic, "{#}", Count, 0, 100_000, "Fahrzeuge im Berichtszeitraum", "vehicles in the reporting interval", nil, 0, 0},
	{"vehicle_count_car", uplink.Traffic, "{#}", Count, 0, 100_000, "Pkw im Berichtszeitraum", "cars in the reporting interval", nil, 0, 0},
	{"vehicle_count_truck", uplink.Traffic, "{#}", Count, 0, 100_000, "Lkw im Berichtszeitraum", "trucks in the reporting interval", nil, 0, 0},
	{"vehicle_count_bus", uplink.Traffic, "{#}", Count, 0, 100_000, "Busse im Berichtszeitraum", "buses in the reporting interval", nil, 0, 0},
	{"vehicle_count_motorcycle", uplink.Traffic, "{#}", Count, 0, 100_000, "Motorräder im Berichtszeitraum", "motorcycles in the reporting interval", nil, 0, 0},
	{"vehicle_count_bicycle", uplink.Traffic, "{#}", Count, 0, 100_000, "Fahrräder im Berichtszeitraum", "bicycles in the reporting interval", nil, 0, 0},
	{"pedestrian_count", uplink.Traffic, "{#}", Count, 0, 100_000, "Fußgänger im Berichtszeitraum", "pedestrians in the reporting interval", nil, 0, 0},
	{"speed_mean", uplink.Traffic, "km/h", Gauge, 0, 300, "mittlere Geschwindigkeit", "mean speed", nil, 0, 0},
	{"speed_p85", uplink.Traffic, "km/h", Gauge, 0, 300, "Geschwindigkeit, die 85 % nicht überschreiten", "speed that 85 % do not exceed", nil, 0, 0},
	{"occupancy", uplink.Traffic, "1", Gauge, 0, 1, "Anteil der Zeit, in der ein Fahrzeug über dem Detektor steht", "share of time a vehicle is over the detector", nil, 0, 0},
	{"headway", uplink.Traffic, "s", Gauge, 0, 86_400, "mittlerer zeitlicher Abstand der Fahrzeuge", "mean time between vehicles", nil, 0, 0},
	{"parking_occupied", uplink.Traffic, "{category}", Category, 0, 1, "Belegung eines Stellplatzes", "whether a parking space is taken", parkingStates, 0, 0},

	{"voltage", uplink.Energy, "V", Gauge, 0, 1_000, "Spannung Leiter gegen Neutralleiter", "voltage, phase to neutral", nil, 0, 0},
	{"current", uplink.Energy, "A", Gauge, -10_000, 10_000, "Strom", "current", nil, 0, 0},
	{"power_active", uplink.Energy, "W", Gauge, -50e6, 50e6, "Wirkleistung, negativ bei Einspeisung", "active power, negative when feeding in", nil, 0, 0},
	{"power_reactive", uplink.Energy, "var", Gauge, -50e6, 50e6, "Blindleistung", "reactive power", nil, 0, 0},
	{"power_apparent", uplink.Energy, "V.A", Gauge, 0, 50e6, "Scheinleistung", "apparent power", nil, 0, 0},
	{"power_factor", uplink.Energy, "1", Gauge, -1, 1, "Leistungsfaktor", "power factor", nil, 0, 0},
	{"frequency", uplink.Energy, "Hz", Gauge, 40, 60, "Netzfrequenz", "mains frequency", nil, 0, 0},
	{"energy_import", uplink.Energy, "W.h", Meter, 0, 1e15, "Zählerstand Bezug", "meter reading, imported energy", nil, 0, 0},
	{"energy_export", uplink.Energy, "W.h", Meter, 0, 1e15, "Zählerstand Einspeisung", "meter reading, exported energy", nil, 0, 0},
	{"load", uplink.Energy, "%", Gauge, 0, 1_000, "Auslastung des Transformators", "load of the transformer", nil, 0, 0},
	{"thd_voltage", uplink.Energy, "%", Gauge, 0, 1_000, "Oberschwingungsgehalt der Spannung", "total harmonic distortion of the voltage", nil, 0, 0},
	{"thd_current", uplink.Energy, "%", Gauge, 0, 1_000, "Oberschwingungsgehalt des Stroms", "total harmonic distortion of the current", nil, 0, 0},
	{"energy_reactive_import", uplink.Energy, "var.h", Meter, 0, 1e15, "Zählerstand Blindenergie, Bezug", "meter reading, imported reactive energy", nil, 0, 0},
	{"energy_reactive_export", uplink.Energy, "var.h", Meter, 0, 1e15, "Zählerstand Blindenergie, Einspeisung", "meter reading, exported reactive energy", nil, 0, 0},
	{"oil_temperature", uplink.Energy, "Cel", Gauge, -50, 200, "Öltemperatur des Transformators", "oil temperature of the transformer", nil, 0, 0},
	{"pulse_count", uplink.Energy, "{#}", Meter, 0, 1e15, "Zählerstand in Impulsen", "meter reading in pulses", nil, 0, 0},
	{"volume", uplink.Energy, "m3", Meter, 0, 1e12, "Zählerstand Volumen (Gas, Wasser)", "meter reading, volume of gas or water", nil, 0, 0},

	{"surface_temperature", uplink.Road, "Cel", Gauge, -50, 90, "Temperatur der Fahrbahnoberfläche", "temperature of the road surface", nil, 0, 0},
	{"freezing_temperature", uplink.Road, "Cel", Gauge, -50, 10, "Gefriertemperatur der Flüssigkeit auf der Fahrbahn", "freezing temperature of the liquid on the road", nil, 0, 0},
	{"surface_state", uplink.Road, "{category}", Category, 0, 7, "Zustand der Fahrbahnoberfläche", "state of the road surface", surfaceStates, 0, 0},
	{"water_film", uplink.Road, "um", Gauge, 0, 10_000, "Dicke des Wasserfilms", "thickness of the water film", nil, 0, 0},
	{"ice_fraction", uplink.Road, "1", Gauge, 0, 1, "Eisanteil", "share of ice", nil, 0, 0},
	{"friction", uplink.Road, "1", Gauge, 0, 1, "Griffigkeit", "friction", nil, 0, 0},
	{"roughness_iri", uplink.Road, "m/km", Gauge, 0, 50, "Längsebenheit (International Roughness Index)", "roughness (International Roughness Index)", nil, 0, 0},
	{"vibration_rms", uplink.Road, "m/s2", Gauge, 0, 500, "Schwingbeschleunigung, Effektivwert", "vibration, root mean square", nil, 0, 0},
	{"subsurface_temperature", uplink.Road, "Cel", Gauge, -50, 90, "Temperatur unter der Fahrbahnoberfläche", "temperature below the road surface", nil, 0, 0},
	{"salinity", uplink.Road, "%", Gauge, 0, 100, "Salzgehalt der Flüssigkeit auf der Fahrbahn", "salt in the liquid on the road", nil, 0, 0},

	{"air_temperature", uplink.Environment, "Cel", Gauge, -50, 60, "Lufttemperatur", "air temperature", nil, 0, 0},
	{"relative_humidity", uplink.Environment, "%", Gauge, 0, 100, "relative Luftfeuchte", "relative humidity", nil, 0, 0},
	{"air_pressure", uplink.Environment, "hPa", Gauge, 800, 1_100, "Luftdruck am Ort", "air pressure at the place", nil, 0, 0},
	{"pm10", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM10", "particulate matter PM10", nil, 0, 0},
	{"pm2_5", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM2,5", "particulate matter PM2.5", nil, 0, 0},
	{"no2", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Stickstoffdioxid", "nitrogen dioxide", nil, 0, 0},
	{"o3", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Ozon", "ozone", nil, 0, 0},
	{"noise_laeq", uplink.Environment, "dB", Gauge, 0, 160, "äquivalenter Dauerschallpegel, A-bewertet", "equivalent continuous sound level, A-weighted", nil, 0, 0},
	{"precipitation", uplink.Environment, "mm", Count, 0, 200, "Niederschlag im Berichtszeitraum", "precipitation in the reporting interval", nil, 0, 0},
	{"wind_speed", uplink.Environment, "m/s", Gauge, 0, 120, "Windgeschwindigkeit", "wind speed", nil, 0, 0},
	{"wind_direction", uplink.Environment, "deg", Gauge, 0, 360, "Richtung, aus der der Wind weht", "direction the wind blows from", nil, 0, 0},
	{"dew_point", uplink.Environment, "Cel", Gauge, -80, 60, "Taupunkt", "dew point", nil, 0, 0},
	{"pm1", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM1", "particulate matter PM1", nil, 0, 0},
	{"co2", uplink.Environment, "[ppm]", Gauge, 0, 50_000, "Kohlendioxid", "carbon dioxide", nil, 0, 0},
	{"no", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Stickstoffmonoxid", "nitrogen monoxide", nil, 0, 0},
	{"so2", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Schwefeldioxid", "sulphur dioxide", nil, 0, 0},
	{"co", uplink.Environment, "ug/m3", Gauge, 0, 1_000_000, "Kohlenmonoxid", "carbon monoxide", nil, 0, 0},
	{"nh3", uplink.Environment, "ug/m3", Gauge, 0, 100_000, "Ammoniak", "ammonia", nil, 0, 0},
	{"noise_lamax", uplink.Environment, "dB", Gauge, 0, 160, "höchster Schallpegel, A-bewertet", "maximum sound level, A-weighted", nil, 0, 0},
	{"noise_lamin", uplink.Environment, "dB", Gauge, 0, 160, "niedrigster Schallpegel, A-bewertet", "minimum sound level, A-weighted", nil, 0, 0},
	{"illuminance", uplink.Environment, "lx", Gauge, 0, 200_000, "Beleuchtungsstärke", "illuminance", nil, 0, 0},
	{"solar_irradiance", uplink.Environment, "W/m2", Gauge, 0, 2_000, "Globalstrahlung", "solar irradiance", nil, 0, 0},
	{"uv_index", uplink.Environment, "1", Gauge, 0, 20, "UV-Index", "UV index", nil, 0, 0},
	{"soil_temperature", uplink.Environment, "Cel", Gauge, -50, 80, "Bodentemperatur", "soil temperature", nil, 0, 0},
	{"soil_moisture", uplink.Environment, "%", Gauge, 0, 100, "Bodenfeuchte", "soil moisture", nil, 0, 0},
	{"water_level", uplink.Environment, "m", Gauge, -100, 1_000, "Wasserstand", "water level", nil, 0, 0},
	{"snow_depth", uplink.Environment, "m", Gauge, 0, 20, "Schneehöhe", "snow depth", nil, 0, 0},
	{"distance", uplink.Environment, "m", Gauge, 0, 1_000, "Abstand zum nächsten Gegenstand", "distance to whatever is next", nil, 0, 0},

	{"battery_voltage", Health, "V", Gauge, 0, 60, "Batteriespannung", "battery voltage", nil, 0, 0},
	{"battery_level", Health, "%", Gauge, 0, 100, "Ladestand der Batterie", "battery level", nil, 0, 0},
	{"link_margin", Health, "dB", Gauge, -32, 31, "Empfangsreserve am Gerät", "margin of the signal at the device", nil, 0, 0},
	{"device_temperature", Health, "Cel", Gauge, -60, 150, "Temperatur im Gerät", "temperature inside the device", nil, 0, 0},
}
