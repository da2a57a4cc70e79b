// Package dashboards is the control room as code: folders and who may read
// them, data sources, dashboards, and alarms with who is told of them.
//
// It knows what a traffic controller, a grid operator, a road service, an
// environmental office and whoever runs the platform want to see, builds that
// with the Grafana foundation SDK as JSON (dashboards/json holds what it
// renders), and brings it to a Grafana through its HTTP API (Apply), compares
// (Diff) and takes it away again (Delete), or writes files for Grafana's own
// provisioning (Export). Municipalities that share a Grafana get a folder each.
// It touches nothing that is not marked as its own. Names of measurements, tags
// and quantities are those of internal/influx and devices; a test holds every
// query against them. It leaves storing and reading the values to InfluxDB and
// Grafana, which meet without this process.
package dashboards
