// Package influx writes to and reads from InfluxDB 1.8 and 2.x.
//
// It is the sole owner of bucket, measurement, tag and field names (schema.go
// is the table) and satisfies the interfaces that ingest and opendata declare
// with the types of package devices. Writing uses the v2 API with whole
// batches; reading uses InfluxQL, the one language that 1.8, 2.x and 3 share.
// It leaves the server to its owner; internal/influx/embedded starts one in
// the process.
package influx
