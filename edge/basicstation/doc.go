// Package basicstation speaks the LNS protocol of Semtech's Basics Station:
// JSON messages over one WebSocket per gateway.
//
// It knows discovery, the radio configuration a gateway is told, how frames
// and downlinks are written, and which gateways may connect. It turns
// messages into the values of edge/radio and back. It leaves deduplication,
// sessions and the choice of receive windows to the edge, and knows no MQTT.
//
// A gateway that nothing authenticates can pretend to be any other: outside
// loopback the server demands TLS, and it checks client certificates, tokens
// and an allow-list where they are configured.
//
// The protocol takes LoRaWAN frames apart and has no field for the power of a
// downlink; the gateway chooses it by region and frequency. The protocol is
// described in the documentation of lorabasics/basicstation ("The LNS
// Protocol"); what a gateway makes of a message is in its src/s2e.c.
package basicstation
