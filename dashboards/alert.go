package dashboards

import (
	"fmt"
	"strings"
	"time"
)

// Labels of every alarm, beside those that its query groups by. The first is
// our mark, by which routes find alarms and apply finds what is its own.
const (
	labelMark   = "modellregion"
	markAlarm   = "alarm"
	labelArea   = "bereich"
	labelSevere = "schwere"

	severe = "kritisch"
	milder = "warnung"
)

// Area is what an alarm is about, and a group of alert rules.
type Area string

// The areas, by the names that the configuration has for them.
const (
	AreaTraffic  Area = "traffic"
	AreaEnergy   Area = "energy"
	AreaRoad     Area = "road"
	AreaRadio    Area = "radio"
	AreaPlatform Area = "platform"
)

// Areas are all areas in the order in which they are shown.
func Areas() []Area { return []Area{AreaTraffic, AreaEnergy, AreaRoad, AreaRadio, AreaPlatform} }

// title is what people read, in the label of an alarm too.
func (a Area) title() string {
	switch a {
	case AreaTraffic:
		return "Verkehr"
	case AreaEnergy:
		return "Energienetz"
	case AreaRoad:
		return "Straßenzustand"
	case AreaRadio:
		return "Funknetz"
	default:
		return "Plattform"
	}
}

// What an alert rule is when its queries answer nothing, or fail.
const (
	stateOK       = "OK"
	stateAlerting = "Alerting"
	stateError    = "Error" // an alarm DatasourceError instead of a false all-clear
)

// alert is one alert rule: the definition from which both the form of
// Grafana's API and that of its provisioning files are made.
//
// Grafana evaluates it each minute. What a query groups by tells the alarms
// apart. An alarm begins when the last expression has not been 0 for the time
// pending.
type alert struct {
	name, title     string // part of its uid; for people
	area            Area
	severity        string
	queries         []alertQuery
	expressions     []expression // the last is the condition
	pending         time.Duration
	noData, onError string
	summary, todo   string // German; templates of Grafana. They write {{ .Labels.x }} and not {{ $labels.x }}: a $ would be replaced in files
	board           string // uid of the dashboard that shows more
}

// alertQuery is InfluxQL on bucket raw, with $timeFilter for the time from
// span ago until now.
type alertQuery struct {
	ref  string
	span time.Duration
	text string
}

// AlertQuery is one InfluxQL query of an alert rule, with $timeFilter in it.
type AlertQuery struct {
	Rule, RefID string // title of the rule; "A"
	Span        time.Duration
	InfluxQL    string
}

// AlertQueries returns every query of every alert rule, for those who hold them
// against a database.
func AlertQueries() []AlertQuery {
	var all []AlertQuery
	for _, a := range alerts() {
		for _, q := range a.queries {
			all = append(all, AlertQuery{a.title, q.ref, q.span, q.text})
		}
	}
	return all
}

// Expand returns the query as Grafana sends it when it evaluates the rule now.
func (q AlertQuery) Expand(now time.Time) string {
	return strings.ReplaceAll(q.InfluxQL, "$timeFilter",
		fmt.Sprintf("time >= %dms and time <= %dms", now.Add(-q.Span).UnixMilli(), now.UnixMilli()))
}

// expression works on answers: with a reducer it makes one number of each
// series of a query, without it is a formula of other expressions.
type expression struct {
	ref, reducer, text string
}

// above is true from when a query's series has exceeded high until it is at or
// below low, so that a value around one limit does not raise alarms again and
// again. It needs no memory, which Grafana has for that since version 11 only:
// the series reaches back far enough to hold the excess.
func above(low, high string) []expression {
	return []expression{
		{"B", "last", "A"},
		{"C", "max", "A"},
		{"D", "", "$B > " + low + " && $C > " + high},
	}
}

// below is the same for what must not become small.
func below(high, low string) []expression {
	return []expression{
		{"B", "last", "A"},
		{"C", "min", "A"},
		{"D", "", "$B < " + high + " && $C < " + low},
	}
}

const (
	alertUID      = FolderUID + "-alarm-"
	evaluateEvery = "1m" // Grafana's default, which rules that come by the API get
	exprSource    = "__expr__"
)

func (a *alert) uid() string { return alertUID + a.name }

// alertRule is an alert rule as Grafana's API and its provisioning files have
// it alike; the API adds folderUID and ruleGroup.
type alertRule struct {
	UID          string            `json:"uid"`
	Title        string            `json:"title"`
	FolderUID    string            `json:"folderUID,omitempty"`
	RuleGroup    string            `json:"ruleGroup,omitempty"`
	Condition    string            `json:"condition"`
	Data         []alertData       `json:"data"`
	NoDataState  string            `json:"noDataState"`
	ExecErrState string            `json:"execErrState"`
	For          string            `json:"for"`
	Annotations  map[string]string `json:"annotations"`
	Labels       map[string]string `json:"labels"`
	IsPaused     bool              `json:"isPaused"`
}

type alertData struct {
	RefID             string         `json:"refId"`
	RelativeTimeRange timeRange      `json:"relativeTimeRange"`
	DatasourceUID     string         `json:"datasourceUid"`
	Model             map[string]any `json:"model"`
}

type timeRange struct { // seconds before now
	From int `json:"from"`
	To   int `json:"to"`
}

// rule renders the definition for a data source and a Grafana.
func (a *alert) rule(source string, link string) alertRule {
	r := alertRule{
		UID: a.uid(), Title: a.title, Condition: a.expressions[len(a.expressions)-1].ref,
		NoDataState: a.noData, ExecErrState: a.onError, For: promDuration(a.pending),
		Labels:      map[string]string{labelMark: markAlarm, labelArea: a.area.title(), labelSevere: a.severity},
		Annotations: map[string]string{"summary": a.summary, "description": a.todo, "leitstand": link},
	}
	for _, q := range a.queries {
		r.Data = append(r.Data, alertData{
			RefID: q.ref, DatasourceUID: source, RelativeTimeRange: timeRange{From: int(q.span / time.Second)},
			Model: model(q.ref, "influxdb", source, map[string]any{"query": q.text, "rawQuery": true, "resultFormat": "time_series"}),
		})
	}
	for _, e := range a.expressions {
		m := map[string]any{"type": "math", "expression": e.text}
		if e.reducer != "" {
			// What is no number would make the condition none either, and that is an alarm.
			m = map[string]any{"type": "reduce", "expression": e.text, "reducer": e.reducer, "settings": map[string]any{"mode": "dropNN"}}
		}
		r.Data = append(r.Data, alertData{RefID: e.ref, DatasourceUID: exprSource, Model: model(e.ref, exprSource, exprSource, m)})
	}
	return r
}

// model completes what Grafana reads of a query with what it would add.
func model(ref, kind, source string, m map[string]any) map[string]any {
	m["refId"] = ref
	m["datasource"] = map[string]any{"type": kind, "uid": source}
	m["intervalMs"], m["maxDataPoints"] = 1000, 43200
	return m
}

// promDuration writes whole minutes as Grafana's API does.
func promDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// alertRules renders all definitions for what c says.
func (c Config) alertRules(source string) []alertRule {
	var rules []alertRule
	for _, a := range alerts() {
		r := a.rule(source, c.link(a))
		r.FolderUID, r.RuleGroup = FolderUID, a.area.title()
		rules = append(rules, r)
	}
	return rules
}

// link is the address of the dashboard that shows more, as a template: in the
// folder of the municipality where that has one, which is all that some
// readers may see.
func (c Config) link(a alert) string {
	uid := a.board
	if a.area.perStation() && len(c.Municipalities) > 0 {
		var b strings.Builder
		for i, m := range c.Municipalities {
			b.WriteString(map[bool]string{true: "{{ if", false: "{{ else if"}[i == 0])
			fmt.Fprintf(&b, " eq .Labels.municipality %q }}%s", m.ID, scoped(uid, m.ID))
		}
		uid = b.String() + "{{ else }}" + uid + "{{ end }}"
	}
	link := strings.TrimSuffix(c.URL, "/") + "/d/" + uid
	if a.area.perStation() {
		link += "?var-station={{ .Labels.station }}"
	}
	return link
}

// perStation reports whether alarms of the area have the labels of a station.
func (a Area) perStation() bool { return a != AreaRadio && a != AreaPlatform }
