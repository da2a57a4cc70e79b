package opendata

import (
	"fmt"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Text is a text for people in the two languages of the public side.
type Text struct {
	De string `yaml:"de"`
	En string `yaml:"en"`
}

// In returns the text in a language, "en" or else German.
func (t Text) In(lang string) string {
	if lang == "en" {
		return t.En
	}
	return t.De
}

// Dataset declares one published table: quantities of one domain, aggregated
// over windows.
type Dataset struct {
	ID          string        `yaml:"id"` // part of URLs, file names and storage: a-z, 0-9 and inner hyphens
	Domain      uplink.Domain `yaml:"domain"`
	Title       Text          `yaml:"title"`
	Description Text          `yaml:"description"`
	Quantities  []string      `yaml:"quantities"`  // names as in package devices, the most telling first
	Windows     []Window      `yaml:"windows"`     // the shortest first
	Grouping    Grouping      `yaml:"grouping"`    // empty: by station
	Percentiles []int         `yaml:"percentiles"` // of gauges, 1 to 99, ascending
	Licence     Licence       `yaml:"licence"`
	Publisher   string        `yaml:"publisher"`  // who answers for the data: "Stadt Paderborn"; empty: that of the region
	Contact     string        `yaml:"contact"`    // empty: that of the region
	Themes      []string      `yaml:"themes"`     // EU data themes: TRAN, ENER, ENVI …
	Households  *Households   `yaml:"households"` // makes it one of the consumption of household meters; nil: none of them is in it
}

// Households is the privacy rule of a dataset of household meters. What it
// leaves out has the values of docs: K 5, Delay 24 h.
type Households struct {
	K     int           `yaml:"k"`     // least number of connection users in a published cell; at least 5 (MsbG §52)
	Delay time.Duration `yaml:"delay"` // after the end of a day until it is published; at least 24 h
	Total bool          `yaml:"total"` // also publish the day's sum of each municipality
}

// Base returns the shortest window, which charts and the latest values show.
func (d *Dataset) Base() Window { return d.Windows[0] }

// Licence is what users may do with a dataset.
type Licence struct {
	ID   string // as in the licence list of DCAT-AP.de: "dl-zero-de/2.0"
	Name string // for people
	URL  string // of its text
}

// DataLicenceZero is Datenlizenz Deutschland – Zero – 2.0: any use, no
// conditions.
func DataLicenceZero() Licence {
	return Licence{
		ID:   "dl-zero-de/2.0",
		Name: "Datenlizenz Deutschland – Zero – Version 2.0",
		URL:  "https://www.govdata.de/dl-de/zero-2-0",
	}
}

// Has reports whether the dataset publishes the quantity.
func (d *Dataset) Has(q *devices.Quantity) bool { return slices.Contains(d.Quantities, q.Name) }

// Check returns what is wrong with the declaration, or nil.
func (d *Dataset) Check() error {
	switch {
	case !validID(d.ID):
		return fmt.Errorf("dataset id %.64q: want 1 to 64 of a-z, 0-9 and inner hyphens, like verkehr", d.ID)
	case !d.Domain.Valid():
		return fmt.Errorf("dataset %s: unknown domain %q, want one of %v", d.ID, d.Domain, uplink.Domains())
	case len(d.Windows) == 0:
		return fmt.Errorf("dataset %s: no windows, want some of 1m, 15m, 1h, 1d", d.ID)
	case len(d.Quantities) == 0:
		return fmt.Errorf("dataset %s: no quantities", d.ID)
	}
	for _, name := range d.Quantities {
		q, ok := devices.Lookup(name)
		if !ok {
			return fmt.Errorf("dataset %s: unknown quantity %q", d.ID, name)
		}
		if q.Domain != d.Domain {
			return fmt.Errorf("dataset %s: quantity %s belongs to %s, not to %s", d.ID, name, q.Domain, d.Domain)
		}
	}
	return nil
}

func validID(id string) bool {
	ok := len(id) >= 1 && len(id) <= 64 && id[0] != '-' && id[len(id)-1] != '-'
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	return ok
}

// CheckAll checks each dataset and that no two share an id.
func CheckAll(datasets []Dataset) error {
	seen := map[string]bool{}
	for i := range datasets {
		d := &datasets[i]
		if err := d.Check(); err != nil {
			return err
		}
		if seen[d.ID] {
			return fmt.Errorf("dataset %s is declared twice", d.ID)
		}
		seen[d.ID] = true
	}
	return nil
}

// Defaults returns the four datasets that a region starts with, one for each
// domain.
//
// Some quantities are left out on purpose. Power, current and energy of a
// feeder can speak of single households as long as nobody counts who hangs on
// it. A mean over directions of wind or over decibels would be wrong, since a
// window's mean is arithmetic. Batteries are the operator's business.
func Defaults() []Dataset {
	windows := []Window{Quarter, Hour, Day24}
	zero := DataLicenceZero()
	return []Dataset{
		{
			ID: "verkehr", Domain: uplink.Traffic, Windows: windows, Licence: zero,
			Title: Text{"Verkehr", "Traffic"},
			Description: Text{
				"Wie viele Fahrzeuge, Fahrräder und Fußgänger an den Zählstellen vorbeikommen und wie schnell gefahren wird. Gezählt wird je Fahrstreifen; die Geschwindigkeit ist das Mittel der gemeldeten Werte.",
				"How many vehicles, bicycles and pedestrians pass the counting stations and how fast they drive. Counts are per lane; the speed is the mean of the values reported.",
			},
			Quantities: []string{"vehicle_count", "speed_mean", "occupancy", "vehicle_count_truck", "vehicle_count_car", "vehicle_count_bus",
				"vehicle_count_motorcycle", "vehicle_count_bicycle", "pedestrian_count", "speed_p85"},
		},
		{
			ID: "energienetz", Domain: uplink.Energy, Windows: windows, Licence: zero,
			Title: Text{"Energienetz", "Power grid"},
			Description: Text{
				"Spannung und Frequenz im Niederspannungsnetz und die Auslastung der Ortsnetztransformatoren. Leistungen und Verbräuche einzelner Anschlüsse werden nicht veröffentlicht.",
				"Voltage and frequency in the low-voltage grid and the load of its transformers. Power and consumption of single connections are not published.",
			},
			Quantities: []string{"voltage", "frequency", "load"},
		},
		{
			ID: "strassenzustand", Domain: uplink.Road, Windows: windows, Licence: zero,
			Title: Text{"Straßenzustand", "Road conditions"},
			Description: Text{
				"Temperatur und Zustand der Fahrbahn: trocken, feucht, nass, Schnee oder Eis, mit Wasserfilm, Griffigkeit und Ebenheit.",
				"Temperature and state of the road surface: dry, moist, wet, snow or ice, with water film, friction and roughness.",
			},
			Quantities: []string{"surface_temperature", "surface_state", "freezing_temperature", "water_film", "ice_fraction", "friction", "roughness_iri"},
		},
		{
			ID: "umwelt", Domain: uplink.Environment, Windows: windows, Licence: zero,
			Title: Text{"Umwelt", "Environment"},
			Description: Text{
				"Luft und Wetter: Temperatur, Feuchte, Luftdruck, Feinstaub, Stickstoffdioxid, Ozon, Niederschlag und Windgeschwindigkeit.",
				"Air and weather: temperature, humidity, air pressure, particulate matter, nitrogen dioxide, ozone, precipitation and wind speed.",
			},
			Quantities: []string{"air_temperature", "pm2_5", "pm10", "no2", "o3", "relative_humidity", "air_pressure", "precipitation", "wind_speed"},
		},
	}
}
