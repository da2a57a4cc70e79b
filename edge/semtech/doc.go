// Package semtech speaks the UDP protocol of Semtech's packet forwarder,
// version 2, and echoes version 1 to gateways that still use it.
//
// It knows datagrams: how frames, statistics and downlinks are written in
// them, who acknowledges what, and from where a gateway last asked for
// downlinks. It turns them into the values of edge/radio and back. It leaves
// deduplication, sessions and the choice of a receive window to the edge, and
// knows no MQTT.
//
// The protocol has no authentication: whoever can send a datagram can pretend
// to be a gateway. Bind the server to loopback or to a VPN.
//
// Server is the side of the network; the functions AppendPushData,
// AppendPullData, AppendTXAck and ParsePullResp are the side of a packet
// forwarder. The protocol is described in PROTOCOL.md of Lora-net/sx1302_hal.
package semtech
