package lorawan

import (
	"encoding/binary"
	"testing"
)

// With more devices than have their keys expanded at a time, all are heard and
// memory stays bounded.
func TestManyDevices(t *testing.T) {
	const devices = maxReady + 100
	var list []Device
	for i := range devices {
		d, _ := abp()
		binary.BigEndian.PutUint32(d.DevEUI[4:], uint32(i))
		binary.BigEndian.PutUint32(d.DevAddr[:], uint32(i))
		list = append(list, d)
	}
	n := newNetwork(t, list...)
	for round := range uint32(2) {
		for _, d := range list {
			s := Session{DevAddr: d.DevAddr, NwkSKey: d.NwkSKey, AppSKey: d.AppSKey}
			if dec := n.Handle(heard(dataUp(t, s, round, false, []byte{1}))); dec.Data == nil || dec.Data.Payload[0] != 1 {
				t.Fatalf("device %s: %+v", d.DevEUI, dec)
			}
		}
	}
	made := 0
	for _, d := range n.devices {
		if d.state.Active.made != nil {
			made++
		}
	}
	if made != maxReady || len(n.ready) != maxReady {
		t.Errorf("%d sessions have their keys expanded, want %d", made, maxReady)
	}
}
