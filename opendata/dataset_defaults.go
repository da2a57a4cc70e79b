package opendata

import "modellregion/uplink"

// Defaults returns the datasets that a region starts with: one for each
// domain, the quality of the voltage, and the consumption of households.
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
			ID: "verkehr", Domain: uplink.Traffic, Windows: windows, Licence: zero, Themes: []string{"TRAN"},
			Title: Text{"Verkehr", "Traffic"},
			Description: Text{
				"Wie viele Fahrzeuge, Fahrräder und Fußgänger an den Zählstellen vorbeikommen, wie schnell gefahren wird und wie die Verkehrslage ist. Gezählt wird je Fahrstreifen; die Geschwindigkeit ist das Mittel der gemeldeten Werte.",
				"How many vehicles, bicycles and pedestrians pass the counting stations, how fast they drive and how the traffic flows. Counts are per lane; the speed is the mean of the values reported.",
			},
			Quantities: []string{"vehicle_count", "speed_mean", "traffic_state", "occupancy", "vehicle_count_truck", "vehicle_count_car", "vehicle_count_bus",
				"vehicle_count_motorcycle", "vehicle_count_bicycle", "pedestrian_count", "speed_p85"},
		},
		{
			ID: "energienetz", Domain: uplink.Energy, Windows: windows, Licence: zero, Themes: []string{"ENER"},
			Title: Text{"Energienetz", "Power grid"},
			Description: Text{
				"Spannung und Frequenz im Niederspannungsnetz und die Auslastung der Ortsnetztransformatoren. Leistungen und Verbräuche einzelner Anschlüsse werden nicht veröffentlicht.",
				"Voltage and frequency in the low-voltage grid and the load of its transformers. Power and consumption of single connections are not published.",
			},
			Quantities: []string{"voltage", "frequency", "load"},
		},
		{
			ID: "strassenzustand", Domain: uplink.Road, Windows: windows, Licence: zero, Themes: []string{"TRAN", "ENVI"},
			Title: Text{"Straßenzustand", "Road conditions"},
			Description: Text{
				"Temperatur und Zustand der Fahrbahn: trocken, feucht, nass, Schnee oder Eis, mit Wasserfilm, Griffigkeit und Ebenheit. Wo kein Gerät den Zustand meldet, wird er aus den Messwerten abgeleitet.",
				"Temperature and state of the road surface: dry, moist, wet, snow or ice, with water film, friction and roughness. Where no device reports the state, it is derived from what is measured.",
			},
			Quantities: []string{"surface_temperature", "surface_state", "freezing_temperature", "water_film", "ice_fraction", "friction", "roughness_iri"},
		},
		{
			ID: "umwelt", Domain: uplink.Environment, Windows: windows, Licence: zero, Themes: []string{"ENVI"},
			Title: Text{"Umwelt", "Environment"},
			Description: Text{
				"Luft und Wetter: Temperatur, Feuchte, Luftdruck, Feinstaub, Stickstoffdioxid, Ozon, Niederschlag und Windgeschwindigkeit.",
				"Air and weather: temperature, humidity, air pressure, particulate matter, nitrogen dioxide, ozone, precipitation and wind speed.",
			},
			Quantities: []string{"air_temperature", "pm2_5", "pm10", "no2", "o3", "relative_humidity", "air_pressure", "precipitation", "wind_speed"},
		},
		{
			ID: "spannungsqualitaet", Domain: uplink.Energy, Windows: []Window{TenMinutes, Week}, Licence: zero, Themes: []string{"ENER"},
			Title: Text{"Spannungsqualität", "Voltage quality"},
			Description: Text{
				"Spannung, Unsymmetrie und Frequenz im Niederspannungsnetz als Mittel über 10 Minuten und, je Woche, welcher Anteil davon in den Grenzen der EN 50160 lag. Das Urteil über eine laufende Woche ist vorläufig.",
				"Voltage, unbalance and frequency in the low-voltage grid as means over 10 minutes and, for each week, which share of them was within the limits of EN 50160. The verdict on a week that still runs is preliminary.",
			},
			Quantities: []string{"voltage", "voltage_unbalance", "frequency", "voltage_quality", "voltage_within", "voltage_unbalance_quality",
				"voltage_unbalance_within", "frequency_quality", "frequency_within"},
		},
		{
			ID: "stromverbrauch", Domain: uplink.Energy, Windows: householdWindows(), Licence: zero, Themes: []string{"ENER"},
			Title: Text{"Stromverbrauch der Haushalte", "Electricity consumption of households"},
			Description: Text{
				"Was Gruppen von mindestens fünf Haushalten zusammen aus dem Netz bezogen haben, frühestens einen Tag später. Kein Wert spricht von einem einzelnen Haushalt; wo das nicht sicher ist, wird nichts gesagt.",
				"What groups of at least five households have taken from the grid together, a day later at the earliest. No value speaks of a single household; where that is not certain, nothing is told.",
			},
			Quantities: []string{"energy_import"},
			Households: &Households{K: LeastHouseholds, Delay: LeastDelay},
		},
	}
}
