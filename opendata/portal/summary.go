package portal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
	"modellregion/uplink"
)

// card says in words how a domain is doing.
type card struct {
	Domain    uplink.Domain
	Name      string
	Key       string // the one number, or the words for having none
	KeyName   string // what the number is
	Usual     string // how it compares with what is usual; empty where that is not known
	Sentences []string
	Window    string // the time it speaks of
	Running   bool   // that time is not over
	Ranked    string // what the bars show
	Towns     []townValue
	Link      string // to the topic
}

// townValue is one bar of a card.
type townValue struct {
	Name, Text string
	Share      string // of the longest bar, 0 to 100; "" without a bar
}

// reading is a row with its station.
type reading struct {
	*devices.Aggregate
	station devices.Station
}

// digest is what the newest complete windows of a dataset say.
type digest struct {
	lang    string
	rows    map[string][]reading // by quantity
	start   time.Time
	window  time.Duration
	running bool
}

// digest takes the newest window that is complete, or, when there is only the
// running one, that.
func (p *portal) digest(d *opendata.Dataset, lang string) digest {
	g := digest{lang: lang, rows: map[string][]reading{}, window: time.Duration(d.Base())}
	newest := p.Latest.Newest(d.ID)
	if newest.IsZero() {
		return g
	}
	g.start = newest.Add(-time.Duration(d.Base()))
	rows := p.Latest.At(d.ID, g.start)
	if newest.Add(time.Duration(d.Base())).Before(time.Now()) || len(rows) == 0 {
		g.start, rows = newest, p.Latest.At(d.ID, newest)
		g.running = !newest.Add(time.Duration(d.Base())).Before(time.Now())
	}
	stations := p.stations().byID
	for i := range rows {
		if s := stations[rows[i].Station]; s != nil && !rows[i].Suppressed {
			name := rows[i].Quantity.Name
			g.rows[name] = append(g.rows[name], reading{&rows[i], s.Station})
		}
	}
	return g
}

// spread is the least, greatest, summed and mean value of readings.
type spread struct {
	low, high reading
	sum, mean float64
	stations  int
}

func spreadOf(rows []reading) (spread, bool) {
	if len(rows) == 0 {
		return spread{}, false
	}
	s := spread{low: rows[0], high: rows[0]}
	seen := map[string]bool{}
	for _, r := range rows {
		v := r.Value()
		s.sum += v
		if v < s.low.Value() {
			s.low = r
		}
		if v > s.high.Value() {
			s.high = r
		}
		seen[r.Station] = true
	}
	s.mean, s.stations = s.sum/float64(len(rows)), len(seen)
	return s, true
}

func (g *digest) spread(quantity string) (spread, bool) { return spreadOf(g.rows[quantity]) }

func (g *digest) print(r reading, v float64) string { return value(r.Quantity, v, g.lang) }

func (g *digest) say(de, en string, args ...any) string {
	return fmt.Sprintf(opendata.Text{De: de, En: en}.In(g.lang), args...)
}

// homeLimit is how long the start page waits for comparisons, of all domains at
// the same time.
const homeLimit = time.Second

// cards returns one card for each domain.
func (p *portal) cards(ctx context.Context, t *texts) []card {
	cards := make([]card, len(p.domains()))
	var compared sync.WaitGroup
	for i, domain := range p.domains() {
		cards[i] = p.card(domain, t)
		compared.Go(func() {
			if s, err := p.situation(ctx, domain, homeLimit); err == nil { // without, the card says less
				cards[i].Usual, _ = s.words(t.Lang)
			}
		})
	}
	compared.Wait()
	return cards
}

// card speaks of the first dataset of a domain that has something to tell of
// its stations.
func (p *portal) card(domain uplink.Domain, t *texts) card {
	c := card{Domain: domain, Name: domainNames[domain].In(t.Lang), Link: t.To("/topic/" + string(domain))}
	for i := range p.Datasets {
		d := &p.Datasets[i]
		if d.Domain != domain || d.Households != nil || c.Key != "" {
			continue
		}
		g := p.digest(d, t.Lang)
		switch domain {
		case uplink.Traffic:
			p.trafficCard(&c, &g)
		case uplink.Energy:
			p.energyCard(&c, &g)
		case uplink.Road:
			p.roadCard(&c, &g)
		case uplink.Environment:
			p.environmentCard(&c, &g)
		}
		if c.Key != "" {
			c.Window, c.Running = interval(g.start, g.window)+g.say(" Uhr", ""), g.running
		}
	}
	if c.Key == "" {
		c.Sentences = []string{t.Site.NoData}
	}
	return c
}

func (p *portal) trafficCard(c *card, g *digest) {
	vehicles, ok := g.spread("vehicle_count")
	if !ok {
		return
	}
	c.Key = g.print(vehicles.low, vehicles.sum)
	c.KeyName = g.say("Fahrzeuge an %d Zählstellen", "Vehicles at %d counting stations", vehicles.stations)
	if speed, ok := g.spread("speed_mean"); ok {
		c.Sentences = append(c.Sentences,
			g.say("Im Mittel fahren sie %s.", "They drive %s on average.", g.print(speed.low, speed.mean)),
			g.say("Am langsamsten: %s mit %s.", "Slowest: %s at %s.", speed.low.station.Name, g.print(speed.low, speed.low.Value())))
	}
	c.Ranked = g.say("Fahrzeuge je Zählstelle", "Vehicles per counting station")
	c.Towns = p.towns(g, "vehicle_count", func(s spread) float64 { return s.sum / float64(s.stations) }, true)
}

func (p *portal) energyCard(c *card, g *digest) {
	frequency, hasFrequency := g.spread("frequency")
	voltage, hasVoltage := g.spread("voltage")
	switch {
	case hasFrequency:
		c.Key, c.KeyName = g.print(frequency.low, frequency.mean), g.say("Netzfrequenz im Mittel", "Mean mains frequency")
	case hasVoltage:
		c.Key, c.KeyName = g.print(voltage.low, voltage.mean), g.say("Spannung im Mittel", "Mean voltage")
	default:
		return
	}
	if hasVoltage {
		c.Sentences = append(c.Sentences, g.say("Die Spannung liegt zwischen %s und %s.", "Voltages lie between %s and %s.",
			number(voltage.low.Value(), 1, g.lang), g.print(voltage.high, voltage.high.Value())))
	}
	if load, ok := g.spread("load"); ok {
		c.Sentences = append(c.Sentences, g.say("Am stärksten ausgelastet: %s mit %s.", "Highest load: %s at %s.",
			load.high.station.Name, g.print(load.high, load.high.Value())))
		c.Ranked = g.say("Höchste Trafo-Auslastung", "Highest transformer load")
		c.Towns = p.towns(g, "load", func(s spread) float64 { return s.high.Value() }, true)
	}
}

func (p *portal) roadCard(c *card, g *digest) {
	surface, ok := g.spread("surface_temperature")
	if !ok {
		return
	}
	c.Key, c.KeyName = g.print(surface.low, surface.low.Value()), g.say("Am kältesten: %s", "Coldest: %s", surface.low.station.Name)
	if states := g.rows["surface_state"]; len(states) > 0 {
		var slippery, wet int
		for _, r := range states {
			switch r.Quantity.Text(r.Mode) {
			case "ice", "hoarfrost", "snow", "slush":
				slippery++
			case "wet", "moist":
				wet++
			}
		}
		c.Sentences = append(c.Sentences, slipperyWords(g, slippery, len(states)),
			g.say("Nass oder feucht: %d von %d.", "Wet or moist: %d of %d.", wet, len(states)))
	}
	c.Ranked = g.say("Tiefste Fahrbahntemperatur", "Lowest surface temperature")
	c.Towns = p.towns(g, "surface_temperature", func(s spread) float64 { return s.low.Value() }, false)
}

func slipperyWords(g *digest, n, of int) string {
	if n == 0 {
		return g.say("Keine Messstelle meldet Eis, Schnee oder Reif.", "No station reports ice, snow or hoarfrost.")
	}
	return g.say("Glatt durch Eis, Schnee oder Reif: %d von %d Messstellen.", "Slippery from ice, snow or hoarfrost: %d of %d stations.", n, of)
}

func (p *portal) environmentCard(c *card, g *digest) {
	air, hasAir := g.spread("air_temperature")
	dust, hasDust := g.spread("pm2_5")
	switch {
	case hasAir:
		c.Key, c.KeyName = g.print(air.low, air.mean), g.say("Lufttemperatur im Mittel", "Mean air temperature")
	case hasDust:
		c.Key, c.KeyName = g.print(dust.low, dust.mean), g.say("Feinstaub PM2,5 im Mittel", "Mean particulates PM2.5")
	default:
		return
	}
	if hasDust {
		c.Sentences = append(c.Sentences, g.say("Feinstaub PM2,5 im Mittel %s, am meisten: %s.", "Particulates PM2.5 average %s, most: %s.",
			g.print(dust.low, dust.mean), dust.high.station.Name))
	}
	if rain, ok := g.spread("precipitation"); ok && rain.high.Value() > 0 {
		c.Sentences = append(c.Sentences, g.say("Niederschlag bis %s.", "Precipitation up to %s.", g.print(rain.high, rain.high.Value())))
	} else if ok {
		c.Sentences = append(c.Sentences, g.say("Es ist überall trocken.", "It is dry everywhere."))
	}
	c.Ranked = g.say("Feinstaub PM2,5 im Mittel", "Mean particulates PM2.5")
	c.Towns = p.towns(g, "pm2_5", func(s spread) float64 { return s.mean }, true)
}

// towns compares the municipalities that have the quantity.
func (p *portal) towns(g *digest, quantity string, pick func(spread) float64, bars bool) []townValue {
	var values []float64
	var towns []townValue
	for _, m := range p.Region.Municipalities {
		var rows []reading
		for _, r := range g.rows[quantity] {
			if r.station.Municipality == m.ID {
				rows = append(rows, r)
			}
		}
		if s, ok := spreadOf(rows); ok {
			values = append(values, pick(s))
			towns = append(towns, townValue{Name: m.Name, Text: g.print(s.low, pick(s))})
		}
	}
	greatest := 0.0
	for _, v := range values {
		greatest = max(greatest, v)
	}
	for i, v := range values {
		if bars && greatest > 0 {
			towns[i].Share = fmt.Sprintf("%.1f", 100*v/greatest)
		}
	}
	return towns
}
