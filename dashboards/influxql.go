package dashboards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"

	"modellregion/internal/influx"
	"modellregion/opendata"
	"modellregion/uplink"
)

// What queries group by.
const (
	perStation      = `"` + influx.TagStation + `"`
	perChannel      = perStation + `, "` + influx.TagChannel + `"`
	perMeter        = perChannel + `, "` + influx.TagDevice + `"`
	perMunicipality = `"` + influx.TagMunicipality + `"`
	perDevice       = `"` + influx.TagDevice + `"`
	perGateway      = `"` + influx.TagGateway + `"`
	perEdge         = `"` + influx.TagEdge + `"`
	perInstance     = `"` + influx.TagInstance + `"`
	perReason       = `"` + influx.TagReason + `"`
	perMark         = `"` + influx.TagMark + `"`
)

// What holds a query to what the dashboard's variables say. The format :regex
// escapes the values and joins several as (a|b), whatever version of the data
// source runs.
const (
	inMunicipality = `"` + influx.TagMunicipality + `" =~ /^${municipality:regex}$/`
	chosen         = inMunicipality + ` AND "` + influx.TagStation + `" =~ /^${station:regex}$/`
	chosenOpen     = `"` + influx.TagStation + `" =~ /^${stations:regex}$/`
	chosenGateway  = `"` + influx.TagGateway + `" =~ /^${gateway:regex}$/`
	chosenEdge     = `"` + influx.TagEdge + `" =~ /^${edge:regex}$/`
)

// placed is how far back a station's place is looked for: it is written when
// the device is placed or moved, and daily. Each day more is another file that
// is opened for each station.
const placed = "2d"

// query is what a panel asks one of the buckets.
type query struct {
	text string
	open bool // asks bucket open
}

// raw and open make queries of bucket raw and bucket open.
func raw(texts ...string) []query {
	all := make([]query, len(texts))
	for i, text := range texts {
		all[i].text = text
	}
	return all
}

func open(texts ...string) []query {
	all := raw(texts...)
	for i := range all {
		all[i].open = true
	}
	return all
}

// from selects from a measurement in the time range, held to a condition and
// optionally to further ones.
func from(measurement, what, per, condition string, and ...string) string {
	q := `SELECT ` + what + ` FROM "` + measurement + `" WHERE ` + strings.Join(append([]string{"$timeFilter", condition}, and...), " AND ")
	return grouped(q, per)
}

// readings selects from the readings of a domain in the time range and in the
// stations chosen, optionally grouped and held to further conditions.
func readings(d uplink.Domain, what, per string, and ...string) string {
	return from(string(d), what, per, chosen, and...)
}

// published selects from the windows of a dataset in bucket open.
func published(dataset string, w opendata.Window, what, per string, and ...string) string {
	return from(dataset, what, per, chosenOpen, append([]string{`"` + influx.TagWindow + `" = '` + w.String() + `'`}, and...)...)
}

// heard selects from what the gateways chosen received. It knows no station, and
// a list of a thousand devices would cost a tenth of a second in each query: who
// shows devices joins them with names, which knows those of the stations chosen.
func heard(what, per string, and ...string) string {
	return from(influx.MeasurementRadio, what, per, chosenGateway, and...)
}

// ofPlatform selects from what processes, edges or gateways say of themselves.
func ofPlatform(role, what, per string, and ...string) string {
	return from(influx.MeasurementPlatform, what, per, `"`+influx.TagRole+`" = '`+role+`'`, and...)
}

// over selects from the rows of another query. With many stations that costs
// InfluxDB a millisecond for each, so that numbers about all of them are made by
// Grafana (panel.reduce), and this is for few rows. The time range is that query's
// alone: said again, InfluxDB 1.8 answers nothing when the first inner window
// begins before it. Where q has windows, what is to call one function only:
// the server has a data race otherwise, which tests with it in the process see.
func over(q, what, per string, and ...string) string {
	outer := `SELECT ` + what + ` FROM (` + q + `)`
	if len(and) > 0 {
		outer += " WHERE " + strings.Join(and, " AND ")
	}
	return grouped(outer, per)
}

func grouped(q, per string) string {
	if per == "" {
		return q
	}
	return q + " GROUP BY " + per
}

// windows groups by Grafana's interval as well; windows without a reading
// give no row.
func windows(per string) string { return every("$__interval", per) }

// every groups by windows of that length.
func every(length, per string) string {
	if per == "" {
		return "time(" + length + ") fill(none)"
	}
	return "time(" + length + "), " + per + " fill(none)"
}

// gaps is windows where one without a value is an empty one, which ends a band.
func gaps(per string) string { return strings.Replace(windows(per), "fill(none)", "fill(null)", 1) }

// since lets a query look back a fixed time from now instead of the range on
// display. Grafana's own way, a panel's relative time, does nothing while an
// absolute range is on display.
func since(age, q string) string { return between(age, "0s", q) }

// between is since up to another time before now.
func between(age, until, q string) string {
	end := "now()"
	if until != "0s" {
		end += " - " + until
	}
	return strings.ReplaceAll(q, "$timeFilter", "time > now() - "+age+" AND time <= "+end)
}

// earlier looks at the day before the end of the range on display, or that day
// so much earlier. Grafana sets the end.
func earlier(by, q string) string {
	const end = "${__to}ms"
	return strings.ReplaceAll(q, "$timeFilter", "time > "+end+" - 1d - "+by+" AND time <= "+end+" - "+by)
}

// atMost holds a query to the last part of the range on display: what reads
// everything of a thousand stations must not be asked for a month.
func atMost(length, q string) string {
	return strings.ReplaceAll(q, "$timeFilter", "$timeFilter AND time > ${__to}ms - "+length)
}

// points gives the place and the name of each chosen station or, by perDevice,
// device of a domain or, for "", of all.
func points(d uplink.Domain, per string) string {
	return located(d, per, `last("`+influx.FieldLat+`") AS "`+columnLat+`", last("`+influx.FieldLon+`") AS "`+columnLon+`"`)
}

// names is points for those who need the name alone.
func names(d uplink.Domain, per string) string {
	return located(d, per, `last("`+influx.FieldLat+`") AS "`+columnLat+`"`)
}

func located(d uplink.Domain, per, what string) string {
	var domain []string
	if d != "" {
		domain = []string{`"` + influx.TagDomain + `" = '` + string(d) + `'`}
	}
	return since(placed, from(influx.MeasurementPlace, what, per+`, "`+influx.TagName+`"`, chosen, domain...))
}

// silentSince gives of the senders of a kind that are silent when they were
// heard last, in milliseconds since 1970, and their interval in minutes. Who
// has been silent for a month is given up.
func silentSince(sender, per string, and ...string) string {
	state := from(influx.MeasurementHealth,
		`last("`+influx.FieldSilent+`") AS "s", "`+influx.FieldLastHeard+`" AS "h", "`+influx.FieldInterval+`" AS "i"`,
		per, `"`+influx.TagSender+`" = '`+sender+`'`, and...)
	return over(since("30d", state), `"h" * 1000 AS "Zuletzt gehört", "i" / 60 AS "Intervall"`, per, `"s" = 1`)
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
