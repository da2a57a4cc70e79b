package portal

import (
	"fmt"
	"math"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// measure is how a domain is compared with what is usual, and in which words.
type measure struct {
	quantity     string
	relative     bool    // to what is usual; else by the difference
	little, much float64 // from which on it is worth a word, and a strong one: a share or a difference as stored
	subject      opendata.Text
	against      opendata.Text    // with the day of the week, where it has a verb for it
	words        [5]opendata.Text // from unusually little to unusually much
	same         opendata.Text
	less, more   opendata.Text // with the difference
}

var (
	forWeekday = opendata.Text{De: "für einen %s", En: "for a %s"}
	ofLately   = opendata.Text{De: "gegenüber den letzten Wochen", En: "compared with recent weeks"}
)

// measures are what each domain is compared by: the first that it has.
var measures = map[uplink.Domain][]measure{
	uplink.Traffic: {{
		quantity: "vehicle_count", relative: true, little: .1, much: .3, subject: opendata.Text{De: "Der Verkehr ist", En: "Traffic is"}, against: forWeekday,
		words: [5]opendata.Text{{De: "ungewöhnlich ruhig", En: "unusually quiet"}, {De: "ruhiger als üblich", En: "quieter than usual"}, {De: "so dicht wie üblich", En: "as usual"},
			{De: "dichter als üblich", En: "heavier than usual"}, {De: "ungewöhnlich dicht", En: "unusually heavy"}},
		same: opendata.Text{De: "so viele Fahrzeuge wie sonst", En: "as many vehicles as usual"},
		less: opendata.Text{De: "%s weniger Fahrzeuge als sonst", En: "%s fewer vehicles than usual"}, more: opendata.Text{De: "%s mehr Fahrzeuge als sonst", En: "%s more vehicles than usual"},
	}},
	uplink.Energy: {{
		quantity: "load", relative: true, little: .1, much: .3, subject: opendata.Text{De: "Die Transformatoren sind", En: "Transformers are"}, against: forWeekday,
		words: [5]opendata.Text{{De: "ungewöhnlich gering ausgelastet", En: "unusually lightly loaded"}, {De: "weniger ausgelastet als üblich", En: "less loaded than usual"}, {De: "so ausgelastet wie üblich", En: "loaded as usual"},
			{De: "stärker ausgelastet als üblich", En: "more loaded than usual"}, {De: "ungewöhnlich stark ausgelastet", En: "unusually heavily loaded"}},
		same: opendata.Text{De: "so viel Last wie sonst", En: "as much load as usual"},
		less: opendata.Text{De: "%s weniger Last als sonst", En: "%s less load than usual"}, more: opendata.Text{De: "%s mehr Last als sonst", En: "%s more load than usual"},
	}, {
		quantity: "voltage", little: 1.5, much: 4, subject: opendata.Text{De: "Die Spannung ist", En: "Voltage is"}, against: forWeekday,
		words: [5]opendata.Text{{De: "ungewöhnlich niedrig", En: "unusually low"}, {De: "niedriger als üblich", En: "lower than usual"}, {De: "so hoch wie üblich", En: "as usual"},
			{De: "höher als üblich", En: "higher than usual"}, {De: "ungewöhnlich hoch", En: "unusually high"}},
		same: opendata.Text{De: "derselbe Wert wie sonst", En: "the same as usual"},
		less: opendata.Text{De: "%s weniger als sonst", En: "%s less than usual"}, more: opendata.Text{De: "%s mehr als sonst", En: "%s more than usual"},
	}},
	uplink.Road: {{
		quantity: "surface_temperature", little: 2, much: 5, subject: opendata.Text{De: "Die Fahrbahnen sind", En: "Road surfaces are"}, against: ofLately,
		words: [5]opendata.Text{{De: "ungewöhnlich kalt", En: "unusually cold"}, {De: "kälter als üblich", En: "colder than usual"}, {De: "etwa so warm wie üblich", En: "about as warm as usual"},
			{De: "wärmer als üblich", En: "warmer than usual"}, {De: "ungewöhnlich warm", En: "unusually warm"}},
		same: opendata.Text{De: "so warm wie sonst", En: "the same as usual"},
		less: opendata.Text{De: "%s kälter als sonst", En: "%s colder than usual"}, more: opendata.Text{De: "%s wärmer als sonst", En: "%s warmer than usual"},
	}},
	uplink.Environment: {
		airMeasure("pm2_5", opendata.Text{De: "Feinstaub PM2,5", En: "PM2.5"}),
		airMeasure("pm10", opendata.Text{De: "Feinstaub PM10", En: "PM10"}),
		airMeasure("no2", opendata.Text{De: "Stickstoffdioxid", En: "nitrogen dioxide"}),
	},
}

func airMeasure(quantity string, what opendata.Text) measure {
	return measure{
		quantity: quantity, relative: true, little: .2, much: .5, subject: opendata.Text{De: "Die Luft ist", En: "The air is"}, against: forWeekday,
		words: [5]opendata.Text{{De: "ungewöhnlich sauber", En: "unusually clean"}, {De: "sauberer als üblich", En: "cleaner than usual"}, {De: "so sauber wie üblich", En: "as clean as usual"},
			{De: "stärker belastet als üblich", En: "more polluted than usual"}, {De: "ungewöhnlich stark belastet", En: "unusually polluted"}},
		same: opendata.Text{De: "so viel " + what.De + " wie sonst", En: "as much " + what.En + " as usual"},
		less: opendata.Text{De: "%s weniger " + what.De + " als sonst", En: "%s less " + what.En + " than usual"},
		more: opendata.Text{De: "%s mehr " + what.De + " als sonst", En: "%s more " + what.En + " than usual"},
	}
}

// verdict is where a value of an hour stands, from -2, unusually little, to 2:
//
//   - 0 while it differs by less than little, or lies between the quartiles, as
//     half of all weeks do;
//   - 2 or -2 where it differs by much at least and none of the weeks was like it;
//   - else 1 or -1.
//
// It is not known without a usual, nor relative to a usual of nothing.
func (m *measure) verdict(v float64, u usualHour) (int, bool) {
	if !u.Known() || m.relative && u.Median <= 0 {
		return 0, false
	}
	off, sign := m.off(v, u), 1
	if off < 0 {
		off, sign = -off, -1
	}
	switch {
	case off < m.little || v >= u.Low && v <= u.High:
		return 0, true
	case off >= m.much && (v < u.Lowest || v > u.Highest):
		return 2 * sign, true
	}
	return sign, true
}

// off is how far a value is from the usual one.
func (m *measure) off(v float64, u usualHour) float64 {
	if m.relative {
		return v/u.Median - 1
	}
	return v - u.Median
}

// sentence tells the verdict: "Der Verkehr ist für einen Montag ungewöhnlich
// ruhig: 38 % weniger Fahrzeuge als sonst zwischen 9 und 10 Uhr."
func (m *measure) sentence(q *devices.Quantity, v float64, u usualHour, hour time.Time, lang string) (string, bool) {
	verdict, ok := m.verdict(v, u)
	if !ok {
		return "", false
	}
	off := m.off(v, u)
	amount := number(100*math.Abs(off), 0, lang) + thin + "%"
	if !m.relative {
		amount = value(q, math.Abs(off), lang)
	}
	words := m.same.In(lang)
	switch {
	case number(100*math.Abs(off), 0, "en") == "0" && m.relative || !m.relative && math.Abs(off) < .05:
	case off < 0:
		words = fmt.Sprintf(m.less.In(lang), amount)
	default:
		words = fmt.Sprintf(m.more.In(lang), amount)
	}
	against := m.against.In(lang)
	if m.against == forWeekday {
		against = fmt.Sprintf(against, weekdayName(hour, lang))
	}
	from := hour.In(opendata.Berlin()).Hour()
	if lang == "en" {
		return fmt.Sprintf("%s %s %s: %s between %02d:00 and %02d:00.", m.subject.En, m.words[verdict+2].En, against, words, from, from+1), true
	}
	return fmt.Sprintf("%s %s %s: %s zwischen %d und %d Uhr.", m.subject.De, against, m.words[verdict+2].De, words, from, from+1), true
}

func weekdayName(t time.Time, lang string) string {
	day := t.In(opendata.Berlin()).Weekday()
	if lang == "en" {
		return day.String()
	}
	return [...]string{"Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"}[day]
}

// words tell how the newest hour compares, false where that is not known.
func (s *situation) words(lang string) (string, bool) {
	if s == nil || s.hour.IsZero() {
		return "", false
	}
	hour := s.hour.In(opendata.Berlin()).Hour()
	if math.IsNaN(s.today[hour]) {
		return "", false
	}
	return s.measure.sentence(s.quantity, s.today[hour], s.usual[hour], s.hour, lang)
}
