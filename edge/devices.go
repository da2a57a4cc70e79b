package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/brocaar/lorawan"

	"modellregion/devices"
	"modellregion/devices/codec"
	session "modellregion/edge/lorawan"
	"modellregion/uplink"
)

// served is what the edge knows of a device beside its session.
type served struct {
	domain    uplink.Domain
	profile   string
	codec     *compiled // nil when the profile's codec does not compile
	variables map[string]string
	broken    *broken // it is not served after all; nil: it is
}

// compiled is a profile's codec.
type compiled struct {
	source  json.RawMessage // what it was compiled from
	decoder codec.Decoder
	lane    *lane // nil: it is fast
}

// broken is a device whose session on disk is damaged: it stays known, for the
// operator to see, and unknown to the network. Served without its history it
// could be played old frames.
type broken struct {
	about session.Overview
	err   error
}

// restoreDevices starts with the list and the sessions of the last run, so
// that the edge works before it has reached the platform.
func (e *Edge) restoreDevices() error {
	data, err := e.store.deviceList()
	if err != nil || data == nil {
		return err
	}
	list, err := uplink.DecodeDeviceList(data)
	if err != nil {
		return fmt.Errorf("device list on disk: %w", err)
	}
	e.list = sha256.Sum256(data)
	return e.useDevices(list)
}

// applyDevices takes a list from the platform. One that cannot be read leaves
// the edge as it is.
func (e *Edge) applyDevices(data []byte, g *group) {
	sum := sha256.Sum256(data)
	if sum == e.list {
		return // the retained message again, after a reconnect
	}
	list, err := uplink.DecodeDeviceList(data)
	if err == nil {
		err = e.useDevices(list)
	}
	if err != nil {
		e.metrics.badMessages.with(string(uplink.KindDevices)).Inc()
		e.cfg.Log.Error("device list refused, going on with the last one", "err", err)
		return
	}
	e.list, g.devices = sum, data
	e.cfg.Log.Info("device list in use", "version", list.Version, "devices", len(list.Devices))
	e.postStatus()
}

// useDevices makes sessions and codecs follow the list. An entry that is wrong
// is left out and logged, and so is a device whose session is damaged, unless it
// was served before and is sound in memory; the others are served.
func (e *Edge) useDevices(list uplink.DeviceList) error {
	saved, err := e.store.sessions()
	if err != nil {
		return err
	}
	e.useCodecs(list.Profiles)
	known := make(map[uplink.EUI]served, len(list.Devices))
	keys := make([]session.Device, 0, len(list.Devices))
	for _, d := range list.Devices {
		k, err := sessionDevice(d)
		if err != nil {
			e.cfg.Log.Error("device cannot be served", "dev_eui", d.DevEUI, "err", err)
			continue
		}
		s := served{domain: d.Domain, profile: d.Profile, codec: e.codecs[d.Profile], variables: d.Variables}
		if err := e.store.damaged()[k.DevEUI]; err != nil && !e.serves(d.DevEUI) {
			err = fmt.Errorf("%w (\"edge-gateway forget -help\" says what to do)", err)
			e.cfg.Log.Error("device is not served, its record is damaged", "dev_eui", d.DevEUI, "err", err)
			s.broken = &broken{k.Overview(), err}
		} else {
			keys = append(keys, k)
		}
		known[d.DevEUI] = s
	}
	e.network.SetDevices(keys, func(eui lorawan.EUI64) (session.State, bool) {
		if e.disk.owed != nil && e.disk.owed.states[eui] != nil {
			return *e.disk.owed.states[eui], true // newer than what is on disk
		}
		s, ok := saved[eui]
		return s, ok
	})
	e.devices = known // never changed, only replaced
	e.metrics.devices.Set(float64(len(keys)))
	e.serving.Store(int64(len(keys)))
	e.version.Store(list.Version)
	e.ready.Store(true)
	if len(list.Devices) > manyDevices {
		debug.FreeOSMemory() // reading the list took more than the devices do
	}
	return nil
}

const manyDevices = 10_000

// serves reports whether the network has a device.
func (e *Edge) serves(eui uplink.EUI) bool {
	s, ok := e.devices[eui]
	return ok && s.broken == nil
}

// useCodecs compiles the codecs of the profiles. One that has not changed goes
// on as it is.
func (e *Edge) useCodecs(profiles map[string]json.RawMessage) {
	codecs := make(map[string]*compiled, len(profiles))
	for id, source := range profiles {
		if old := e.codecs[id]; old != nil && bytes.Equal(old.source, source) {
			codecs[id] = old
			continue
		}
		c, err := compileProfile(source)
		if err != nil {
			e.cfg.Log.Error("codec of profile cannot be used, its payloads stay undecoded", "profile", id, "err", err)
			continue
		}
		codecs[id] = c
	}
	for id, old := range e.codecs {
		switch {
		case codecs[id] == old:
		case old.lane != nil:
			e.lanes.shut(old.lane)
		default:
			old.decoder.Close()
		}
	}
	e.codecs = codecs
}

func compileProfile(source json.RawMessage) (*compiled, error) {
	var c devices.Codec
	if err := json.Unmarshal(source, &c); err != nil {
		return nil, fmt.Errorf("read codec: %w", err)
	}
	d, err := codec.Compile(c)
	if err != nil {
		return nil, err
	}
	out := &compiled{source: source, decoder: d}
	if !d.Fast() {
		out.lane = &lane{decoder: d}
	}
	return out, nil
}

func sessionDevice(d uplink.ListedDevice) (session.Device, error) {
	out := session.Device{
		DevEUI: lorawan.EUI64(d.DevEUI), JoinEUI: lorawan.EUI64(d.JoinEUI), Version: d.LoRaWAN, ClassC: d.Class == "C",
		ResetFCnt: d.ResetFCnt, Nonces: d.Nonces,
	}
	if !d.Domain.Valid() {
		return out, fmt.Errorf("domain %q is unknown", d.Domain)
	}
	if d.Class != "" && d.Class != "A" && d.Class != "C" {
		return out, fmt.Errorf("class %q is unknown, want A or C", d.Class)
	}
	if err := session.CheckVersion(d.LoRaWAN); err != nil {
		return out, err
	}
	var errs []error
	key := func(name, hex string, dst *lorawan.AES128Key) {
		k, err := devices.ParseKey(hex)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		*dst = lorawan.AES128Key(k)
	}
	v11 := d.LoRaWAN == "1.1.0"
	if d.AppKey != "" {
		key("app_key", d.AppKey, &out.AppKey)
		if v11 {
			key("nwk_key", d.NwkKey, &out.NwkKey)
		}
		return out, errors.Join(errs...)
	}
	out.ABP = true
	key("nwk_s_key", d.NwkSKey, &out.NwkSKey)
	key("app_s_key", d.AppSKey, &out.AppSKey)
	if v11 {
		key("s_nwk_s_int_key", d.SNwkSIntKey, &out.SNwkSIntKey)
		key("nwk_s_enc_key", d.NwkSEncKey, &out.NwkSEncKey)
	}
	if err := out.DevAddr.UnmarshalText([]byte(d.DevAddr)); err != nil {
		errs = append(errs, fmt.Errorf("dev_addr: %w", err))
	}
	return out, errors.Join(errs...)
}
