package sensorthings

// conformance lists the requirements that are met (OGC 18-088 §7): those for
// reading. Data arrays are read and not written, so that their class is not.
var conformance = []string{"datamodel", "resource-path", "request-data"}

const requirement = "http://www.opengis.net/spec/iot_sensing/1.1/req/"

// root is the answer to the address of the service (OGC 18-088 §9.2.1).
func (r *request) root() []byte {
	var sets []value
	for _, t := range entityTypes {
		sets = append(sets, ofObject(member{"name", ofText(t.set)}, member{"url", ofText(r.base + "/" + t.set)}))
	}
	var met []string
	for _, c := range conformance {
		met = append(met, requirement+c)
	}
	var settings []member
	if mqtt := r.service.cfg.MQTT; len(mqtt) > 0 {
		const updates = requirement + "receive-updates-via-mqtt/receive-updates"
		met = append(met, updates)
		settings = append(settings, member{updates, ofObject(member{"endpoints", texts(mqtt)})})
	}
	l := r.limits()
	whole := func(n int) value { return ofNumber(float64(n)) }
	// Members of other names are allowed; users of other servers had to find
	// out such limits.
	settings = append([]member{{"conformance", texts(met)}}, append(settings, member{"limits", ofObject(
		member{"$top", whole(l.Top)}, member{"$top default", whole(l.Default)}, member{"$top dataArray, CSV", whole(l.ArrayTop)},
		member{"entities", whole(l.Entities)}, member{"bytes", whole(l.Bytes)}, member{"observations read", whole(l.Rows)},
		member{"database queries", whole(l.Queries)}, member{"seconds", ofNumber(l.Time.Seconds())},
		member{"parallel requests", whole(l.PerClient)}, member{"$expand levels", whole(maxExpand)},
	)})...)
	return ofObject(member{"value", value{kind: list, items: sets}}, member{"serverSettings", ofObject(settings...)}).appendJSON(nil)
}
