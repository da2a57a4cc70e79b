package dashboards

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/geomap"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"modellregion/internal/influx"
)

// silence is how long a device may say nothing before its line is broken, in
// milliseconds as Grafana counts.
const silence = float64(time.Hour / time.Millisecond)

func (b built) stat() *stat.PanelBuilder {
	color := common.BigValueColorModeNone
	if len(b.limits) > 0 || b.states != nil {
		color = common.BigValueColorModeBackgroundSolid
	}
	return stat.NewPanelBuilder().
		ColorMode(color).
		GraphMode(common.BigValueGraphModeNone).
		TextMode(common.BigValueTextModeValue).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{cmp.Or(b.reduce, "lastNotNull")}))
}

func (b built) chart() *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().
		LineWidth(1).
		ShowPoints(common.VisibilityModeNever).
		InsertNulls(common.BoolOrFloat64{Float64: new(silence)}).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).
			ShowLegend(true).
			Calcs([]string{})).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).
			Sort(common.SortOrderDescending))
	if b.bars {
		p.DrawStyle(common.GraphDrawStyleBars).FillOpacity(60)
	}
	if len(b.limits) > 0 {
		p.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	if b.between != [2]float64{} {
		p.AxisSoftMin(b.between[0]).AxisSoftMax(b.between[1])
	}
	return p
}

// profile draws bars over named slots. Its one value, when it is averaged, has
// a name that Grafana makes: shown is what it was called.
func (b built) profile() *barchart.PanelBuilder {
	p := barchart.NewPanelBuilder().
		XField(columnTime).
		XTickLabelSpacing(100).
		Orientation(common.VizOrientationVertical).
		ShowValue(common.VisibilityModeNever).
		Stacking(common.StackingModeNone).
		FillOpacity(70).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).
			ShowLegend(len(b.queries) > 1).
			Calcs([]string{})).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).
			Sort(common.SortOrderNone))
	if len(b.queries) == 1 {
		p.OverrideByName(b.field+" (mean)", []dashboard.DynamicConfigValue{{Id: "displayName", Value: b.field}})
	}
	return p
}

func (b built) timeline() *statetimeline.PanelBuilder {
	return statetimeline.NewPanelBuilder().
		MergeValues(true).
		ShowValue(common.VisibilityModeNever).
		RowHeight(0.8).
		PerPage(20).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeSingle).
			Sort(common.SortOrderNone)).
		Legend(common.NewVizLegendOptionsBuilder().
			DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).
			ShowLegend(true).
			Calcs([]string{}))
}

func (b built) ranking() *bargauge.PanelBuilder {
	return bargauge.NewPanelBuilder().
		DisplayMode(common.BarGaugeDisplayModeBasic).
		Orientation(common.VizOrientationHorizontal).
		ShowUnfilled(true).
		Min(b.between[0]).
		Max(b.between[1]).
		DisplayName("${__data.fields." + b.key + "}").
		ReduceOptions(common.NewReduceDataOptionsBuilder().Values(true).Calcs([]string{}).Limit(rankingLength))
}

func (b built) table() *table.PanelBuilder {
	p := table.NewPanelBuilder().
		CellHeight(common.TableCellHeightSm).
		Footer(common.NewTableFooterOptionsBuilder().Reducer([]string{})).
		Filterable(true)
	for _, c := range b.columns {
		p.OverrideByName(c.name, b.properties(c))
	}
	for _, t := range tagColumns() {
		if b.key == columnStation && t.name != columnName {
			continue // has no other
		}
		properties := []dashboard.DynamicConfigValue{{Id: "displayName", Value: t.label}}
		if t.words != nil {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "mappings", Value: words(t.words)})
		}
		p.OverrideByName(t.name, properties)
	}
	return p.OverrideByName(columnStation, []dashboard.DynamicConfigValue{
		{Id: "displayName", Value: "Station"},
		{Id: "links", Value: b.leads("${__value.text:percentencode}")},
	})
}

// tagColumn is how a column with the values of a tag is called, and they.
type tagColumn struct {
	name, label string
	words       map[string]string
}

func tagColumns() []tagColumn {
	return []tagColumn{
		{columnName, "Name", nil},
		{influx.TagDevice, "Gerät", nil},
		{influx.TagGateway, "Gateway", nil},
		{influx.TagEdge, "Edge", nil},
		{influx.TagID, "Kennung", nil},
		{influx.TagSender, "Art", map[string]string{"gateway": "Gateway", "edge": "Edge"}},
		{influx.TagDomain, "Bereich", map[string]string{"traffic": "Verkehr", "energy": "Energie", "road": "Straße", "environment": "Umwelt"}},
		{influx.TagReason, "Grund", nil},
		{influx.FieldWhy, "Was nicht stimmt", nil},
	}
}

func words(texts map[string]string) []dashboard.ValueMapping {
	m := dashboard.NewValueMap()
	for i, value := range slices.Sorted(maps.Keys(texts)) {
		m.Options[value] = dashboard.ValueMappingResult{Text: new(texts[value]), Index: new(int32(i))}
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

// span shows all numbers between two as a word; nil is no end.
func span(from, to *float64, text, color string) []dashboard.ValueMapping {
	m := dashboard.NewRangeMap()
	m.Options = dashboard.DashboardRangeMapOptions{From: from, To: to, Result: dashboard.ValueMappingResult{Text: &text, Color: &color, Index: new(int32(0))}}
	return []dashboard.ValueMapping{{RangeMap: m}}
}

// properties say how the values of a column look; a column with limits or
// states shows them as the colour of its cells.
func (b built) properties(c column) []dashboard.DynamicConfigValue {
	if c.name == columnTime {
		return []dashboard.DynamicConfigValue{
			{Id: "displayName", Value: "Zeit"},
			{Id: "unit", Value: c.unit},
		}
	}
	all := []dashboard.DynamicConfigValue{{Id: "decimals", Value: c.digits}}
	if c.unit != "" {
		all = append(all, dashboard.DynamicConfigValue{Id: "unit", Value: c.unit})
	}
	all = append(all, dashboard.DynamicConfigValue{Id: "mappings", Value: append([]dashboard.ValueMapping{b.nothing()}, c.states...)})
	if c.limits != nil {
		all = append(all, dashboard.DynamicConfigValue{Id: "thresholds", Value: c.limits.config()})
	}
	if b.kind == list && (c.limits != nil || c.states != nil) {
		all = append(all, dashboard.DynamicConfigValue{
			Id: "custom.cellOptions", Value: map[string]any{"type": "color-background", "mode": "basic"},
		})
	}
	return all
}

// nothing shows no value as such: Grafana would give it the colour of the least
// one, and write NaN for what was calculated from it. On a map it is grey.
func (b built) nothing() dashboard.ValueMapping {
	color := "transparent"
	if b.kind == atlas {
		color = absent
	}
	m := dashboard.NewSpecialValueMap()
	m.Options = dashboard.DashboardSpecialValueMapOptions{
		Match:  dashboard.SpecialValueMatchNullAndNan,
		Result: dashboard.ValueMappingResult{Text: new("–"), Color: &color, Index: new(int32(99))},
	}
	return dashboard.ValueMapping{SpecialValueMap: m}
}

// places draws a map on the base map that Grafana's operator has configured.
func (b built) places() *geomap.PanelBuilder {
	circle := map[string]any{
		"color":   map[string]any{"field": b.field, "fixed": absent},
		"opacity": 0.9,
		"size":    map[string]any{"fixed": 7, "min": 2, "max": 15},
		"symbol":  map[string]any{"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
	}
	p := geomap.NewPanelBuilder().
		View(geomap.NewMapViewConfigBuilder().Id("fit").AllLayers(true).Zoom(14)).
		Controls(geomap.NewControlsOptionsBuilder().
			ShowZoom(true).MouseWheelZoom(true).ShowAttribution(true).ShowScale(true)).
		Basemap(common.NewMapLayerOptionsBuilder().Type("default").Name("Karte").Config(map[string]any{})).
		Layers([]cog.Builder[common.MapLayerOptions]{
			common.NewMapLayerOptionsBuilder().
				Type("markers").
				Name("Stationen").
				Config(map[string]any{"showLegend": true, "style": circle}).
				Location(common.NewFrameGeometrySourceBuilder().
					Mode(common.FrameGeometrySourceModeCoords).
					Latitude(columnLat).Longitude(columnLon)).
				Tooltip(true),
		}).
		Tooltip(geomap.NewTooltipOptionsBuilder().Mode(geomap.TooltipModeDetails))
	for _, c := range b.columns {
		p.OverrideByName(c.name, b.properties(c))
	}
	return p
}
