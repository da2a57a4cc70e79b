// Package edge is the gateway side of the platform: it hears frames, runs
// LoRaWAN sessions, decodes payloads, keeps the uplinks on disk and publishes
// them over MQTT until the platform says that they are stored.
//
// One goroutine owns sessions and database (process.go): frames are collected
// for the deduplication window (dedup.go), decided on, and committed in groups.
// Only what a commit made durable leaves the edge, as an uplink (outbox.go) or
// as a downlink (command.go), unless the disk refuses (disk.go). The database is
// store.go with its records, its opening and what is done with a damaged one
// (open.go, walk.go, repair.go, ledger.go), also by an operator (forget.go). clock.go knows what time it is,
// share.go what edges tell each other; verdict.go, overview.go and health.go are
// what an operator sees.
//
// The package leaves gateway protocols to edge/semtech and edge/basicstation,
// frames to edge/lorawan, payloads to devices/codec and the wire to uplink and
// internal/mqtt. It knows nothing of what the platform does with an uplink.
package edge
