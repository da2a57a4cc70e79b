// Package simulate is a model region without the region: a fleet of virtual
// sensors in five cities, and the packet forwarders that hear them.
//
// It knows what such a fleet sends: traffic, power grids, roads and weather as
// functions of a seed and the time, LoRaWAN end devices with real keys and
// counters, gateways that speak Semtech's UDP protocol, radio that loses and
// repeats, and a ledger on disk of every uplink that was handed to a gateway.
// Everything random is a hash of the seed, so that a fleet that is stopped at
// any instant goes on as if it had not been.
//
// It leaves everything behind the gateways to others and imports none of it:
// it is the stick the platform is measured with.
package simulate
