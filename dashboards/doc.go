// Package dashboards is the control room as code: the Grafana folder, the
// data source and one dashboard per domain.
//
// It knows what a traffic controller, a grid operator, a road service and an
// environmental office want to see, builds that with the Grafana foundation
// SDK as JSON (dashboards/json holds what it renders), and brings it to a
// Grafana through its HTTP API (Apply) or as files for Grafana's own
// provisioning (Export). Names of measurements, tags and quantities are those
// of internal/influx and devices; a test holds every query against them. It
// leaves storing and reading the values to InfluxDB and Grafana, which meet
// without this process.
package dashboards
