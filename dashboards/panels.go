package dashboards

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// kind is how a panel draws what its queries answer.
type kind int

const (
	number   kind = iota // one number
	chart                // lines or bars over time
	timeline             // a band per series whose colour is its state
	ranking              // bars, the greatest first, at most rankingLength
	list                 // a row per station
	atlas                // the stations on a map, coloured by one column
	profile              // bars over the hours of a day or a week
)

const rankingLength = 15

// panel describes one panel. Number, chart and timeline read their queries as
// time series; the others as tables whose columns are named by the query.
// Several tables are joined by key.
type panel struct {
	kind          kind
	title, about  string
	width, height uint32 // of a grid 24 wide; a height unit is 30 px
	last          string // looks at this time before now, whatever range is on display: "15m"
	most          string // of the range on display it looks at the last part of this length
	span          string // has a range of its own, up to now: "30d"
	every         string // least window of a chart; at least twice the devices' interval
	queries       []query
	reduce        string // Grafana makes one of the rows of a table: "max", "min", "sum", "count"; of a chart those of each time
	alias         string // of the series of charts and timelines: "$tag_station"
	unit          string // of Grafana's list; columns have their own
	digits        float64
	limits        limits
	states        []dashboard.ValueMapping
	between       [2]float64 // the range a chart's axis shows at least
	bars          bool       // chart of sums: the last bar still grows
	columns       []column   // of a table or map, in any order; of a chart with reduce
	key           string     // column by which tables are joined; empty: the station
	together      bool       // the tables have the same columns and are put under each other instead
	calc          []calc     // columns that Grafana calculates, one after the other
	need          []string   // rows without a value in one of these columns are left out
	order         string     // column by which a table or ranking is sorted, greatest first
	reversed      bool       // sorted by order, smallest first
	field         string     // column that colours the map
	hidden        []string   // columns that only serve to calculate
	clock         string     // of a profile: how Moment.js names the slots, "HH:mm"
}

// column is how one column of a table or map looks.
type column struct {
	name, unit string
	digits     int
	limits     limits // colour the cell
	states     []dashboard.ValueMapping
}

// calc is a column calculated by Grafana: left operator right, each a column
// or a number, for factors from queries over different times; or, without an
// operator, the mean of some columns as far as they have a value.
type calc struct {
	name, left, operator, right string
	mean                        []string
}

// limits are colours from a value on, ascending; the first holds below the
// second, whatever its value.
type limits []limit

type limit struct {
	from  float64
	color string
}

// The colours: as at a traffic light, and one that says nothing.
const (
	plain  = "text"
	absent = "#8e8e8e"
	fine   = "green"
	notice = "yellow"
	warn   = "orange"
	alarm  = "red"
	cold   = "blue"
)

func (l limits) config() *dashboard.ThresholdsConfig {
	if len(l) == 0 {
		l = limits{{color: plain}}
	}
	c := &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute}
	for i, step := range l {
		t := dashboard.Threshold{Color: step.color}
		if i > 0 {
			t.Value = new(step.from)
		}
		c.Steps = append(c.Steps, t)
	}
	return c
}

// place is where a panel stands: the board and the installation.
type place struct {
	board   board
	options Options
}

// built is a panel about to be rendered in its place.
type built struct {
	panel
	place
}

func (p panel) at(here place) cog.Builder[dashboard.Panel] {
	if p.key == "" {
		p.key = columnStation
	}
	return built{p, here}
}

// Build renders what is particular to the kind and then what all have.
func (b built) Build() (dashboard.Panel, error) {
	var builder cog.Builder[dashboard.Panel]
	switch b.kind {
	case number:
		builder = b.stat()
	case chart:
		builder = b.chart()
	case timeline:
		builder = b.timeline()
	case ranking:
		builder = b.ranking()
	case list:
		builder = b.table()
	case profile:
		builder = b.profile()
	default:
		builder = b.places()
	}
	p, err := builder.Build()
	if err != nil {
		return p, cog.MakeBuildErrors(b.title, err)
	}
	about := b.explained()
	p.Title, p.Description = &b.title, &about
	source := b.source()
	p.Datasource = &source
	p.GridPos = &dashboard.GridPos{W: b.width, H: b.height}
	if b.every != "" {
		p.Interval = &b.every
	}
	if b.span != "" {
		p.TimeFrom = &b.span
	}
	p.Targets = b.targets()
	switch {
	case b.tabular():
		p.Transformations = b.transformations()
	case b.kind == chart && b.reduce != "":
		p.Transformations = b.reductions()
	}
	if p.FieldConfig == nil {
		p.FieldConfig = dashboard.NewFieldConfigSource()
	}
	f := &p.FieldConfig.Defaults
	f.Decimals, f.Mappings = &b.digits, b.states
	if b.kind == number {
		f.Mappings = append([]dashboard.ValueMapping{b.nothing()}, b.states...)
	}
	if b.unit != "" {
		f.Unit = &b.unit
	}
	f.Thresholds = b.limits.config()
	f.NoValue = new("–")
	if b.kind == ranking || b.kind == atlas {
		f.Links = b.leads("${__data.fields." + columnStation + "}")
	}
	mode := dashboard.FieldColorModeIdThresholds
	if b.kind == chart || b.kind == profile {
		mode = dashboard.FieldColorModeIdPaletteClassicByName
	}
	f.Color = &dashboard.FieldColor{Mode: mode}
	return p, nil
}

// explained adds to the description what holds for all panels of that sort.
func (b built) explained() string {
	about := b.about
	if b.most != "" {
		about += " Gezeigt wird höchstens " + spans()[b.most] + " am Ende des gewählten Zeitraums."
	}
	if b.board.single {
		return about
	}
	published := 0
	for _, q := range b.queries {
		if q.open {
			published++
		}
	}
	switch published {
	case 0:
		return about
	case len(b.queries):
		return about + " Quelle sind die offenen Daten: nur öffentliche Stationen."
	default:
		return about + " Ein Teil der Werte kommt aus den offenen Daten und fehlt, wo eine Station nicht öffentlich ist."
	}
}

// spans are lengths of time in words.
func spans() map[string]string {
	return map[string]string{"2h": "ein Abschnitt von 2 Stunden", "3h": "ein Abschnitt von 3 Stunden", "4h": "ein Abschnitt von 4 Stunden", "6h": "ein Abschnitt von 6 Stunden", "12h": "ein halber Tag", "1d": "ein Tag", "2d": "zwei Tage", "7d": "eine Woche"}
}

func (b built) tabular() bool { return b.kind >= ranking }

// source is that of all queries, or what stands for several.
func (b built) source() common.DataSourceRef {
	for _, q := range b.queries {
		if q.open != b.queries[0].open {
			return common.DataSourceRef{Type: new("datasource"), Uid: new("-- Mixed --")}
		}
	}
	return b.queries[0].source(b.options)
}

func (q query) source(o Options) common.DataSourceRef {
	if q.open {
		return sourceRef(o.OpenDataSourceUID)
	}
	return sourceRef(o.DataSourceUID)
}

func (b built) targets() []variants.Dataquery {
	format := "time_series"
	if b.tabular() || b.reduce != "" {
		format = "table"
	}
	var all []variants.Dataquery
	for i, q := range b.queries {
		text := q.text
		if b.last != "" {
			text = since(b.last, text)
		}
		if b.most != "" {
			text = atMost(b.most, text)
		}
		all = append(all, target{
			RefID:        string(rune('A' + i)),
			Datasource:   q.source(b.options),
			Query:        text,
			RawQuery:     true,
			ResultFormat: format,
			Alias:        b.alias,
		})
	}
	return all
}

// Columns that Grafana names, or places: the time, the tags, the point.
const (
	columnTime    = "Time"
	columnStation = "station"
	columnName    = "name"
	columnLat     = "lat"
	columnLon     = "lon"
)

func (b built) has(name string) bool {
	for _, c := range b.columns {
		if c.name == name {
			return true
		}
	}
	return false
}

// leads are links from a station, named as Grafana names it in its place: to
// the dashboard about it, or else this one narrowed to it, and to its public
// page.
func (b built) leads(station string) []dashboard.DashboardLink {
	to, title := b.board.next, "Im Einzelnen"
	if to == "" {
		to, title = b.board.uid, "Nur diese Station zeigen"
	}
	link := func(title, url string, blank bool) dashboard.DashboardLink {
		return dashboard.DashboardLink{Title: title, Type: dashboard.DashboardLinkTypeLink, Url: &url, Tags: []string{}, TargetBlank: blank}
	}
	all := []dashboard.DashboardLink{
		link(title, fmt.Sprintf("/d/%s?${__url_time_range}&${municipality:queryparam}&var-station=%s", to, station), false),
	}
	if b.options.PublicURL != "" && b.board.domain != "" {
		all = append(all, link("Öffentliche Seite", b.options.PublicURL+"/station/"+strings.Replace(station, ":percentencode", "", 1), true))
	}
	return all
}
