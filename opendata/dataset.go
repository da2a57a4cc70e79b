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
// over windows of one length.
type Dataset struct {
	ID          string // part of URLs, file names and storage: a-z, 0-9 and inner hyphens
	Domain      uplink.Domain
	Title       Text
	Description Text
	Quantities  []string      // names as in package devices, the most telling first
	Window      time.Duration // divides or is a multiple of devices.DirtyWindow, and divides an hour
	Licence     Licence
	Publisher   string // who answers for the data: "Stadt Paderborn"
}

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
	case d.Window <= 0 || time.Hour%d.Window != 0 || devices.DirtyWindow%d.Window != 0 && d.Window%devices.DirtyWindow != 0:
		return fmt.Errorf("dataset %s: window %s, want one that divides an hour and fits 15 minutes, like 15m", d.ID, d.Window)
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
	const window = 15 * time.Minute
	zero := DataLicenceZero()
	return []Dataset{
		{
			ID: "verkehr", Domain: uplink.Traffic, Window: window, Licence: zero,
			Title: Text{"Verkehr", "Traffic"},
			Description: Text{
				"Wie viele Fahrzeuge, Fahrräder und Fußgänger an den Zählstellen vorbeikommen und wie schnell gefahren wird. Gezählt wird je Fahrstreifen; die Geschwindigkeit ist das Mittel der gemeldeten Werte.",
				"How many vehicles, bicycles and pedestrians pass the counting stations and how fast they drive. Counts are per lane; the speed is the mean of the values reported.",
			},
			Quantities: []string{"vehicle_count", "speed_mean", "occupancy", "vehicle_count_truck", "vehicle_count_car", "vehicle_count_bus",
				"vehicle_count_motorcycle", "vehicle_count_bicycle", "pedestrian_count", "speed_p85"},
		},
		{
			ID: "energienetz", Domain: uplink.Energy, Window: window, Licence: zero,
			Title: Text{"Energienetz", "Power grid"},
			Description: Text{
				"Spannung und Frequenz im Niederspannungsnetz und die Auslastung der Ortsnetztransformatoren. Leistungen und Verbräuche einzelner Anschlüsse werden nicht veröffentlicht.",
				"Voltage and frequency in the low-voltage grid and the load of its transformers. Power and consumption of single connections are not published.",
			},
			Quantities: []string{"voltage", "frequency", "load"},
		},
		{
			ID: "strassenzustand", Domain: uplink.Road, Window: window, Licence: zero,
			Title: Text{"Straßenzustand", "Road conditions"},
			Description: Text{
				"Temperatur und Zustand der Fahrbahn: trocken, feucht, nass, Schnee oder Eis, mit Wasserfilm, Griffigkeit und Ebenheit.",
				"Temperature and state of the road surface: dry, moist, wet, snow or ice, with water film, friction and roughness.",
			},
			Quantities: []string{"surface_temperature", "surface_state", "freezing_temperature", "water_film", "ice_fraction", "friction", "roughness_iri"},
		},
		{
			ID: "umwelt", Domain: uplink.Environment, Window: window, Licence: zero,
			Title: Text{"Umwelt", "Environment"},
			Description: Text{
				"Luft und Wetter: Temperatur, Feuchte, Luftdruck, Feinstaub, Stickstoffdioxid, Ozon, Niederschlag und Windgeschwindigkeit.",
				"Air and weather: temperature, humidity, air pressure, particulate matter, nitrogen dioxide, ozone, precipitation and wind speed.",
			},
			Quantities: []string{"air_temperature", "pm2_5", "pm10", "no2", "o3", "relative_humidity", "air_pressure", "precipitation", "wind_speed"},
		},
	}
}
