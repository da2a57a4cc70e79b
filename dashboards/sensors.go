package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/internal/influx"
	"modellregion/uplink"
)

// abreast gives panels the same height, and the width of the dashboard in equal
// parts.
func abreast(panels ...panel) []panel {
	for i := range panels {
		panels[i].width, panels[i].height = uint32(24/len(panels)), 10
	}
	return panels
}

// heardColumns are those of silentSince.
func heardColumns() []column {
	return []column{{name: "Zuletzt gehört", unit: units.DateTimeFromNow}, {name: "Intervall", unit: units.Minutes}}
}

// silent lists the stations of a domain that do not report.
func silent(d uplink.Domain) panel {
	return panel{
		kind: list, width: 12, height: 10,
		title: "Stumme Stationen",
		about: "Geräte, von denen die Plattform länger als zwei Berichtsintervalle nichts gehört hat, die am längsten stummen zuerst. " +
			"Leer ist gut.",
		queries:  raw(names(d, perStation), silentSince("device", perStation, chosen, `"`+influx.TagDomain+`" = '`+string(d)+`'`)),
		need:     []string{"Zuletzt gehört"},
		order:    "Zuletzt gehört",
		reversed: true,
		columns:  heardColumns(),
	}
}

// battery lists the stations of a domain by the voltage of their battery.
func battery(d uplink.Domain) panel {
	const voltage = "Batterie"
	return panel{
		kind: list, width: 12, height: 10, last: "1d",
		title: "Schwächste Batterien",
		about: "Was das Gerät am letzten Tag zuletzt von seiner Batterie sagte, die kleinste Spannung zuerst. Welche Spannung zu klein ist, hängt vom Gerät ab: " +
			"Lithiumzellen mit 3,6 V sind unter 3,3 V fast leer. Wie lange sie noch halten, schätzt das Dashboard Funknetz.",
		queries:  raw(names(d, perStation), readings(d, `last("battery_voltage") AS "`+voltage+`"`, perStation)),
		need:     []string{voltage},
		order:    voltage,
		reversed: true,
		columns:  []column{{name: voltage, unit: units.Volt, digits: 2}},
	}
}

// marked shows how many readings were stored with a doubt.
func marked(d uplink.Domain) panel {
	return panel{
		kind: chart, width: 12, height: 8, every: "1h", bars: true, span: "3d",
		title: "Zweifelhafte Messwerte",
		about: "Messwerte mit einer Marke je Stunde: stuck steht still, jump springt, backwards zählt rückwärts, gap Funkrahmen fehlen, clock Uhr ungewiss. " +
			"Sie sind gespeichert; wer mit ihnen rechnet, sollte hinsehen.",
		alias:   "$tag_mark",
		queries: raw(from(influx.MeasurementQuality, `count("`+influx.FieldValue+`")`, windows(perMark), chosenOpen)),
	}
}
