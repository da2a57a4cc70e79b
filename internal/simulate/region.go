package simulate

import (
	"math"

	"modellregion/devices"
)

// city is one of the five digital model regions of North Rhine-Westphalia.
// Municipality is a town of the virtual region.
type Municipality struct {
	ID, Name string
	AGS      string // Amtlicher Gemeindeschlüssel, 8 digits
	Center   devices.Place
}

// Municipalities returns the five digital model regions of North
// Rhine-Westphalia.
func Municipalities() []Municipality {
	return []Municipality{
		{"aachen", "Aachen", "05334002", devices.Place{Lat: 50.7753, Lon: 6.0839}},
		{"gelsenkirchen", "Gelsenkirchen", "05513000", devices.Place{Lat: 51.5177, Lon: 7.0857}},
		{"paderborn", "Paderborn", "05774032", devices.Place{Lat: 51.7189, Lon: 8.7575}},
		{"soest", "Soest", "05974040", devices.Place{Lat: 51.5711, Lon: 8.1065}},
		{"wuppertal", "Wuppertal", "05124000", devices.Place{Lat: 51.2562, Lon: 7.1508}},
	}
}

type city struct {
	id       string // of the municipality
	name     string
	altitude float64 // m
	places   []place // streets, one point on each
	masts    []place // where the gateways stand

	districts []place // with their middles, about
}

type place struct {
	name string
	devices.Place
}

func at(name string, lat, lon float64) place { return place{name, devices.Place{Lat: lat, Lon: lon}} }

// region returns the cities with real streets; what stands there is invented.
func region() []city {
	return []city{
		{"aachen", "Aachen", 173, []place{
			at("Theaterstraße", 50.7722, 6.0898), at("Adalbertsteinweg", 50.7757, 6.1035),
			at("Krefelder Straße", 50.7905, 6.1005), at("Jülicher Straße", 50.7835, 6.1030),
			at("Vaalser Straße", 50.7735, 6.0560), at("Lütticher Straße", 50.7640, 6.0680),
			at("Trierer Straße", 50.7580, 6.1350), at("Monheimsallee", 50.7803, 6.0925),
			at("Wilhelmstraße", 50.7715, 6.0955), at("Roermonder Straße", 50.7880, 6.0640),
			at("Pontwall", 50.7808, 6.0787), at("Boxgraben", 50.7695, 6.0815),
			at("Eupener Straße", 50.7540, 6.0890), at("Templergraben", 50.7778, 6.0780),
			at("Bahnhofstraße", 50.7692, 6.0905),
		}, []place{at("Rathaus", 50.7762, 6.0838), at("Lousberg", 50.7880, 6.0790), at("Rothe Erde", 50.7715, 6.1160)}, []place{at("Mitte", 50.7753, 6.0839), at("Burtscheid", 50.7630, 6.0960), at("Laurensberg", 50.7980, 6.0600), at("Rothe Erde", 50.7720, 6.1170)}},
		{"gelsenkirchen", "Gelsenkirchen", 50, []place{
			at("Kurt-Schumacher-Straße", 51.5400, 7.0790), at("Florastraße", 51.5135, 7.0960),
			at("Bismarckstraße", 51.5230, 7.1110), at("Overwegstraße", 51.5105, 7.0925),
			at("Ringstraße", 51.5085, 7.0985), at("Horster Straße", 51.5480, 7.0420),
			at("De-la-Chevallerie-Straße", 51.5785, 7.0580), at("Cranger Straße", 51.5680, 7.0830),
			at("Willy-Brandt-Allee", 51.5570, 7.0760), at("Turfstraße", 51.5370, 7.0290),
			at("Rotthauser Straße", 51.4960, 7.0960), at("Uferstraße", 51.5330, 7.0620),
			at("Bochumer Straße", 51.4975, 7.1110), at("Hochstraße", 51.5790, 7.0535),
			at("Bahnhofstraße", 51.5070, 7.1010),
		}, []place{at("Hans-Sachs-Haus", 51.5103, 7.0960), at("Rathaus Buer", 51.5790, 7.0560), at("Nordsternturm", 51.5290, 7.0370)}, []place{at("Mitte", 51.5100, 7.0970), at("Buer", 51.5790, 7.0560), at("Horst", 51.5400, 7.0300)}},
		{"paderborn", "Paderborn", 110, []place{
			at("Westernstraße", 51.7175, 8.7480), at("Detmolder Straße", 51.7270, 8.7720),
			at("Bielefelder Straße", 51.7390, 8.7200), at("Warburger Straße", 51.7080, 8.7690),
			at("Husener Straße", 51.7010, 8.7540), at("Borchener Straße", 51.7040, 8.7440),
			at("Driburger Straße", 51.7170, 8.7830), at("Neuhäuser Straße", 51.7240, 8.7420),
			at("Heinz-Nixdorf-Ring", 51.7260, 8.7330), at("Le-Mans-Wall", 51.7150, 8.7490),
			at("Liboriberg", 51.7150, 8.7540), at("Gierstraße", 51.7185, 8.7610),
			at("Fürstenallee", 51.7310, 8.7360), at("Residenzstraße", 51.7460, 8.7110),
			at("Bahnhofstraße", 51.7130, 8.7430),
		}, []place{at("Rathaus", 51.7180, 8.7540), at("Schloß Neuhaus", 51.7450, 8.7125), at("Universität", 51.7065, 8.7715)}, []place{at("Kernstadt", 51.7180, 8.7570), at("Schloß Neuhaus", 51.7450, 8.7110)}},
		{"soest", "Soest", 98, []place{
			at("Brüderstraße", 51.5750, 8.1065), at("Jakobistraße", 51.5715, 8.0995),
			at("Thomästraße", 51.5695, 8.1120), at("Niederbergheimer Straße", 51.5640, 8.1150),
			at("Arnsberger Straße", 51.5600, 8.1090), at("Werler Landstraße", 51.5680, 8.0820),
			at("Hammer Weg", 51.5770, 8.0880), at("Oestinghauser Straße", 51.5850, 8.1110),
			at("Dasselwall", 51.5760, 8.1000), at("Freiligrathwall", 51.5700, 8.1015),
			at("Walburgerstraße", 51.5755, 8.1090), at("Senator-Schwartz-Ring", 51.5655, 8.0980),
			at("Paradieser Weg", 51.5755, 8.0930), at("Opmünder Weg", 51.5720, 8.1270),
			at("Bahnhofstraße", 51.5770, 8.1050),
		}, []place{at("Rathaus", 51.5716, 8.1070), at("Stadtwerke", 51.5800, 8.0950)}, []place{at("Altstadt", 51.5715, 8.1065), at("Süden", 51.5610, 8.1080)}},
		{"wuppertal", "Wuppertal", 160, []place{
			at("Friedrich-Engels-Allee", 51.2640, 7.1750), at("Bundesallee", 51.2555, 7.1440),
			at("Gathe", 51.2620, 7.1500), at("Uellendahler Straße", 51.2720, 7.1490),
			at("Briller Straße", 51.2590, 7.1360), at("Friedrich-Ebert-Straße", 51.2540, 7.1280),
			at("Kaiserstraße", 51.2330, 7.0740), at("Höhne", 51.2700, 7.1960),
			at("Heckinghauser Straße", 51.2690, 7.2180), at("Berliner Straße", 51.2735, 7.2130),
			at("Cronenberger Straße", 51.2430, 7.1440), at("Hahnerberger Straße", 51.2240, 7.1440),
			at("Carnaper Straße", 51.2760, 7.1880), at("Nevigeser Straße", 51.2660, 7.1200),
			at("Hofaue", 51.2575, 7.1530),
		}, []place{at("Elisenturm", 51.2490, 7.1560), at("Rathaus Barmen", 51.2710, 7.1990), at("Vohwinkel", 51.2320, 7.0760)}, []place{at("Elberfeld", 51.2562, 7.1450), at("Barmen", 51.2700, 7.1970), at("Vohwinkel", 51.2330, 7.0740)}},
	}
}

// metres per degree of latitude; of longitude it is that times the cosine.
const metresPerDegree = 111_195

// moved returns p shifted by so many metres to the north and the east.
func moved(p devices.Place, north, east float64) devices.Place {
	return devices.Place{
		Lat: p.Lat + north/metresPerDegree,
		Lon: p.Lon + east/(metresPerDegree*math.Cos(p.Lat*math.Pi/180)),
	}
}

// metres returns the distance between two places of one city.
func metres(a, b devices.Place) float64 {
	north := (b.Lat - a.Lat) * metresPerDegree
	east := (b.Lon - a.Lon) * metresPerDegree * math.Cos(a.Lat*math.Pi/180)
	return math.Hypot(north, east)
}
