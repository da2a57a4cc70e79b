package registry

import (
	"slices"
	"strings"

	"modellregion/devices"
)

// otherNames are what others call our columns, without case, spaces and signs.
var otherNames = map[string]string{
	"deveui": "dev_eui", "deviceeui": "dev_eui", "eui": "dev_eui", "deviceid": "dev_eui",
	"joineui": "join_eui", "appeui": "join_eui", "applicationeui": "join_eui",
	"appkey": "app_key", "applicationkey": "app_key", "otaakey": "app_key",
	"nwkkey": "nwk_key", "networkkey": "nwk_key", "devaddr": "dev_addr", "deviceaddress": "dev_addr",
	"nwkskey": "nwk_s_key", "networksessionkey": "nwk_s_key", "fnwksintkey": "nwk_s_key",
	"appskey": "app_s_key", "applicationsessionkey": "app_s_key", "snwksintkey": "s_nwk_s_int_key", "nwksenckey": "nwk_s_enc_key",
	"bezeichnung": "name", "geraetename": "name", "gerätename": "name", "devicename": "name", "title": "name", "titel": "name",
	"gemeinde": "municipality", "stadt": "municipality", "ort": "municipality", "kommune": "municipality", "city": "municipality",
	"profil": "profile", "modell": "profile", "model": "profile", "deviceprofile": "profile", "typ": "profile", "type": "profile",
	"latitude": "lat", "breite": "lat", "breitengrad": "lat", "longitude": "lon", "laenge": "lon", "länge": "lon",
	"laengengrad": "lon", "längengrad": "lon", "long": "lon", "lng": "lon",
	"messstelle": "station", "messstation": "station", "sichtbarkeit": "visibility", "eigentuemer": "owner", "eigentümer": "owner",
	"besitzer": "owner", "gateway": "edge", "abschnitt": "segment", "strecke": "segment", "deaktiviert": "disabled",
	"stadtteil": "district", "ortsteil": "district", "bezirk": "district", "stadtbezirk": "district", "quartier": "district",
	"strasse": "road", "straße": "road", "strassenname": "road", "straßenname": "road", "street": "road",
	"gruppe": "group", "anschlussnutzer": "connection", "connectionuser": "connection",
}

// plain returns a name in lower case without spaces and signs.
func plain(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "", ".", "").Replace(strings.ToLower(s))
}

// guessColumn returns the column that a heading most likely is, of those that
// are free, or nothing.
func guessColumn(heading string, free []string) string {
	p := plain(heading)
	if c := otherNames[p]; slices.Contains(free, c) {
		return c
	}
	return nearest(p, free)
}

// nearest returns the candidate that is nearest to a name, whatever their
// case, spaces and signs, or nothing.
func nearest(name string, candidates []string) string {
	bare := make([]string, len(candidates))
	for i, c := range candidates {
		bare[i] = plain(c)
	}
	best := devices.Nearest(plain(name), bare)
	if best == "" {
		return ""
	}
	return candidates[slices.Index(bare, best)]
}
