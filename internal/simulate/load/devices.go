package load

import (
	"encoding/binary"
	"fmt"

	"modellregion/devices"
	"modellregion/uplink"
)

// ProfileID is the id of the profile of all devices.
const ProfileID = "load"

// Municipality is where all devices stand.
const Municipality = "load"

// port is the application port of all uplinks.
const port = 7

const profile = `# Virtual devices that a platform is measured with. A payload may be padded.
id: load
name: Virtuelles Lastgerät
vendor: Modellregion
source: internal/simulate/load/plan.go
domain: environment
interval: 1m
codec:
  kind: layout
  source: |
    ports:
      7:
        min_length: 8
        fields:
          - {at: 0, type: i16, scale: 0.01, quantity: air_temperature}
          - {at: 2, type: u16, scale: 0.01, quantity: relative_humidity}
          - {at: 4, type: u16, scale: 0.1, quantity: air_pressure}
          - {at: 6, type: u16, scale: 0.1, quantity: pm2_5}
examples:
  - name: "by hand: frost"
    port: 7
    hex: "ff83 2134 2785 0079"
    readings:
      - {quantity: air_temperature, value: -1.25}
      - {quantity: relative_humidity, value: 85}
      - {quantity: air_pressure, value: 1011.7}
      - {quantity: pm2_5, value: 12.1}
`

// Profile returns the devices' profile as YAML: the platform must know it to
// decode their payloads.
func Profile() string { return profile }

// Devices returns what the registry of the platform must hold for the load of
// this Config: the seed, the format, the number of devices and the names of the
// edges decide.
func Devices(cfg Config) ([]devices.Device, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	p := newPlan(&cfg)
	list := make([]devices.Device, p.devices)
	for i := range list {
		list[i] = p.device(i, cfg.Names)
	}
	return list, nil
}

func (p *plan) device(i int, names []string) devices.Device {
	eui := p.eui(i)
	var key devices.Key
	binary.BigEndian.PutUint64(key[:8], p.chance(forKeys, 2*uint64(i)))
	binary.BigEndian.PutUint64(key[8:], p.chance(forKeys, 2*uint64(i)+1))
	place := p.chance(forPlace, uint64(i))
	return devices.Device{
		EUI:          eui,
		Name:         fmt.Sprintf("Lastgerät %d", i+1),
		Station:      fmt.Sprintf("load-%x-%d", eui[1:4], i+1),
		Municipality: Municipality,
		Domain:       uplink.Environment,
		Profile:      ProfileID,
		Edge:         names[i%p.edges],
		Place:        devices.Place{Lat: 51.5 + float64(place%1000)/1000, Lon: 7 + float64(place/1000%1000)/1000},
		Visibility:   devices.Internal,
		Keys:         devices.Keys{AppKey: key},
	}
}
