// Package ingest takes what edges and the application servers of other networks
// publish, checks it against the device registry and the vocabulary, stores it
// and says so to where it came from.
//
// It keeps no state on disk: a message that is not confirmed comes again, to
// this process or to another, and storing a reading twice changes nothing. What
// it keeps in memory, to doubt values and to notice silence, it can do without.
// It owns the interfaces to what it stands on (Store, Directory, Voice) and
// leaves MQTT and InfluxDB to those who satisfy them.
//
// The way of a message: Receive, a bounded queue, collect, which checks it and
// puts it into the batch of its lane, write, which stores the batch, then the
// confirmation. Uplinks of one device take one lane and stay in order.
package ingest
