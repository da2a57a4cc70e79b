// Package lorawan keeps LoRaWAN 1.0.x sessions: it joins devices, checks
// integrity codes and frame counters, decrypts, and answers confirmed uplinks
// and the MAC commands LinkCheckReq and DeviceTimeReq.
//
// It has no sockets, no disk and no clock. It is given the receptions of one
// frame and returns a Decision: what the frame said or why it was dropped,
// the state that must be on disk before the answer leaves, and the answer.
// It leaves payloads to devices/codec and collecting receptions to edge.
//
// Section numbers refer to the LoRaWAN 1.0.4 link layer specification
// (TS001-1.0.4) unless said otherwise.
package lorawan
