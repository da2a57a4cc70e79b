// Package semtech speaks the UDP protocol of Semtech's packet forwarder,
// version 2, and echoes version 1 to gateways that still use it.
//
// It knows datagrams: how frames, statistics and downlinks are written in
// them, who acknowledges what, and from where a gateway asks for downlinks. It
// turns them into the values of edge/radio and back, and asks a gateway for the
// next of a downlink's windows when it refuses one. It leaves deduplication,
// sessions and the order of windows to the edge, and knows no MQTT.
//
// The protocol has no authentication: whoever can send a datagram can pretend
// to be a gateway. Bind the server to loopback or to a VPN, and give each
// gateway's network in Options.Allow. Beyond that, a stranger gets no downlinks
// of a gateway that is there, cannot stop one without having seen it, and
// cannot use up the time and the memory that others need: see moveAfter, await,
// limiter and queue. What he can do is to invent frames, which their MIC tells
// from real ones, and to take the place of a gateway that has been silent for
// half a minute.
//
// Server is the side of the network; the functions AppendPushData,
// AppendPullData, AppendTXAck and ParsePullResp are the side of a packet
// forwarder. The protocol is described in PROTOCOL.md of Lora-net/sx1302_hal.
package semtech
