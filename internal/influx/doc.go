// Package influx writes to and reads from InfluxDB 1.8, 2.x and 3.
//
// It is the sole owner of bucket, measurement, tag and field names (schema.go
// is the table) and satisfies the interfaces that ingest and opendata declare
// with the types of package devices. Writing uses the v2 API with whole
// batches; reading uses InfluxQL, the one language that 1.8, 2.x and 3 share.
// What to do about a write that failed it leaves to the caller, and says only
// which kind of failure it is. It leaves the server to its owner, but creates
// its buckets when asked to; internal/influx/embedded starts one in the
// process.
package influx
