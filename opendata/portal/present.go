package portal

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// Narrow no-break space: between a number and its unit.
const thin = "\u202f"

// scale is how a quantity is shown: the stored value times factor, with so
// many decimals and this unit.
type scale struct {
	factor   float64
	decimals int
	unit     string
}

func scaleOf(q *devices.Quantity) scale {
	if q.Kind == devices.Count && q.Unit == "{#}" {
		return scale{1, 0, ""}
	}
	switch q.Name {
	case "occupancy", "ice_fraction":
		return scale{100, 0, "%"}
	case "friction", "power_factor":
		return scale{1, 2, ""}
	case "frequency":
		return scale{1, 2, "Hz"}
	case "relative_humidity", "load":
		return scale{1, 0, "%"}
	case "water_film":
		return scale{1, 0, "µm"}
	}
	switch q.Unit {
	case "W.h":
		return scale{0.001, 1, "kWh"}
	case "W", "var", "V.A":
		return scale{0.001, 1, "k" + q.Symbol()}
	}
	return scale{1, 1, q.Symbol()}
}

// number prints v with the separators of the language: "12.345,6" in German,
// "12,345.6" in English, with a real minus sign.
func number(v float64, decimals int, lang string) string {
	pow := math.Pow10(decimals)
	v = math.Round(v*pow) / pow
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Abs(v), 'f', decimals, 64), ".")
	group, point := ".", ","
	if lang == "en" {
		group, point = ",", "."
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + group + whole[i:]
	}
	if fraction != "" {
		whole += point + fraction
	}
	if v < 0 {
		return "−" + whole
	}
	return whole
}

// value prints a value of a quantity as people read it, with its unit.
func value(q *devices.Quantity, v float64, lang string) string {
	if q.Kind == devices.Category {
		return categoryText(q.Text(v), lang)
	}
	s := scaleOf(q)
	text := number(v*s.factor, s.decimals, lang)
	if s.unit == "" {
		return text
	}
	return text + thin + s.unit
}

func categoryText(code, lang string) string {
	if lang == "en" {
		return strings.ReplaceAll(code, "_", " ")
	}
	if de, ok := categoryWords[code]; ok {
		return de
	}
	return code
}

var categoryWords = map[string]string{
	"unknown": "unbekannt", "dry": "trocken", "moist": "feucht", "wet": "nass",
	"slush": "Schneematsch", "snow": "Schnee", "ice": "Eis", "hoarfrost": "Reif",
	"free": "frei", "heavy": "dicht", "slow": "zäh", "congested": "gestaut",
	"met": "eingehalten", "missed": "nicht eingehalten",
	"preliminary_met": "vorläufig eingehalten", "preliminary_missed": "vorläufig nicht eingehalten",
}

// label is the short name of a quantity; the long one says what it means.
func label(q *devices.Quantity, lang string) string {
	if t, ok := labels[q.Name]; ok {
		return t.In(lang)
	}
	return meaning(q, lang)
}

// meaning is what a quantity means, as the begin of a sentence.
func meaning(q *devices.Quantity, lang string) string {
	text := opendata.Text{De: q.De, En: q.En}.In(lang)
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

var labels = map[string]opendata.Text{
	"vehicle_count":             {De: "Fahrzeuge", En: "Vehicles"},
	"vehicle_count_car":         {De: "Pkw", En: "Cars"},
	"vehicle_count_truck":       {De: "Lkw", En: "Trucks"},
	"vehicle_count_bus":         {De: "Busse", En: "Buses"},
	"vehicle_count_motorcycle":  {De: "Motorräder", En: "Motorcycles"},
	"vehicle_count_bicycle":     {De: "Fahrräder", En: "Bicycles"},
	"pedestrian_count":          {De: "Fußgänger", En: "Pedestrians"},
	"speed_mean":                {De: "Geschwindigkeit", En: "Speed"},
	"speed_p85":                 {De: "Geschwindigkeit V85", En: "Speed V85"},
	"occupancy":                 {De: "Belegung", En: "Occupancy"},
	"voltage":                   {De: "Spannung", En: "Voltage"},
	"frequency":                 {De: "Netzfrequenz", En: "Mains frequency"},
	"load":                      {De: "Auslastung Transformator", En: "Transformer load"},
	"traffic_state":             {De: "Verkehrslage", En: "Traffic state"},
	"energy_import":             {De: "Bezug", En: "Consumption"},
	"voltage_unbalance":         {De: "Unsymmetrie", En: "Voltage unbalance"},
	"voltage_quality":           {De: "Spannung nach EN 50160", En: "Voltage by EN 50160"},
	"voltage_within":            {De: "Spannung in den Grenzen", En: "Voltage within limits"},
	"voltage_unbalance_quality": {De: "Unsymmetrie nach EN 50160", En: "Unbalance by EN 50160"},
	"voltage_unbalance_within":  {De: "Unsymmetrie in den Grenzen", En: "Unbalance within limits"},
	"frequency_quality":         {De: "Frequenz nach EN 50160", En: "Frequency by EN 50160"},
	"frequency_within":          {De: "Frequenz in den Grenzen", En: "Frequency within limits"},
	"surface_temperature":       {De: "Fahrbahntemperatur", En: "Surface temperature"},
	"surface_state":             {De: "Fahrbahnzustand", En: "Surface state"},
	"freezing_temperature":      {De: "Gefriertemperatur", En: "Freezing temperature"},
	"water_film":                {De: "Wasserfilm", En: "Water film"},
	"ice_fraction":              {De: "Eisanteil", En: "Share of ice"},
	"friction":                  {De: "Griffigkeit", En: "Friction"},
	"roughness_iri":             {De: "Ebenheit (IRI)", En: "Roughness (IRI)"},
	"air_temperature":           {De: "Lufttemperatur", En: "Air temperature"},
	"relative_humidity":         {De: "Luftfeuchte", En: "Humidity"},
	"air_pressure":              {De: "Luftdruck", En: "Air pressure"},
	"pm10":                      {De: "Feinstaub PM10", En: "Particulates PM10"},
	"pm2_5":                     {De: "Feinstaub PM2,5", En: "Particulates PM2.5"},
	"no2":                       {De: "Stickstoffdioxid", En: "Nitrogen dioxide"},
	"o3":                        {De: "Ozon", En: "Ozone"},
	"precipitation":             {De: "Niederschlag", En: "Precipitation"},
	"wind_speed":                {De: "Windgeschwindigkeit", En: "Wind speed"},
}

// channelName is what a channel is called: "lane1" is lane 1, "l1" phase L1.
func channelName(channel, lang string) string {
	if n, ok := strings.CutPrefix(channel, "lane"); ok {
		return opendata.Text{De: "Spur ", En: "Lane "}.In(lang) + n
	}
	if len(channel) == 2 && channel[0] == 'l' {
		return strings.ToUpper(channel)
	}
	return channel
}

// domainNames and domainLetters name the domains; on the map a letter and a
// shape stand beside the colour, so that nothing is told by colour alone.
var (
	domainNames = map[uplink.Domain]opendata.Text{
		uplink.Traffic:     {De: "Verkehr", En: "Traffic"},
		uplink.Energy:      {De: "Energienetz", En: "Power grid"},
		uplink.Road:        {De: "Straßenzustand", En: "Road conditions"},
		uplink.Environment: {De: "Umwelt", En: "Environment"},
	}
	domainLetters = map[uplink.Domain]opendata.Text{
		uplink.Traffic:     {De: "V", En: "T"},
		uplink.Energy:      {De: "E", En: "P"},
		uplink.Road:        {De: "S", En: "R"},
		uplink.Environment: {De: "U", En: "E"},
	}
)

// mark is what stands for a domain on the map and beside names.
type mark struct {
	Domain uplink.Domain
	Letter string
}

func markOf(d uplink.Domain, lang string) mark { return mark{d, domainLetters[d].In(lang)} }

// zone returns the abbreviation of Berlin's time at t in the language.
func zone(t time.Time, lang string) string {
	name, _ := t.In(opendata.Berlin()).Zone()
	if lang == "en" {
		return name
	}
	return map[string]string{"CET": "MEZ", "CEST": "MESZ"}[name]
}

var weekdays = [...]string{"So", "Mo", "Di", "Mi", "Do", "Fr", "Sa"}

var months = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}

func monthName(m time.Month, lang string) string {
	if lang == "en" {
		return m.String()
	}
	return months[m-1]
}

// date prints the day of t in Berlin: "Mo 23.11.2026", "Mon 23 Nov 2026".
func date(t time.Time, lang string) string {
	t = t.In(opendata.Berlin())
	if lang == "en" {
		return t.Format("Mon 2 Jan 2006")
	}
	return weekdays[t.Weekday()] + " " + t.Format("02.01.2006")
}

// clock prints the time of day in Berlin: "14:45".
func clock(t time.Time) string { return t.In(opendata.Berlin()).Format("15:04") }

// interval prints a window of time: "14:30–14:45".
func interval(start time.Time, window time.Duration) string {
	return clock(start) + "–" + clock(start.Add(window))
}

// instant prints a moment with its zone: "Mo 23.11.2026, 14:52 Uhr (MEZ)".
func instant(t time.Time, lang string) string {
	hour := opendata.Text{De: " Uhr", En: ""}.In(lang)
	return date(t, lang) + ", " + clock(t) + hour + " (" + zone(t, lang) + ")"
}

// between prints a span of time with its zone, which is told twice only where
// the clocks change in it: "Mo 23.11.2026, 14:00–15:00 Uhr (MEZ)".
func between(from, until time.Time, lang string) string {
	switch {
	case zone(from, lang) != zone(until, lang):
		return instant(from, lang) + " – " + instant(until, lang)
	case date(from, lang) == date(until, lang):
		return date(from, lang) + ", " + clock(from) + "–" + strings.TrimPrefix(instant(until, lang), date(until, lang)+", ")
	}
	return date(from, lang) + ", " + clock(from) + " – " + instant(until, lang)
}

// minutes prints a length of time for texts that speak of minutes.
func minutes(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }

// windowName is what a window is called: "15 Minuten".
func windowName(w opendata.Window, lang string) string {
	switch w {
	case opendata.Minute:
		return opendata.Text{De: "1 Minute", En: "1 minute"}.In(lang)
	case opendata.Hour:
		return opendata.Text{De: "1 Stunde", En: "1 hour"}.In(lang)
	case opendata.Day24:
		return opendata.Text{De: "1 Tag", En: "1 day"}.In(lang)
	case opendata.Week:
		return opendata.Text{De: "1 Woche", En: "1 week"}.In(lang)
	}
	return minutes(time.Duration(w)) + " " + opendata.Text{De: "Minuten", En: "minutes"}.In(lang)
}

// size prints a number of bytes: "1,2 MB".
func size(bytes int64, lang string) string {
	switch v := float64(bytes); {
	case v < 1000:
		return number(v, 0, lang) + thin + "B"
	case v < 1e6:
		return number(v/1e3, 0, lang) + thin + "kB"
	default:
		return number(v/1e6, 1, lang) + thin + "MB"
	}
}
