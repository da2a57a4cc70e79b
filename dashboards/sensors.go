package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/uplink"
)

// silent lists the stations of a domain by their last report, the longest
// silent first. what selects one value, so that InfluxDB answers with its time.
func silent(d uplink.Domain, what string, value column) panel {
	return panel{
		kind: list, width: 12, height: 10, last: "7d",
		title:    "Am längsten still",
		about:    "Letzte Meldung jeder Station in den letzten 7 Tagen, die am längsten stille zuerst.",
		queries:  []string{readings(d, what, perStation)},
		order:    columnTime,
		reversed: true,
		columns:  []column{{name: columnTime, unit: units.DateTimeFromNow}, value},
	}
}

// battery lists the stations of a domain by the voltage of their battery.
func battery(d uplink.Domain) panel {
	const voltage = "Batterie"
	return panel{
		kind: list, width: 12, height: 10, last: "7d",
		title: "Schwächste Batterien",
		about: "Letzte gemeldete Batteriespannung, die kleinste zuerst. Welche Spannung zu klein ist, hängt vom Gerät ab: " +
			"Lithiumzellen mit 3,6 V sind unter 3,3 V fast leer.",
		queries:  []string{readings(d, `last("battery_voltage") AS "`+voltage+`"`, perStation)},
		order:    voltage,
		reversed: true,
		columns:  []column{{name: columnTime, unit: units.DateTimeFromNow}, {name: voltage, unit: units.Volt, digits: 2}},
	}
}
