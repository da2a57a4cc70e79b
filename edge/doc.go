// Package edge is the gateway side of the platform: it hears frames, runs
// LoRaWAN sessions, decodes payloads, keeps the uplinks on disk and publishes
// them over MQTT until the platform says that they are stored.
//
// One goroutine owns sessions and database (process.go): frames are collected
// for the deduplication window, decided on, and committed in groups. Only what
// a commit made durable leaves the edge, as an uplink (outbox.go) or as a
// downlink. The package leaves gateway protocols to edge/semtech, frames to
// edge/lorawan, payloads to devices/codec and the wire to uplink and
// internal/mqtt. It knows nothing of what the platform does with an uplink.
package edge
