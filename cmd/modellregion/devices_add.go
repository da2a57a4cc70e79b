//go:build !ingestonly

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/uplink"
)

// describe are the flags that add and edit have in common. Those not given are
// nil.
type describe struct {
	Name         *string           `help:"For people: Bahnhofstraße 12, Fahrtrichtung Innenstadt. It becomes public with the device."`
	Station      *string           `help:"Public identifier of the place, like paderborn-verkehr-003. Default: the next free number."`
	Municipality *string           `help:"Id of a municipality of the configuration. Default: the only one."`
	District     *string           `help:"The part of the municipality: Schloß Neuhaus. Datasets by district put together what is spelled the same."`
	Road         *string           `help:"The road, or a stretch of it: B 64, Abschnitt 12. Datasets by road put together what is spelled the same."`
	Profile      *string           `help:"Id of the profile of its model, see devices profiles list."`
	Edge         *string           `help:"The edge that serves it, or the source, for a device of another network. Default: the only one of the configuration."`
	Lat          *string           `help:"Where it is, degrees north (WGS 84)."`
	Lon          *string           `help:"Where it is, degrees east."`
	Segment      *string           `help:"The stretch of road it watches: LINESTRING (8.75 51.71, 8.76 51.72), longitude before latitude."`
	Visibility   *string           `help:"internal, which is the default, or public: its readings become open data."`
	Owner        *string           `help:"Whose it is. Never public."`
	Connection   *string           `help:"Of the meter of a household: a pseudonym of the connection user, like a-0815. The meter is internal, and published in its group only." placeholder:"ID"`
	Group        *string           `help:"Of the meter of a household: the group of at least five connection users it is published in, like riemekeviertel." placeholder:"ID"`
	Variable     map[string]string `help:"What its codec is told of it, like height=2.5, and what is known of its place: free_speed, congested_occupancy, rated_power; may be repeated."`
	ResetFCnt    *bool             `help:"With a session (ABP): take a frame counter that begins anew, at the price of replay protection."`

	AppKey     string `help:"Root key, 32 hexadecimal digits. Others of this machine may see it; --app-key-file keeps it from them." placeholder:"KEY" xor:"key"`
	AppKeyFile string `help:"File with the root key alone; - reads it from the standard input." placeholder:"FILE" xor:"key"`
	NwkKey     string `help:"Root key of the network, with LoRaWAN 1.1." placeholder:"KEY"`
	DevAddr    string `help:"Address, for a device with a session (ABP)."`
	NwkSKey    string `help:"Network session key (ABP); FNwkSIntKey with LoRaWAN 1.1." placeholder:"KEY"`
	AppSKey    string `help:"Application session key (ABP)." placeholder:"KEY"`
	SNwkSInt   string `name:"s-nwk-s-int-key" help:"SNwkSIntKey (ABP, LoRaWAN 1.1)." placeholder:"KEY"`
	NwkSEnc    string `name:"nwk-s-enc-key" help:"NwkSEncKey (ABP, LoRaWAN 1.1)." placeholder:"KEY"`
}

// fields are the flags given, by column.
func (c describe) fields() (map[string]string, error) {
	f := map[string]string{}
	for column, value := range map[string]*string{
		"name": c.Name, "station": c.Station, "municipality": c.Municipality, "profile": c.Profile, "edge": c.Edge,
		"lat": c.Lat, "lon": c.Lon, "segment": c.Segment, "visibility": c.Visibility, "owner": c.Owner,
		"district": c.District, "road": c.Road, "connection": c.Connection, "group": c.Group,
	} {
		if value != nil {
			f[column] = *value
		}
	}
	for column, value := range map[string]string{
		"app_key": c.AppKey, "nwk_key": c.NwkKey, "dev_addr": c.DevAddr, "nwk_s_key": c.NwkSKey, "app_s_key": c.AppSKey,
		"s_nwk_s_int_key": c.SNwkSInt, "nwk_s_enc_key": c.NwkSEnc,
	} {
		if value != "" {
			f[column] = value
		}
	}
	if len(c.Variable) > 0 {
		text, err := json.Marshal(c.Variable)
		if err != nil {
			return nil, fmt.Errorf("--variable: %w", err)
		}
		f["variables"] = string(text)
	}
	if c.ResetFCnt != nil {
		f["reset_f_cnt"] = fmt.Sprint(*c.ResetFCnt)
	}
	if c.AppKeyFile == "" {
		return f, nil
	}
	key, err := readKey(c.AppKeyFile)
	if err == nil {
		_, err = devices.ParseKey(key)
	}
	if err != nil {
		return nil, fmt.Errorf("--app-key-file %s: %w", c.AppKeyFile, err)
	}
	f["app_key"] = key
	return f, nil
}

// readKey reads a file, or the standard input, that holds a key and no more.
func readKey(path string) (string, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, 1024))
	return strings.TrimSpace(string(data)), err
}

type devicesAddCmd struct {
	withConfig
	QR     string `name:"qr" help:"Text of the QR code on the device, LW:D0:… (LoRa Alliance TR005)." xor:"eui"`
	DevEUI string `name:"dev-eui" help:"DevEUI, 16 hexadecimal digits." xor:"eui"`
	Join   string `name:"join-eui" help:"JoinEUI, formerly AppEUI."`
	describe
	JSON bool `help:"Print JSON."`
}

// Help teaches the way from the box to the map.
func (devicesAddCmd) Help() string {
	return `From the QR code on the device to a point on the map:

  modellregion devices add -c region.yaml --qr 'LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122' --app-key-file key.txt \
    --profile virtual-traffic --municipality paderborn --lat 51.7189 --lon 8.7575 --name 'Westernstraße' --visibility public
  modellregion devices show -c region.yaml aabbccddeeff0011

The key is not in the QR code: the vendor sends it on a sheet or in a file. A running platform needs no restart: its edge serves the device within two seconds, and it joins when it is switched on.
Without --station the device gets the next free one, such as paderborn-verkehr-004. Without --visibility it stays internal.
The meter of a household has --connection and --group. It cannot be public: its readings are personal data (MsbG §49) and are published as sums of its group alone.
MODELLREGION_CONFIG saves writing -c.`
}

// Run adds the device, unless it is there.
func (c devicesAddCmd) Run(ctx context.Context, t *terminal) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	switch {
	case c.QR != "":
		q, err := registry.ParseQR(c.QR)
		if err != nil {
			return fmt.Errorf("--qr: %w", err)
		}
		f["dev_eui"], f["join_eui"] = q.DevEUI.String(), q.JoinEUI.String()
	case c.DevEUI != "":
		f["dev_eui"], f["join_eui"] = c.DevEUI, c.Join
	default:
		return errors.New("add: want --qr with the text of the device's QR code, or --dev-eui")
	}
	return c.withStore(ctx, func(s store) error {
		d, err := s.build(ctx, f, func(known map[uplink.EUI]devices.Device, eui uplink.EUI) error {
			if d, ok := known[eui]; ok {
				return fmt.Errorf("device %s is there already, at station %s: change it with devices edit", eui, d.Station)
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, s.choices(f))
		}
		if err := s.Put(ctx, []devices.Device{d}); err != nil {
			return err
		}
		if c.JSON {
			return show(t, d, false, true)
		}
		fmt.Fprintf(t.out, "device %s added at station %s, %s, served by edge %s; a running platform takes it over within two seconds\n", d.EUI, d.Station, d.Visibility, d.Edge)
		return nil
	})
}

// choices says what there is to choose from for a new device that was given no
// edge or no municipality, where there are several.
func (s store) choices(f map[string]string) error {
	var errs []error
	if names := s.serverNames(); f["edge"] == "" && len(names) > 1 {
		errs = append(errs, fmt.Errorf("several edges could serve it: want --edge with one of %s", listed(names)))
	}
	if towns := s.cfg.Region.Municipalities; f["municipality"] == "" && len(towns) > 1 {
		var ids []string
		for _, m := range towns {
			ids = append(ids, m.ID)
		}
		errs = append(errs, fmt.Errorf("the region has several municipalities: want --municipality with one of %s", listed(ids)))
	}
	return errors.Join(errs...)
}

// build makes one device of columns, after may has agreed.
func (s store) build(ctx context.Context, f map[string]string, may func(map[uplink.EUI]devices.Device, uplink.EUI) error) (devices.Device, error) {
	b, err := s.builder(ctx)
	if err != nil {
		return devices.Device{}, err
	}
	if eui, err := uplink.ParseEUI(f["dev_eui"]); err == nil {
		if err := may(b.Known, eui); err != nil {
			return devices.Device{}, err
		}
	}
	records := []registry.Record{{At: "device", Fields: f}}
	s.drawKeys(b, records)
	list, err := b.Build(records)
	if err != nil {
		return devices.Device{}, err
	}
	return list[0], nil
}

// builder knows the registry and the defaults of the configuration.
func (s store) builder(ctx context.Context) (*registry.Builder, error) {
	list, _, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	b := &registry.Builder{Profiles: s.profiles, Known: make(map[uplink.EUI]devices.Device, len(list)), Defaults: map[string]string{}, Check: s.fits}
	for _, d := range list {
		b.Known[d.EUI] = d
	}
	if names := s.serverNames(); len(names) == 1 {
		b.Defaults["edge"] = names[0]
	}
	if len(s.cfg.Region.Municipalities) == 1 {
		b.Defaults["municipality"] = s.cfg.Region.Municipalities[0].ID
	}
	return b, nil
}

type devicesEditCmd struct {
	withConfig
	DevEUI uplink.EUI `arg:"" name:"dev-eui" help:"The device, like 70b3d57ed005f1a0."`
	describe
	JSON bool `help:"Print JSON."`
}

// Help teaches what stays.
func (devicesEditCmd) Help() string {
	return `Only what is given is changed:

  modellregion devices edit -c region.yaml aabbccddeeff0011 --name 'Westernstraße 3' --owner Tiefbauamt

Keys are replaced together: give all that the device has. --owner '', --road '' and the like take away what was there; --variable replaces all variables.
The station is the identity of the place in the public data: what was published before stays under the old one.`
}

// Run changes the fields that were given.
func (c devicesEditCmd) Run(ctx context.Context, t *terminal) error {
	f, err := c.fields()
	if err != nil {
		return err
	}
	if len(f) == 0 {
		return errors.New("edit: nothing to change was given, want a flag like --name; see devices edit --help")
	}
	f["dev_eui"] = c.DevEUI.String()
	return c.withStore(ctx, func(s store) error {
		d, err := s.build(ctx, f, func(known map[uplink.EUI]devices.Device, eui uplink.EUI) error {
			if _, ok := known[eui]; !ok {
				return fmt.Errorf("device %s: there is no such device in the registry: add it with devices add", eui)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := s.Put(ctx, []devices.Device{d}); err != nil {
			return err
		}
		if c.JSON {
			return show(t, d, false, true)
		}
		fmt.Fprintf(t.out, "device %s changed\n", d.EUI)
		return nil
	})
}
