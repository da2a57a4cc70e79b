package main

import (
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/edge/radio"
	"modellregion/edge/semtech"
	"modellregion/uplink"
)

// profile is that of every device: 12 bytes with nine readings.
const (
	profile     = "virtual-traffic"
	profilePort = 2
	payloadSize = 12
)

// script decodes what the layout of the profile decodes, less its channels.
//
//go:embed traffic.js
var script string

func javascript() devices.Codec {
	return devices.Codec{Kind: "javascript", Source: script, Map: []devices.Mapping{
		{Path: "lanes[*].vehicles", Quantity: "vehicle_count", Channel: "lane{1}"},
		{Path: "lanes[*].trucks", Quantity: "vehicle_count_truck", Channel: "lane{1}"},
		{Path: "lanes[*].speed", Quantity: "speed_mean", Channel: "lane{1}"},
		{Path: "lanes[*].occupancy", Quantity: "occupancy", Channel: "lane{1}"},
		{Path: "battery", Quantity: "battery_voltage"},
	}}
}

// fleet makes the frames of ABP devices. Frame n of all is the device's frame
// n ÷ devices.
type fleet struct {
	devices []personalised
	rng     *rand.Rand
	sent    int // frames made so far
	token   uint16
}

type personalised struct {
	eui              uplink.EUI
	addr             lorawan.DevAddr
	nwkSKey, appSKey lorawan.AES128Key
}

func newFleet(seed uint64, n int) *fleet {
	f := &fleet{rng: rand.New(rand.NewPCG(seed, 0)), devices: make([]personalised, n)}
	for i := range f.devices {
		d := &f.devices[i]
		d.eui = uplink.EUI{0x70, 0xb3, 0xd5}
		binary.BigEndian.PutUint32(d.eui[4:], uint32(i))
		binary.BigEndian.PutUint32(d.addr[:], 0x01000000+uint32(i))
		for b := range d.nwkSKey {
			d.nwkSKey[b], d.appSKey[b] = byte(f.rng.Uint32()), byte(f.rng.Uint32())
		}
	}
	return f
}

// list is what the platform tells the edge about the fleet. Its payloads are
// decoded by the layout of the profile, or by a script.
func (f *fleet) list(scripted bool) ([]byte, error) {
	shipped, err := profiles.Shipped()
	if err != nil {
		return nil, err
	}
	p := shipped[profile]
	if scripted {
		p.Codec = javascript()
	}
	codec, err := json.Marshal(p.Codec)
	if err != nil {
		return nil, fmt.Errorf("encode codec: %w", err)
	}
	list := uplink.DeviceList{V: uplink.Version, Version: 1, Profiles: map[string]json.RawMessage{profile: codec}}
	for _, d := range f.devices {
		list.Devices = append(list.Devices, uplink.ListedDevice{
			DevEUI: d.eui, Domain: p.Domain, Profile: profile, DevAddr: d.addr.String(),
			NwkSKey: devices.Key(d.nwkSKey).Hex(), AppSKey: devices.Key(d.appSKey).Hex(),
		})
	}
	data, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode device list: %w", err)
	}
	return data, nil
}

// number returns which of all frames an uplink came from.
func (f *fleet) number(u *uplink.Uplink) int {
	return int(u.FCnt)*len(f.devices) + int(binary.BigEndian.Uint32(u.DevEUI[4:]))
}

// datagrams makes the next n frames, perDatagram in each datagram.
func (f *fleet) datagrams(n, perDatagram int) ([][]byte, error) {
	var out [][]byte
	for n > 0 {
		frames := make([]radio.Frame, min(n, perDatagram))
		for i := range frames {
			phy, err := f.frame()
			if err != nil {
				return nil, err
			}
			frames[i] = radio.Frame{
				PHYPayload: phy, Counter: uint64(f.sent) * 1000, FreqHz: 868_100_000,
				DataRate: radio.DataRate{SpreadingFactor: 7, BandwidthKHz: 125}, RSSIdBm: -80 - f.rng.IntN(30), SNRdB: float64(f.rng.IntN(40)) / 4,
			}
		}
		f.token++
		out = append(out, semtech.AppendPushData(nil, f.token, lorawan.EUI64{0xa8, 0x40, 0x41}, frames, nil))
		n -= len(frames)
	}
	return out, nil
}

// options are the MAC commands of a device's nth frame: with the second it
// refuses the channels that the first was answered with, so that an edge has
// nothing more to ask, as it is with devices that have been in use for a while.
func options(fCnt uint32) []lorawan.Payload {
	if fCnt != 1 {
		return nil
	}
	return []lorawan.Payload{&lorawan.DataPayload{Bytes: []byte{byte(lorawan.NewChannelAns), 0, byte(lorawan.NewChannelAns), 0}}}
}

// frame makes the next frame.
func (f *fleet) frame() ([]byte, error) {
	d := &f.devices[f.sent%len(f.devices)]
	fCnt := uint32(f.sent / len(f.devices))
	f.sent++
	payload := make([]byte, payloadSize)
	for i := range payload {
		payload[i] = byte(f.rng.IntN(100))
	}
	payload[0], payload[5], payload[10] = 0, 0, 14 // high bytes of two counts and of a voltage
	port := uint8(profilePort)
	phy := lorawan.PHYPayload{
		MHDR: lorawan.MHDR{MType: lorawan.UnconfirmedDataUp, Major: lorawan.LoRaWANR1},
		MACPayload: &lorawan.MACPayload{
			FHDR:       lorawan.FHDR{DevAddr: d.addr, FCnt: fCnt, FOpts: options(fCnt)},
			FPort:      &port,
			FRMPayload: []lorawan.Payload{&lorawan.DataPayload{Bytes: payload}},
		},
	}
	if err := phy.EncryptFRMPayload(d.appSKey); err != nil {
		return nil, fmt.Errorf("encrypt frame: %w", err)
	}
	if err := phy.SetUplinkDataMIC(lorawan.LoRaWAN1_0, 0, 0, 0, d.nwkSKey, d.nwkSKey); err != nil {
		return nil, fmt.Errorf("sign frame: %w", err)
	}
	data, err := phy.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode frame: %w", err)
	}
	return data, nil
}
