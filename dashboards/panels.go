package dashboards

import (
	"fmt"

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
)

const rankingLength = 15

// panel describes one panel. Number, chart and timeline read their queries as
// time series; ranking, list and atlas as tables whose columns are named by the
// query. Several tables are joined by station.
type panel struct {
	kind          kind
	title, about  string
	width, height uint32 // of a grid 24 wide; a height unit is 30 px
	last          string // looks at this time before now, whatever range is on display: "15m"
	every         string // least window of a chart; at least twice the devices' interval
	queries       []string
	alias         string // of the series of charts and timelines: "$tag_station"
	unit          string // of Grafana's list; columns have their own
	digits        float64
	limits        limits
	states        []dashboard.ValueMapping
	between       [2]float64 // the range a chart's axis shows at least
	bars          bool       // chart of sums: the last bar still grows
	columns       []column   // of a table or map, in any order
	product       product
	order         string   // column by which a table or ranking is sorted, greatest first
	reversed      bool     // sorted by order, smallest first
	field         string   // column that colours the map
	hidden        []string // columns that only serve to calculate
}

// column is how one column of a table or map looks.
type column struct {
	name, unit string
	digits     int
	limits     limits // colour the cell
	states     []dashboard.ValueMapping
}

// product is a column calculated by Grafana: left times right, for factors
// from queries over different times. A missing factor counts as 0.
type product struct{ name, left, right string }

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

// built is a panel about to be rendered for a dashboard and a data source.
type built struct {
	panel
	uid    string
	source common.DataSourceRef
}

func (p panel) on(uid string, source common.DataSourceRef) cog.Builder[dashboard.Panel] {
	return built{p, uid, source}
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
	default:
		builder = b.places()
	}
	p, err := builder.Build()
	if err != nil {
		return p, cog.MakeBuildErrors(b.title, err)
	}
	p.Title, p.Description = &b.title, &b.about
	p.Datasource = &b.source
	p.GridPos = &dashboard.GridPos{W: b.width, H: b.height}
	if b.every != "" {
		p.Interval = &b.every
	}
	p.Targets = b.targets()
	if b.tabular() {
		p.Transformations = b.transformations()
	}
	if p.FieldConfig == nil {
		p.FieldConfig = dashboard.NewFieldConfigSource()
	}
	f := &p.FieldConfig.Defaults
	f.Decimals, f.Mappings = &b.digits, b.states
	if b.unit != "" {
		f.Unit = &b.unit
	}
	f.Thresholds = b.limits.config()
	f.NoValue = new("–")
	mode := dashboard.FieldColorModeIdThresholds
	if b.kind == chart {
		mode = dashboard.FieldColorModeIdPaletteClassicByName
	}
	f.Color = &dashboard.FieldColor{Mode: mode}
	return p, nil
}

func (b built) tabular() bool { return b.kind >= ranking }

func (b built) targets() []variants.Dataquery {
	format := "time_series"
	if b.tabular() {
		format = "table"
	}
	var all []variants.Dataquery
	for i, q := range b.queries {
		if b.last != "" {
			q = since(b.last, q)
		}
		all = append(all, target{
			RefID:        string(rune('A' + i)),
			Datasource:   b.source,
			Query:        q,
			RawQuery:     true,
			ResultFormat: format,
			Alias:        b.alias,
		})
	}
	return all
}

// transformations turn the answers into one table: without the time of an
// aggregate, which is that of the range's begin, joined, calculated, sorted.
func (b built) transformations() []dashboard.DataTransformerConfig {
	type options = map[string]any
	var all []dashboard.DataTransformerConfig
	add := func(id string, o options) {
		all = append(all, dashboard.DataTransformerConfig{Id: id, Options: o})
	}
	drop := func(names ...string) {
		add("filterFieldsByName", options{"exclude": options{"names": names}})
	}
	if !b.has(columnTime) {
		drop(columnTime)
	}
	if len(b.queries) > 1 {
		add("joinByField", options{"byField": columnStation, "mode": "outer"})
	}
	if b.product.name != "" {
		add("calculateField", options{
			"mode":   "binary",
			"alias":  b.product.name,
			"binary": options{"left": b.product.left, "operator": "*", "right": b.product.right},
		})
	}
	if len(b.hidden) > 0 {
		drop(b.hidden...)
	}
	if b.order != "" {
		add("sortBy", options{"fields": options{}, "sort": []options{{"field": b.order, "desc": !b.reversed}}})
	}
	if b.kind == ranking {
		add("limit", options{"limitField": rankingLength})
	}
	return all
}

// Columns that Grafana names: that of the time and that of the station, after
// its tag.
const (
	columnTime    = "Time"
	columnStation = "station"
)

func (b built) has(name string) bool {
	for _, c := range b.columns {
		if c.name == name {
			return true
		}
	}
	return false
}

// onlyThis is a link that narrows the dashboard to the station clicked.
func (b built) onlyThis() []map[string]any {
	return []map[string]any{{
		"title": "Nur diese Station zeigen",
		"url": fmt.Sprintf("/d/%s?${__url_time_range}&${municipality:queryparam}&var-station=${__value.text:percentencode}",
			b.uid),
	}}
}
