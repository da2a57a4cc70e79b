package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"modellregion/internal/influx"
)

// choice is a variable of a dashboard: what can be chosen above it.
type choice struct {
	name, label, query string
	single             bool // one value, and not all of them
	hidden             bool // it follows from the others
}

// variables are the municipality, the stations in those chosen and, hidden,
// these as a list, for bucket open, which has no municipality.
func (b board) variables() []choice {
	domain := ""
	if b.domain != "" {
		domain = `"` + influx.TagDomain + `" = '` + string(b.domain) + `' AND `
	}
	const everywhere = `"` + influx.TagMunicipality + `" =~ /./`
	all := []choice{
		{name: "municipality", label: "Kommune", query: tagValues(influx.MeasurementPlace, influx.TagMunicipality, domain+everywhere)},
		{name: "station", label: "Station", query: tagValues(influx.MeasurementPlace, influx.TagStation, domain+inMunicipality), single: b.single},
		{name: "stations", query: tagValues(influx.MeasurementPlace, influx.TagStation, domain+chosen), hidden: true},
	}
	if b.gateways {
		all = append(all, choice{name: "gateway", label: "Gateway", query: tagValues(influx.MeasurementRadio, influx.TagGateway, `"`+influx.TagGateway+`" =~ /./`)})
	}
	if b.edges {
		all = append(all, choice{name: "edge", label: "Edge", query: tagValues(influx.MeasurementPlatform, influx.TagEdge, `"`+influx.TagRole+`" = '`+influx.RoleEdge+`'`)})
	}
	return all
}

// build renders a variable. What stands for all values of one that is shown is
// a regular expression: listing a thousand stations would make each query as
// long. A hidden one does list them.
func (c choice) build(source common.DataSourceRef) *dashboard.QueryVariableBuilder {
	v := dashboard.NewQueryVariableBuilder(c.name).
		Label(c.label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &c.query}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalCaseInsensitiveAsc)
	if c.single {
		return v
	}
	if c.hidden {
		v.Hide(dashboard.VariableHideHideVariable)
	} else {
		v.AllValue(Every)
	}
	return v.Multi(true).IncludeAll(true).Current(dashboard.VariableOption{
		Selected: new(true),
		Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
		Value:    dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
	})
}

// tagValues lists the values of a tag.
func tagValues(measurement, key, condition string) string {
	return `SHOW TAG VALUES FROM "` + measurement + `" WITH KEY = "` + key + `" WHERE ` + condition
}
