// Package broker is the MQTT broker inside the platform, for one machine: it
// logs clients in, lets each one at its own topics of package uplink, limits
// what a stranger can cost, and counts what it refuses. Who has no login may be
// let at the topics that are public, to read them.
//
// It is the only user of the mochi library. It keeps nothing on disk and is
// not a queue: after a restart every retained message is published again by
// its owner, and every uplink that was not confirmed by its edge. It knows
// nothing about what the messages mean or where they are stored.
package broker
