package main

import (
	"slices"
	"strings"
)

// role is a part of the platform that can run in a process of its own.
type role string

const (
	roleIngest    role = "ingest"    // messages of edges and sources → InfluxDB
	roleAggregate role = "aggregate" // bucket raw → bucket open, its files, the list of public stations
	rolePublic    role = "public"    // shows files and portal; reads bucket open alone
	roleLists     role = "lists"     // device lists to edges, places of devices
	roleEdge      role = "edge"      // the edge that runs inside
)

// The roles that need a login of the platform at the database, and so may read
// bucket raw and the registry; and those that need the broker.
var (
	insideRoles = []role{roleIngest, roleAggregate, roleLists}
	brokerRoles = []role{roleIngest, roleLists, roleEdge}
)

func everyRole() []role { return []role{roleIngest, roleAggregate, rolePublic, roleLists, roleEdge} }

// runs reports whether this process has one of the roles.
func (c *config) runs(any ...role) bool {
	return len(c.Roles) == 0 || slices.ContainsFunc(any, func(r role) bool { return slices.Contains(c.Roles, r) })
}

// runsAll reports whether this process is the whole platform.
func (c *config) runsAll() bool {
	return !ingestOnly && !slices.ContainsFunc(everyRole(), func(r role) bool { return !c.runs(r) })
}

// runsOnly reports whether this process has that role and no other.
func (c *config) runsOnly(r role) bool {
	return len(c.Roles) > 0 && !slices.ContainsFunc(c.Roles, func(other role) bool { return other != r })
}

// roleNames are the roles of this process, with sep between them.
func (c *config) roleNames(sep string) string {
	var names []string
	for _, r := range everyRole() {
		if c.runs(r) {
			names = append(names, string(r))
		}
	}
	return strings.Join(names, sep)
}

// checkRoles finds wrong roles, and what cannot be done by some of them.
func (c *config) checkRoles(need need) {
	if ingestOnly {
		need(c.runsOnly(roleIngest), "roles", "this program has the ingest alone; want roles: [ingest] (or serve --roles ingest)")
		c.needServers(need, string(roleIngest))
		return
	}
	known := true
	for _, r := range c.Roles {
		ok := slices.Contains(everyRole(), r)
		need(ok, "roles", "%q, want ingest, aggregate, public, lists or edge", r)
		known = known && ok
	}
	if c.runsAll() || !known {
		return
	}
	c.needServers(need, c.roleNames(", "))
	inside := slices.ContainsFunc(c.Edges, func(e edgeConfig) bool { return e.UDP != "" })
	need(inside || !c.runsOnly(roleEdge), "roles", "edge: no edge has udp, so none runs inside")
}

// needServers finds what is missing of broker and database elsewhere, which some
// roles alone need.
func (c *config) needServers(need need, roles string) {
	for path, s := range map[string]struct {
		listen, url string
		needed      bool
	}{
		"mqtt":   {c.MQTT.Listen, c.MQTT.URL, c.runs(brokerRoles...)},
		"influx": {c.Influx.Listen, c.Influx.URL, c.runs(append(insideRoles, rolePublic)...)},
	} {
		need(s.url != "" || !s.needed, path+".url", "must be given: the embedded server is for a process with all roles, and this one has %s alone", roles)
		need(s.url == "" || s.listen == "", path, "want either listen, for the embedded server, or url, for another")
	}
}

// endpointsFile is the file with the addresses in use. Processes with
// different roles may share a data folder.
func (c *config) endpointsFile() string {
	if c.runsAll() {
		return "endpoints.json"
	}
	return "endpoints-" + c.roleNames("-") + ".json"
}
