package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"modellregion/opendata"
	"modellregion/uplink"
)

// counter is about one counting station: how it is there, day against day and
// over the week.
func counter(o Options) board {
	const (
		d   = uplink.Traffic
		now = "15m"
	)
	states, _ := trafficStates()
	set := o.dataset("traffic_state", opendata.Quarter)
	window := published(set, opendata.Quarter, `last("traffic_state.mode")`, "")
	return board{
		uid:     uidCounter,
		title:   "Verkehr Zählstelle",
		about:   "Eine Zählstelle im Einzelnen: jetzt, gegen den Vortag und die Vorwoche, und ihr Wochengang",
		domain:  d,
		single:  true,
		dataset: set,
		refresh: "1m",
		from:    "now-24h",
		rows: []row{{
			title: "Jetzt (letzte 15 Minuten)",
			panels: []panel{{
				kind: number, width: 6, height: 4,
				title:   "Verkehrslage",
				about:   "Der letzten vollen Viertelstunde, gemessen an der freien Geschwindigkeit. Ohne Wert: die Zählstelle ist nicht öffentlich oder stumm.",
				states:  states,
				queries: open(between("45m", "15m", window)),
			}, {
				kind: number, width: 6, height: 4, last: now,
				title:   "Verkehrsstärke",
				about:   "Summe der Spuren, auf eine Stunde hochgerechnet.",
				unit:    perHour,
				queries: raw(readings(d, `sum("vehicle_count") * 4`, "")),
			}, {
				kind: number, width: 6, height: 4, last: now,
				title:   "Mittlere Geschwindigkeit",
				about:   "Mittel der gemeldeten Geschwindigkeiten.",
				unit:    units.KilometersPerHour,
				queries: raw(readings(d, `mean("speed_mean")`, "", moving)),
			}, {
				kind: number, width: 6, height: 4, last: now,
				title:   "Schwerverkehr",
				about:   "Anteil der Lkw an allen Fahrzeugen.",
				unit:    units.PercentUnit,
				digits:  1,
				queries: raw(readings(d, heavyOf, "")),
			}},
		}, {
			title: "Tag gegen Tag",
			panels: []panel{
				dayAgainstDay(d, "Fahrzeuge je Stunde", "Die letzten 24 Stunden des gewählten Zeitraums, die 24 Stunden davor und dieselben eine Woche früher.",
					"suffix: Kfz", `sum("vehicle_count")`),
				dayAgainstDay(d, "Geschwindigkeit je Stunde", "Mittel der gemeldeten Geschwindigkeiten, dieselben drei Tage.",
					units.KilometersPerHour, `mean("speed_mean")`),
			},
		}, {
			title: "Wochengang",
			panels: []panel{
				weekProfile(d, "Fahrzeuge je Stunde über die Woche", "Mittel der letzten vier Wochen, Montag bis Sonntag.", "suffix: Kfz", `sum("vehicle_count")`, "Kfz"),
				weekProfile(d, "Geschwindigkeit über die Woche", "Mittel der letzten vier Wochen, Montag bis Sonntag.", units.KilometersPerHour, `mean("speed_mean")`, "Geschwindigkeit"),
			},
		}, {
			title: "Verlauf",
			panels: append([]panel{{
				kind: timeline, width: 24, height: 4, every: "15m",
				title:   "Verkehrslage",
				about:   "Schlechteste Verkehrslage in jedem Abschnitt.",
				states:  states,
				alias:   "$tag_station",
				queries: open(published(set, opendata.Quarter, `max("traffic_state.mode")`, windows(perStation))),
			}}, lanes("$tag_channel", "")...),
		}, {
			title:     "Gerät und lange Sicht",
			collapsed: true,
			panels:    []panel{perDay(o), ownBattery(d), marked(d)},
		}},
	}
}

// dayAgainstDay sets the last day of the range beside the day before it and
// that of a week ago, hour by hour.
func dayAgainstDay(d uplink.Domain, title, about, unit, what string) panel {
	hourly := func(name string) string { return readings(d, what+` AS "`+name+`"`, every("1h", "")) }
	return panel{
		kind: profile, width: 12, height: 9, clock: "HH:mm",
		title: title, about: about, unit: unit,
		queries: raw(
			earlier("0s", hourly("letzter Tag")),
			earlier("1d", hourly("Tag davor")),
			earlier("7d", hourly("eine Woche früher")),
		),
	}
}

// weekProfile is the mean of the hours of a week over the last four.
func weekProfile(d uplink.Domain, title, about, unit, what, name string) panel {
	return panel{
		kind: profile, width: 12, height: 9, clock: "E dd HH[ Uhr]", field: name, last: "28d",
		title: title, about: about, unit: unit,
		queries: raw(readings(d, what+` AS "`+name+`"`, every("1h", ""))),
	}
}

// ownBattery is the course of the battery of one station.
func ownBattery(d uplink.Domain) panel {
	return panel{
		kind: chart, width: 12, height: 8, every: "6h", span: "30d",
		title:   "Batteriespannung, letzte 30 Tage",
		about:   "Mittel je Abschnitt. Lithiumzellen mit 3,6 V sind unter 3,3 V fast leer.",
		unit:    units.Volt,
		digits:  2,
		alias:   "$tag_device",
		queries: raw(readings(d, `mean("battery_voltage")`, windows(perDevice))),
	}
}
