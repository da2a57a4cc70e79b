package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// pipeline collects the steps by which Grafana makes one table of a panel's
// answers.
type pipeline []dashboard.DataTransformerConfig

type options = map[string]any

func (p *pipeline) add(id string, o options) {
	*p = append(*p, dashboard.DataTransformerConfig{Id: id, Options: o})
}

func (p *pipeline) drop(names ...string) {
	p.add("filterFieldsByName", options{"exclude": options{"names": names}})
}

func (p *pipeline) join(key string) {
	p.add("joinByField", options{"byField": key, "mode": "outer"})
}

// transformations turn the answers into one table: without the time of an
// aggregate, which is that of the range's begin, joined, calculated, filtered
// and sorted.
func (b built) transformations() []dashboard.DataTransformerConfig {
	var p pipeline
	if b.kind == profile {
		b.slots(&p)
		return p
	}
	if !b.has(columnTime) {
		p.drop(columnTime)
	}
	switch {
	case b.together:
		p.add("merge", options{})
	case len(b.queries) > 1:
		p.join(b.key)
	}
	for _, c := range b.calc {
		p.calculate(c)
	}
	if len(b.need) > 0 {
		var without []options
		for _, name := range b.need {
			without = append(without, options{"fieldName": name, "config": options{"id": "isNull", "options": options{}}})
		}
		p.add("filterByValue", options{"type": "exclude", "match": "any", "filters": without})
	}
	if hidden := b.unseen(); len(hidden) > 0 {
		p.drop(hidden...)
	}
	if b.order != "" {
		p.add("sortBy", options{"fields": options{}, "sort": []options{{"field": b.order, "desc": !b.reversed}}})
	}
	if b.kind == ranking {
		p.add("limit", options{"limitField": rankingLength})
	}
	return p
}

// reductions make one value of those that the rows have at each time, for each
// answer by itself, under the name that it had: Grafana adds how it was made.
func (b built) reductions() []dashboard.DataTransformerConfig {
	fields := options{columnTime: options{"operation": "groupby", "aggregations": []string{}}}
	for _, c := range b.columns {
		fields[c.name] = options{"operation": "aggregate", "aggregations": []string{b.reduce}}
	}
	var p pipeline
	p.add("groupBy", options{"fields": fields})
	p.add("renameByRegex", options{"regex": `^(.*) \(` + b.reduce + `\)$`, "renamePattern": "$1"})
	p.add("sortBy", options{"fields": options{}, "sort": []options{{"field": columnTime, "desc": false}}})
	return p
}

// unseen are the columns that serve to calculate, and of a list the points.
func (b built) unseen() []string {
	if b.kind == list {
		return append([]string{columnLat, columnLon}, b.hidden...)
	}
	return b.hidden
}

func (p *pipeline) calculate(c calc) {
	if len(c.mean) > 0 {
		p.add("calculateField", options{
			"mode": "reduceRow", "alias": c.name,
			"reduce": options{"reducer": "mean", "include": c.mean},
		})
		return
	}
	p.add("calculateField", options{
		"mode": "binary", "alias": c.name,
		"binary": options{"left": c.left, "operator": c.operator, "right": c.right},
	})
}

// slots name each time by its place in the day or week, from Grafana 9.5 on:
// 9.4 cannot, and shows each time by itself. Several answers are
// set beside each other, as one day beside the day before; one is averaged over
// the days or weeks that it has.
func (b built) slots(p *pipeline) {
	p.add("convertFieldType", options{
		"fields":      options{},
		"conversions": []options{{"targetField": columnTime, "destinationType": "string", "dateFormat": b.clock}},
	})
	if len(b.queries) > 1 {
		p.join(columnTime)
		return
	}
	p.add("groupBy", options{"fields": options{
		columnTime: options{"operation": "groupby", "aggregations": []string{}},
		b.field:    options{"operation": "aggregate", "aggregations": []string{"mean"}},
	}})
	p.add("sortBy", options{"fields": options{}, "sort": []options{{"field": columnTime, "desc": false}}})
}
