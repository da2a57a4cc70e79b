// Package thethings translates what The Things Stack version 3, and with it
// The Things Network, publishes of devices into uplink.ServerEvent: uplinks and
// joins.
//
// It knows the topics and the JSON messages of its MQTT server (ApplicationUp
// in its messages.proto) and the data rates of EU868. It leaves the connection
// to whoever has the messages, and what a payload means to devices/codec.
package thethings
