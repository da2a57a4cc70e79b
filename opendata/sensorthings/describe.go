package sensorthings

import (
	"fmt"

	"modellregion/devices"
	"modellregion/opendata"
)

// Names and descriptions are for people, German first.

func (t *thing) describe(site *siteInfo, municipality string) {
	var de, en string
	switch site.kind {
	case opendata.ByRoad:
		de, en = "Straße oder Straßenabschnitt", "road or stretch of road"
	case opendata.ByDistrict:
		de, en = "Ortsteil", "district"
	case opendata.ByMunicipality:
		de, en = "Kommune", "municipality"
	default:
		de, en = "Messstelle", "measuring station"
	}
	t.description = de + " / " + en
	if municipality != "" && site.kind != opendata.ByMunicipality {
		t.description = fmt.Sprintf("%s in %s / %s in %[2]s", de, municipality, en)
	}
	t.kindText = fmt.Sprintf("Lage von %s / place of %[1]s", t.name)
	if site.kind != opendata.ByStation && len(site.Line) < 2 {
		t.kindText = fmt.Sprintf("Mitte der Messstellen von %s / middle of the stations of %[1]s", t.name)
	}
	t.properties = ofObject(
		member{"id", ofText(site.ID)},
		member{"kind", ofText(string(site.kind))},
		member{"municipality", ofText(site.Municipality)},
		member{"stations", texts(site.Stations)},
		member{"datasets", texts(site.sets)},
	)
}

// windowText is the length of a window in both languages.
func windowText(w opendata.Window) (de, en string) {
	switch w {
	case opendata.Minute:
		return "1 Minute", "1 minute"
	case opendata.TenMinutes:
		return "10 Minuten", "10 minutes"
	case opendata.Quarter:
		return "15 Minuten", "15 minutes"
	case opendata.Hour:
		return "1 Stunde", "1 hour"
	case opendata.Day24:
		return "1 Tag", "1 day"
	case opendata.Week:
		return "1 Woche", "1 week"
	}
	return w.String(), w.String()
}

func newSensor(number int64, d *opendata.Dataset, q *devices.Quantity) *sensor {
	de, en := windowText(d.Base())
	var deHow, enHow string
	switch q.Kind {
	case devices.Count:
		deHow, enHow = "Summe", "sum"
	case devices.Meter:
		deHow, enHow = "Zuwachs", "increase"
	case devices.Category:
		deHow, enHow = "Häufigster Wert", "most frequent value"
	default:
		deHow, enHow = "Mittel", "mean"
	}
	return &sensor{
		number: number,
		name:   fmt.Sprintf("%s über %s: %s (%s)", deHow, de, q.De, d.Title.De),
		description: fmt.Sprintf("%s der Messwerte aller Geräte in Fenstern von %s, im Datensatz %s / %s of the readings of all devices in windows of %s, in dataset %s",
			deHow, de, d.Title.De, enHow, en, d.Title.En),
		page: "/data/" + d.ID + "/",
		properties: ofObject(
			member{"dataset", ofText(d.ID)}, member{"quantity", ofText(q.Name)}, member{"window", ofText(d.Base().String())},
			member{"method", ofText(string(q.Kind))}),
	}
}

func newObserved(number int64, q *devices.Quantity) *observed {
	p := &observed{number: number, name: upper(q.De), description: quantityText(q), definition: definitions[q.Name]}
	members := []member{{"quantity", ofText(q.Name)}, {"nameEn", ofText(q.En)}}
	if q.Kind == devices.Category {
		var values []member
		for code, name := range q.Categories {
			values = append(values, member{name, ofObject(member{"name", ofText(name)}, member{"code", ofNumber(float64(code))})})
		}
		members = append(members, member{"values", ofObject(values...)})
	}
	p.properties = ofObject(members...)
	return p
}

// describe names the Datastream after what it tells of what.
func (d *datastream) describe() {
	channel := ""
	if d.key.channel != "" {
		channel = " " + d.key.channel
	}
	de, en := windowText(d.set.Base())
	d.name = fmt.Sprintf("%s%s: %s", d.thing.name, channel, d.quantity.De)
	d.description = fmt.Sprintf("%s, je %s, aus dem Datensatz %s / %s, every %s, of dataset %s", upper(d.quantity.De), de, d.set.Title.De, d.quantity.En, en, d.set.Title.En)
	d.properties = ofObject(
		member{"dataset", ofText(d.set.ID)},
		member{"quantity", ofText(d.quantity.Name)},
		member{"channel", ofText(d.key.channel)},
		member{"window", ofText(d.set.Base().String())},
		member{"licence", ofText(d.set.Licence.URL)},
		member{"publisher", ofText(d.set.Publisher)},
	)
}

// definitions are the quantity kinds of QUDT that mean exactly what a quantity
// does. Others are defined by their own entity, which tells what they are.
var definitions = map[string]string{
	"voltage":           "http://qudt.org/vocab/quantitykind/Voltage",
	"current":           "http://qudt.org/vocab/quantitykind/ElectricCurrent",
	"power_active":      "http://qudt.org/vocab/quantitykind/ActivePower",
	"power_reactive":    "http://qudt.org/vocab/quantitykind/ReactivePower",
	"power_apparent":    "http://qudt.org/vocab/quantitykind/ApparentPower",
	"power_factor":      "http://qudt.org/vocab/quantitykind/PowerFactor",
	"relative_humidity": "http://qudt.org/vocab/quantitykind/RelativeHumidity",
}

// units are QUDT's codes and names of UCUM's.
var units = map[string]struct{ qudt, name string }{
	"1":     {"UNITLESS", "Verhältnis / ratio"},
	"%":     {"PERCENT", "Prozent / percent"},
	"[ppm]": {"PPM", "Millionstel / parts per million"},
	"{#}":   {"NUM", "Anzahl / number"},
	"V":     {"V", "Volt / volt"},
	"A":     {"A", "Ampere / ampere"},
	"W":     {"W", "Watt / watt"},
	"var":   {"VAR", "Var / volt-ampere reactive"},
	"V.A":   {"VA", "Voltampere / volt-ampere"},
	"W.h":   {"W-HR", "Wattstunde / watt hour"},
	"Hz":    {"HZ", "Hertz / hertz"},
	"Cel":   {"DEG_C", "Grad Celsius / degree Celsius"},
	"km/h":  {"KiloM-PER-HR", "Kilometer pro Stunde / kilometre per hour"},
	"m/s":   {"M-PER-SEC", "Meter pro Sekunde / metre per second"},
	"m/s2":  {"M-PER-SEC2", "Meter pro Sekunde zum Quadrat / metre per second squared"},
	"s":     {"SEC", "Sekunde / second"},
	"m":     {"M", "Meter / metre"},
	"mm":    {"MilliM", "Millimeter / millimetre"},
	"um":    {"MicroM", "Mikrometer / micrometre"},
	"m3":    {"M3", "Kubikmeter / cubic metre"},
	"deg":   {"DEG", "Grad / degree"},
	"hPa":   {"HectoPA", "Hektopascal / hectopascal"},
	"W/m2":  {"W-PER-M2", "Watt pro Quadratmeter / watt per square metre"},
	"ug/m3": {"MicroGM-PER-M3", "Mikrogramm pro Kubikmeter / microgram per cubic metre"},
	"dB":    {"DeciB", "Dezibel / decibel"},
	"lx":    {"LUX", "Lux / lux"},
}

// unitOf writes the unit as OGC 18-088 table 10 wants it: three nulls where
// there is none. A unit without a QUDT code is defined by its UCUM code.
func unitOf(q *devices.Quantity) value {
	name, symbol, definition := value{}, value{}, value{}
	if q.Kind != devices.Category {
		unit, known := units[q.Unit]
		name, symbol = ofText(unit.name), ofText(q.Unit)
		definition = ofText("http://qudt.org/vocab/unit/" + unit.qudt)
		if !known {
			name, definition = ofText(q.Unit), ofText("urn:ogc:def:uom:UCUM::"+q.Unit)
		}
	}
	return ofObject(member{"name", name}, member{"symbol", symbol}, member{"definition", definition})
}
