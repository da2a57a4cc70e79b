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

	// Derived is set where the platform alone computes the quantity, from
	// others (package opendata/derived): no device may report it.
	Derived bool
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
	for _, l := range table {
		q := &Quantity{
			Name: l.name, Domain: l.domain, Unit: l.unit, Kind: l.kind, Min: l.min, Max: l.max, De: l.de, En: l.en, Categories: l.categories,
			MaxPerMinute: changes[l.name].perMinute, MaxStill: changes[l.name].still, Derived: slices.Contains(derived, l.name),
		}
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

// trafficStates are the codes of traffic_state, after DATEX II
// TrafficStatusEnum (EN 16157-5), whose "queuing" is congested here.
var trafficStates = []string{"unknown", "free", "heavy", "slow", "congested"}

// verdicts are the codes of the quantities that say whether the limits of
// EN 50160 were kept in a week; preliminary until the week is over.
var verdicts = []string{"unknown", "preliminary_met", "preliminary_missed", "met", "missed"}

// derived are the quantities that no device reports. Others are computed only
// where no device reports them: load, voltage_unbalance and surface_state.
var derived = []string{
	"traffic_state",
	"voltage_within", "voltage_quality", "voltage_unbalance_within", "voltage_unbalance_quality", "frequency_within", "frequency_quality",
}

// The table. Bounds are those of the sensors and networks in the field:
// low-voltage grids for voltages, the record of the German weather service
// with a margin for temperatures, one detector in one report for counts.
var table = []struct {
	name       string
	domain     uplink.Domain
	unit       string
	kind       Kind
	min, max   float64
	de, en     string
	categories []string
}{
	{"vehicle_count", uplink.Traffic, "{#}", Count, 0, 100_000, "Fahrzeuge im Berichtszeitraum", "vehicles in the reporting interval", nil},
	{"vehicle_count_car", uplink.Traffic, "{#}", Count, 0, 100_000, "Pkw im Berichtszeitraum", "cars in the reporting interval", nil},
	{"vehicle_count_truck", uplink.Traffic, "{#}", Count, 0, 100_000, "Lkw im Berichtszeitraum", "trucks in the reporting interval", nil},
	{"vehicle_count_bus", uplink.Traffic, "{#}", Count, 0, 100_000, "Busse im Berichtszeitraum", "buses in the reporting interval", nil},
	{"vehicle_count_motorcycle", uplink.Traffic, "{#}", Count, 0, 100_000, "Motorräder im Berichtszeitraum", "motorcycles in the reporting interval", nil},
	{"vehicle_count_bicycle", uplink.Traffic, "{#}", Count, 0, 100_000, "Fahrräder im Berichtszeitraum", "bicycles in the reporting interval", nil},
	{"pedestrian_count", uplink.Traffic, "{#}", Count, 0, 100_000, "Fußgänger im Berichtszeitraum", "pedestrians in the reporting interval", nil},
	{"speed_mean", uplink.Traffic, "km/h", Gauge, 0, 300, "mittlere Geschwindigkeit", "mean speed", nil},
	{"speed_p85", uplink.Traffic, "km/h", Gauge, 0, 300, "Geschwindigkeit, die 85 % nicht überschreiten", "speed that 85 % do not exceed", nil},
	{"occupancy", uplink.Traffic, "1", Gauge, 0, 1, "Anteil der Zeit, in der ein Fahrzeug über dem Detektor steht", "share of time a vehicle is over the detector", nil},
	{"headway", uplink.Traffic, "s", Gauge, 0, 86_400, "mittlerer zeitlicher Abstand der Fahrzeuge", "mean time between vehicles", nil},
	{"parking_occupied", uplink.Traffic, "{category}", Category, 0, 1, "Belegung eines Stellplatzes", "whether a parking space is taken", parkingStates},
	{"traffic_state", uplink.Traffic, "{category}", Category, 0, 4, "Verkehrslage", "traffic state", trafficStates},

	{"voltage", uplink.Energy, "V", Gauge, 0, 1_000, "Spannung Leiter gegen Neutralleiter", "voltage, phase to neutral", nil},
	{"current", uplink.Energy, "A", Gauge, -10_000, 10_000, "Strom", "current", nil},
	{"power_active", uplink.Energy, "W", Gauge, -50e6, 50e6, "Wirkleistung, negativ bei Einspeisung", "active power, negative when feeding in", nil},
	{"power_reactive", uplink.Energy, "var", Gauge, -50e6, 50e6, "Blindleistung", "reactive power", nil},
	{"power_apparent", uplink.Energy, "V.A", Gauge, 0, 50e6, "Scheinleistung", "apparent power", nil},
	{"power_factor", uplink.Energy, "1", Gauge, -1, 1, "Leistungsfaktor", "power factor", nil},
	{"frequency", uplink.Energy, "Hz", Gauge, 40, 60, "Netzfrequenz", "mains frequency", nil},
	{"energy_import", uplink.Energy, "W.h", Meter, 0, 1e15, "Zählerstand Bezug", "meter reading, imported energy", nil},
	{"energy_export", uplink.Energy, "W.h", Meter, 0, 1e15, "Zählerstand Einspeisung", "meter reading, exported energy", nil},
	{"load", uplink.Energy, "%", Gauge, 0, 1_000, "Auslastung des Transformators", "load of the transformer", nil},
	{"thd_voltage", uplink.Energy, "%", Gauge, 0, 1_000, "Oberschwingungsgehalt der Spannung", "total harmonic distortion of the voltage", nil},
	{"thd_current", uplink.Energy, "%", Gauge, 0, 1_000, "Oberschwingungsgehalt des Stroms", "total harmonic distortion of the current", nil},
	{"energy_reactive_import", uplink.Energy, "var.h", Meter, 0, 1e15, "Zählerstand Blindenergie, Bezug", "meter reading, imported reactive energy", nil},
	{"energy_reactive_export", uplink.Energy, "var.h", Meter, 0, 1e15, "Zählerstand Blindenergie, Einspeisung", "meter reading, exported reactive energy", nil},
	{"oil_temperature", uplink.Energy, "Cel", Gauge, -50, 200, "Öltemperatur des Transformators", "oil temperature of the transformer", nil},
	{"pulse_count", uplink.Energy, "{#}", Meter, 0, 1e15, "Zählerstand in Impulsen", "meter reading in pulses", nil},
	{"volume", uplink.Energy, "m3", Meter, 0, 1e12, "Zählerstand Volumen (Gas, Wasser)", "meter reading, volume of gas or water", nil},
	{"voltage_unbalance", uplink.Energy, "%", Gauge, 0, 100, "Unsymmetrie der Spannung", "voltage unbalance", nil},
	{"voltage_within", uplink.Energy, "%", Gauge, 0, 100, "Anteil der 10-Minuten-Mittel der Spannung von 207 bis 253 V", "share of the 10-minute means of voltage from 207 to 253 V", nil},
	{"voltage_quality", uplink.Energy, "{category}", Category, 0, 4, "Spannung nach EN 50160", "voltage against EN 50160", verdicts},
	{"voltage_unbalance_within", uplink.Energy, "%", Gauge, 0, 100, "Anteil der 10-Minuten-Mittel der Unsymmetrie bis 2 %", "share of the 10-minute means of unbalance up to 2 %", nil},
	{"voltage_unbalance_quality", uplink.Energy, "{category}", Category, 0, 4, "Unsymmetrie der Spannung nach EN 50160", "voltage unbalance against EN 50160", verdicts},
	{"frequency_within", uplink.Energy, "%", Gauge, 0, 100, "Anteil der Netzfrequenz von 49,5 bis 50,5 Hz", "share of the mains frequency from 49.5 to 50.5 Hz", nil},
	{"frequency_quality", uplink.Energy, "{category}", Category, 0, 4, "Netzfrequenz nach EN 50160", "mains frequency against EN 50160", verdicts},

	{"surface_temperature", uplink.Road, "Cel", Gauge, -50, 90, "Temperatur der Fahrbahnoberfläche", "temperature of the road surface", nil},
	{"freezing_temperature", uplink.Road, "Cel", Gauge, -50, 10, "Gefriertemperatur der Flüssigkeit auf der Fahrbahn", "freezing temperature of the liquid on the road", nil},
	{"surface_state", uplink.Road, "{category}", Category, 0, 7, "Zustand der Fahrbahnoberfläche", "state of the road surface", surfaceStates},
	{"water_film", uplink.Road, "um", Gauge, 0, 10_000, "Dicke des Wasserfilms", "thickness of the water film", nil},
	{"ice_fraction", uplink.Road, "1", Gauge, 0, 1, "Eisanteil", "share of ice", nil},
	{"friction", uplink.Road, "1", Gauge, 0, 1, "Griffigkeit", "friction", nil},
	{"roughness_iri", uplink.Road, "m/km", Gauge, 0, 50, "Längsebenheit (International Roughness Index)", "roughness (International Roughness Index)", nil},
	{"vibration_rms", uplink.Road, "m/s2", Gauge, 0, 500, "Schwingbeschleunigung, Effektivwert", "vibration, root mean square", nil},
	{"subsurface_temperature", uplink.Road, "Cel", Gauge, -50, 90, "Temperatur unter der Fahrbahnoberfläche", "temperature below the road surface", nil},
	{"salinity", uplink.Road, "%", Gauge, 0, 100, "Salzgehalt der Flüssigkeit auf der Fahrbahn", "salt in the liquid on the road", nil},

	{"air_temperature", uplink.Environment, "Cel", Gauge, -50, 60, "Lufttemperatur", "air temperature", nil},
	{"relative_humidity", uplink.Environment, "%", Gauge, 0, 100, "relative Luftfeuchte", "relative humidity", nil},
	{"air_pressure", uplink.Environment, "hPa", Gauge, 800, 1_100, "Luftdruck am Ort", "air pressure at the place", nil},
	{"pm10", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM10", "particulate matter PM10", nil},
	{"pm2_5", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM2,5", "particulate matter PM2.5", nil},
	{"no2", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Stickstoffdioxid", "nitrogen dioxide", nil},
	{"o3", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Ozon", "ozone", nil},
	{"noise_laeq", uplink.Environment, "dB", Gauge, 0, 160, "äquivalenter Dauerschallpegel, A-bewertet", "equivalent continuous sound level, A-weighted", nil},
	{"precipitation", uplink.Environment, "mm", Count, 0, 200, "Niederschlag im Berichtszeitraum", "precipitation in the reporting interval", nil},
	{"wind_speed", uplink.Environment, "m/s", Gauge, 0, 120, "Windgeschwindigkeit", "wind speed", nil},
	{"wind_direction", uplink.Environment, "deg", Gauge, 0, 360, "Richtung, aus der der Wind weht", "direction the wind blows from", nil},
	{"dew_point", uplink.Environment, "Cel", Gauge, -80, 60, "Taupunkt", "dew point", nil},
	{"pm1", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Feinstaub PM1", "particulate matter PM1", nil},
	{"co2", uplink.Environment, "[ppm]", Gauge, 0, 50_000, "Kohlendioxid", "carbon dioxide", nil},
	{"no", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Stickstoffmonoxid", "nitrogen monoxide", nil},
	{"so2", uplink.Environment, "ug/m3", Gauge, 0, 10_000, "Schwefeldioxid", "sulphur dioxide", nil},
	{"co", uplink.Environment, "ug/m3", Gauge, 0, 1_000_000, "Kohlenmonoxid", "carbon monoxide", nil},
	{"nh3", uplink.Environment, "ug/m3", Gauge, 0, 100_000, "Ammoniak", "ammonia", nil},
	{"noise_lamax", uplink.Environment, "dB", Gauge, 0, 160, "höchster Schallpegel, A-bewertet", "maximum sound level, A-weighted", nil},
	{"noise_lamin", uplink.Environment, "dB", Gauge, 0, 160, "niedrigster Schallpegel, A-bewertet", "minimum sound level, A-weighted", nil},
	{"illuminance", uplink.Environment, "lx", Gauge, 0, 200_000, "Beleuchtungsstärke", "illuminance", nil},
	{"solar_irradiance", uplink.Environment, "W/m2", Gauge, 0, 2_000, "Globalstrahlung", "solar irradiance", nil},
	{"uv_index", uplink.Environment, "1", Gauge, 0, 20, "UV-Index", "UV index", nil},
	{"soil_temperature", uplink.Environment, "Cel", Gauge, -50, 80, "Bodentemperatur", "soil temperature", nil},
	{"soil_moisture", uplink.Environment, "%", Gauge, 0, 100, "Bodenfeuchte", "soil moisture", nil},
	{"water_level", uplink.Environment, "m", Gauge, -100, 1_000, "Wasserstand", "water level", nil},
	{"snow_depth", uplink.Environment, "m", Gauge, 0, 20, "Schneehöhe", "snow depth", nil},
	{"distance", uplink.Environment, "m", Gauge, 0, 1_000, "Abstand zum nächsten Gegenstand", "distance to whatever is next", nil},

	{"battery_voltage", Health, "V", Gauge, 0, 60, "Batteriespannung", "battery voltage", nil},
	{"battery_level", Health, "%", Gauge, 0, 100, "Ladestand der Batterie", "battery level", nil},
	{"link_margin", Health, "dB", Gauge, -32, 31, "Empfangsreserve am Gerät", "margin of the signal at the device", nil},
	{"device_temperature", Health, "Cel", Gauge, -60, 150, "Temperatur im Gerät", "temperature inside the device", nil},
}
