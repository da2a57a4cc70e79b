package dashboards

import (
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/geomap"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// silence is how long a device may say nothing before its line is broken, in
// milliseconds as Grafana counts.
const silence = float64(time.Hour / time.Millisecond)

func (b built) stat() *stat.PanelBuilder {
	color := common.BigValueColorModeNone
	if len(b.limits) > 0 {
		color = common.BigValueColorModeBackgroundSolid
	}
	return stat.NewPanelBuilder().
		ColorMode(color).
		GraphMode(common.BigValueGraphModeNone).
		TextMode(common.BigValueTextModeValue).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
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

func (b built) timeline() *statetimeline.PanelBuilder {
	return statetimeline.NewPanelBuilder().
		MergeValues(true).
		ShowValue(common.VisibilityModeNever).
		RowHeight(0.8).
		PerPage(20).
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
		DisplayName("${__data.fields." + columnStation + "}").
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
	return p.OverrideByName(columnStation, []dashboard.DynamicConfigValue{
		{Id: "displayName", Value: "Station"},
		{Id: "links", Value: b.onlyThis()},
	})
}

// properties say how the values of a column look; a column with limits or
// states shows them as the colour of its cells.
func (b built) properties(c column) []dashboard.DynamicConfigValue {
	if c.name == columnTime {
		return []dashboard.DynamicConfigValue{
			{Id: "displayName", Value: "Letzte Meldung"},
			{Id: "unit", Value: c.unit},
		}
	}
	all := []dashboard.DynamicConfigValue{{Id: "decimals", Value: c.digits}}
	if c.unit != "" {
		all = append(all, dashboard.DynamicConfigValue{Id: "unit", Value: c.unit})
	}
	if c.states != nil {
		all = append(all, dashboard.DynamicConfigValue{Id: "mappings", Value: c.states})
	}
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
					Latitude("lat").Longitude("lon")).
				Tooltip(true),
		}).
		Tooltip(geomap.NewTooltipOptionsBuilder().Mode(geomap.TooltipModeDetails))
	for _, c := range b.columns {
		p.OverrideByName(c.name, b.properties(c))
	}
	return p
}
