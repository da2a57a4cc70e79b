// Package ingest takes what the edges publish, checks it against the device
// registry and the vocabulary, stores it and tells the edges so.
//
// It keeps no state of its own: a message that is not confirmed comes again,
// to this process or to another, and storing a reading twice changes nothing.
// It owns the interfaces to what it stands on (Sink, Graveyard, Directory,
// Confirmer) and leaves MQTT and InfluxDB to those who satisfy them.
package ingest
