// Package uplink is the contract on the wire between edge gateways and the
// platform: MQTT topics and the JSON messages on them, version 1.
//
// It knows names, shapes, units and limits, builds and parses them in one
// place, and depends on nothing but the standard library so that other
// programs can import it. The files in testdata are the public examples. It
// leaves connections to internal/mqtt, meaning (which quantity is in which
// range) to devices, and storage to ingest.
//
// A field that version 1 does not name is ignored, so that a newer edge can
// add one; a field that changes its meaning needs version 2 and new topics.
package uplink
