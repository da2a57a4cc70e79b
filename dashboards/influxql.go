package dashboards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"

	"modellregion/internal/influx"
	"modellregion/uplink"
)

// What queries group by.
const (
	perStation      = `"` + influx.TagStation + `"`
	perChannel      = perStation + `, "` + influx.TagChannel + `"`
	perMeter        = perChannel + `, "` + influx.TagDevice + `"`
	perMunicipality = `"` + influx.TagMunicipality + `"`
)

// chosen holds a query to what the dashboard's variables say. The format
// :regex escapes the values and joins several as (a|b), whatever version of
// the data source runs.
const chosen = `"` + influx.TagMunicipality + `" =~ /^${municipality:regex}$/ AND "` +
	influx.TagStation + `" =~ /^${station:regex}$/`

// placed is how far back a station's place is looked for: it is written when
// the device is placed or moved, and daily.
const placed = "7d"

// readings selects from the readings of a domain in the time range and in the
// stations chosen, optionally grouped and held to further conditions.
func readings(d uplink.Domain, what, per string, and ...string) string {
	q := `SELECT ` + what + ` FROM "` + string(d) + `" WHERE $timeFilter AND ` + chosen
	for _, condition := range and {
		q += " AND " + condition
	}
	return grouped(q, per)
}

// over selects from the rows of another query. The time range is that query's
// alone: said again, InfluxDB 1.8 answers nothing when the first inner window
// begins before it. Where q has windows, what is to call one function only:
// the server has a data race otherwise, which tests with it in the process see.
func over(q, what, per string) string {
	return grouped(`SELECT `+what+` FROM (`+q+`)`, per)
}

func grouped(q, per string) string {
	if per == "" {
		return q
	}
	return q + " GROUP BY " + per
}

// windows groups by Grafana's interval as well; windows without a reading
// give no row.
func windows(per string) string {
	if per == "" {
		return "time($__interval) fill(none)"
	}
	return "time($__interval), " + per + " fill(none)"
}

// since lets a query look back a fixed time from now instead of the range on
// display. Grafana's own way, a panel's relative time, does nothing while an
// absolute range is on display.
func since(age, q string) string {
	return strings.ReplaceAll(q, "$timeFilter", "time > now() - "+age+" AND time <= now()")
}

// places gives the point of each chosen station of a domain.
func places(d uplink.Domain) string {
	return since(placed, `SELECT last("`+influx.FieldLat+`") AS "lat", last("`+influx.FieldLon+`") AS "lon" FROM "`+
		influx.MeasurementPlace+`" WHERE $timeFilter AND "`+influx.TagDomain+`" = '`+string(d)+`' AND `+chosen+` GROUP BY `+perStation)
}

// municipalities lists the values of the variable of that name, stations those
// within the municipalities chosen.
func municipalities(d uplink.Domain) string {
	return `SHOW TAG VALUES FROM "` + influx.MeasurementPlace + `" WITH KEY = "` + influx.TagMunicipality +
		`" WHERE "` + influx.TagDomain + `" = '` + string(d) + `'`
}

func stations(d uplink.Domain) string {
	return `SHOW TAG VALUES FROM "` + influx.MeasurementPlace + `" WITH KEY = "` + influx.TagStation +
		`" WHERE "` + influx.TagDomain + `" = '` + string(d) + `' AND "` + influx.TagMunicipality + `" =~ /^${municipality:regex}$/`
}

// target is a panel's query as Grafana's InfluxDB data source reads it; the
// foundation SDK has no type for it.
type target struct {
	RefID        string               `json:"refId"`
	Datasource   common.DataSourceRef `json:"datasource"`
	Query        string               `json:"query"`
	RawQuery     bool                 `json:"rawQuery"`
	ResultFormat string               `json:"resultFormat"` // time_series or table
	Alias        string               `json:"alias,omitempty"`
}

// ImplementsDataqueryVariant marks the type as a query for the SDK.
func (target) ImplementsDataqueryVariant() {}

// DataqueryType names the plugin that runs the query.
func (target) DataqueryType() string { return "influxdb" }

// Validate finds nothing wrong: a query is tested where it is written.
func (target) Validate() error { return nil }

// Equals reports whether other is the same query on the same data source.
func (t target) Equals(other variants.Dataquery) bool {
	o, ok := other.(target)
	return ok && t.Datasource.Equals(o.Datasource) &&
		t.RefID == o.RefID && t.Query == o.Query && t.ResultFormat == o.ResultFormat && t.Alias == o.Alias
}
