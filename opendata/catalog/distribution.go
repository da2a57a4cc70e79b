package catalog

import (
	"fmt"

	"modellregion/opendata"
)

// distribution adds what all distributions of a dataset have: a title, the
// licence and, where it asks for that, how to name the source (conventions 32
// and 35), and for high-value datasets the act.
func (m *model) distribution(dataset node, e *entry, key string, title opendata.Text) node {
	n := dataset.g.node(dataset.id+"#"+key, "dcat:Distribution")
	dataset.link("dcat:distribution", n.id)
	n.text("dct:title", title)
	n.link("dct:license", licenceURI(e.d.Licence))
	if wantsAttribution(e.d.Licence) {
		n.literal("dcatde:licenseAttributionByText", term{value: m.cfg.publisherOf(e.d), lang: "de"})
	}
	n.link("dcatap:availability", available)
	if len(m.cfg.highValueOf(e.d)) > 0 {
		n.link("dcatap:applicableLegislation", highValueAct)
	}
	return n
}

// file adds one file: the same address to see and to download (convention 39).
// Size and checksum are told of files that are complete; of others they would
// be wrong before anybody has read them.
func (m *model) file(dataset node, e *entry, f *File) {
	kind := baseType(f.MediaType)
	is := formats[kind]
	n := m.distribution(dataset, e, f.key(), fileTitle(e.d, f, is.name))
	n.text("dct:description", fileText(e.d, f))
	address := m.cfg.at(f.Path)
	n.link("dcat:accessURL", address)
	n.link("dcat:downloadURL", address)
	if is.fileType != "" {
		n.link("dct:format", fileTypes+is.fileType)
	}
	if kind != "" {
		n.link("dcat:mediaType", mediaTypes+kind)
	}
	n.link("dct:conformsTo", is.standard)
	n.link("dct:language", languages+"DEU", languages+"ENG")
	n.link("adms:status", completed)
	if !f.Issued.IsZero() {
		n.typed("dct:issued", opendata.DayOf(f.Issued).String(), "xsd:date")
	}
	n.instant("dct:modified", f.Modified)
	n.typed("dcat:temporalResolution", windowTerms[f.Window].duration, "xsd:duration")
	if !f.Complete {
		return
	}
	if f.Bytes > 0 {
		n.typed("dcat:byteSize", fmt.Sprint(f.Bytes), "xsd:nonNegativeInteger")
	}
	if f.SHA256 != "" {
		sum := dataset.g.node(n.id+"-checksum", "spdx:Checksum")
		sum.link("spdx:algorithm", sha256IRI)
		sum.typed("spdx:checksumValue", f.SHA256, "xsd:hexBinary")
		n.link("spdx:checksum", sum.id)
	}
}

// fileTitle is told apart from those of the other files by what it says.
func fileTitle(d *opendata.Dataset, f *File, format string) opendata.Text {
	if format != "" {
		format = " (" + format + ")"
	}
	if f.Period == "" {
		return opendata.Text{De: d.Title.De + ": neueste Werte" + format, En: d.Title.En + ": latest values" + format}
	}
	window := windowTerms[f.Window].text
	de, en := f.Period, f.Period
	if day, ok := firstDay(f.Period); ok {
		de = fmt.Sprintf("%02d.%02d.%04d", day.Day, day.Month, day.Year)
		if isMonth(f.Period) {
			de = fmt.Sprintf("%s %d", months[day.Month-1], day.Year)
			en = fmt.Sprintf("%s %d", day.Month, day.Year)
		}
	}
	return opendata.Text{
		De: fmt.Sprintf("%s: %s, je %s%s", d.Title.De, de, window.De, format),
		En: fmt.Sprintf("%s: %s, per %s%s", d.Title.En, en, window.En, format),
	}
}

func fileText(d *opendata.Dataset, f *File) opendata.Text {
	switch {
	case f.Period == "":
		return opendata.Text{
			De: "Je Messreihe das neueste Zeitfenster. Die Datei wird laufend ersetzt.",
			En: "Of each series the newest window. The file is replaced all the time.",
		}
	case f.Complete:
		return opendata.Text{
			De: "Alle Zeitfenster des Zeitraums. Die Datei wird nur ersetzt, wenn Messwerte nachgetragen werden.",
			En: "All windows of the period. The file is replaced only when measurements are added later.",
		}
	default:
		return opendata.Text{
			De: "Der Zeitraum läuft noch: Die Datei wird ersetzt, bis er vorüber ist.",
			En: "The period is still running: the file is replaced until it is over.",
		}
	}
}

// folder adds the page that has all files. It is no file of data, so there is
// nothing to download.
func (m *model) folder(dataset node, e *entry) {
	n := m.distribution(dataset, e, "files", opendata.Text{
		De: e.d.Title.De + ": alle Dateien", En: e.d.Title.En + ": all files",
	})
	n.text("dct:description", opendata.Text{
		De: "Verzeichnis der Dateien aller Tage und Monate mit Beschreibung der Spalten.",
		En: "List of the files of all days and months with a description of the columns.",
	})
	n.link("dcat:accessURL", m.cfg.datasetPage(e.d.ID))
	n.link("dct:format", fileTypes+"HTML")
	n.link("dct:language", languages+"DEU", languages+"ENG")
	n.link("adms:status", completed)
	n.instant("dct:modified", e.changed)
}

// access adds the dataset's way through the service: its address is that of the
// service, and nothing can be downloaded (convention 41).
func (m *model) access(dataset node, e *entry) {
	n := m.distribution(dataset, e, "sensorthings", opendata.Text{
		De: e.d.Title.De + ": SensorThings API", En: e.d.Title.En + ": SensorThings API",
	})
	n.text("dct:description", opendata.Text{
		De: "Alle Messreihen zum Abfragen nach Ort, Zeit und Wert.",
		En: "All series, to be queried by place, time and value.",
	})
	n.link("dcat:accessURL", m.cfg.at(m.cfg.Service.Path))
	n.link("dcat:accessService", m.cfg.serviceURI())
	n.link("dct:format", fileTypes+"JSON")
	n.link("dcat:mediaType", mediaTypes+"application/json")
	n.link("dct:conformsTo", sensorThingsStandard)
	n.link("adms:status", completed)
	n.instant("dct:modified", e.changed)
}
