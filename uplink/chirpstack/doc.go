// Package chirpstack translates what ChirpStack version 4 publishes of devices
// into uplink.ServerEvent: uplinks, joins and device status, in JSON with names
// in camelCase as it writes them when nothing else is configured.
//
// It knows the topics and messages of ChirpStack's MQTT integration (its
// integration.proto and gw.proto). It leaves the connection to whoever has the
// messages, and what a payload means to devices/codec.
package chirpstack
