// Package lorawan is the network server of an edge: LoRaWAN 1.0.0 to 1.0.4 and
// 1.1, classes A and C, devices that join and those that are personalised.
//
// It joins devices (join.go), checks integrity codes and counters and decrypts
// (data.go), answers and asks by MAC commands (mac.go, request.go) with ADR
// (adr.go), queues commands (command.go), and builds what is sent, when and by
// which gateway, within the airtime that the law allows (reply.go, airtime.go).
// What must survive a restart is a State (state.go, record.go).
//
// It has no sockets, no disk and no clock. It is given the receptions of one
// frame, a command, or the time, and returns a Decision: what the frame said or
// why it was dropped, the state that must be on disk before the answer leaves,
// and the answer. It leaves payloads to devices/codec and collecting receptions
// to edge. It knows no class B, no multicast, no rejoin requests and no roaming
// between networks.
//
// Section numbers refer to the LoRaWAN 1.0.4 link layer specification
// (TS001-1.0.4) unless said otherwise; TS001-1.1 is that of 1.1, TS002 the
// regional parameters.
package lorawan
