package enddevice

import (
	"fmt"
	"testing"
)

// snapshot writes down all that a device may change. Pointers are followed.
func snapshot(d *Device) string {
	st := d.st.clone()
	frame := []byte(nil)
	if st.last.phy.MACPayload != nil {
		frame, _ = st.last.phy.MarshalBinary() // it was marshalled to be sent
	}
	st.last.phy.MACPayload = nil
	cmds := cut(st.commands(), 1<<16)
	answers := make([]string, 0, len(st.answers))
	for _, a := range st.answers {
		answers = append(answers, fmt.Sprint(a.cmd.CID, a.sticky, a.sent))
	}
	st.answers = nil
	return fmt.Sprintf("%+v\n%x %x %v", st, frame, cmds, answers)
}

// FuzzHear: whatever arrives, nothing panics, an error changes nothing, and the
// device can still send.
func FuzzHear(f *testing.F) {
	f.Add(uint8(0), uint8(0), []byte{0x60, 3, 2, 1, 0x26, 0, 0, 0, 1, 2, 3, 4, 5})
	f.Add(uint8(1), uint8(1), append([]byte{0x20}, make([]byte, 32)...))
	for kind := range uint8(10) {
		f.Add(kind, uint8(0), []byte{6, 3, 0x50, 7, 0, 1, 5, 0x13, 0xd2, 0xad, 0x84})
		f.Add(kind, uint8(2), []byte{7, 3, 0x18, 0x4f, 0x84, 0x50, 10, 3, 0xd2, 0xad, 0x84, 8, 3, 4, 255})
		f.Add(kind, uint8(1), []byte{3, 0x40, 2, 0, 0x70, 3, 0, 0, 255, 0, 12, 0xff, 1, 1, 11, 1, 32, 2, 15, 1, 14, 1, 2, 13, 1, 2, 3, 4, 5, 2, 9, 1})
	}
	f.Fuzz(func(t *testing.T, kind, win uint8, b []byte) {
		version := []string{"1.0.0", "1.0.2", "1.0.3", "1.0.4", "1.1.0"}[kind%5]
		change := []func(*Config){classC}
		if kind/5%2 == 1 {
			change = append(change, us915)
		}
		d, n := abp(t, version, change...)
		n.up()
		if kind/10%2 == 1 {
			d = joiner(t, version, change...)
			if _, err := d.JoinRequest(); err != nil {
				t.Fatal(err)
			}
		}
		ws := d.Windows()
		w := ws[int(win)%len(ws)]
		frames := [][]byte{b}
		if len(b) > 0 && len(b) < 240 {
			frames = append(frames, n.frame(down{port: 0, raw: b}), n.frame(down{port: int(b[0]), payload: b, raw: b[:len(b)%15]}))
		}
		for _, frame := range frames {
			before := snapshot(d)
			if _, err := d.Hear(frame, w); err != nil {
				if after := snapshot(d); after != before {
					t.Fatalf("%x is refused (%v) and changes\n%s\nto\n%s", frame, err, before, after)
				}
			}
			if _, err := d.Empty(true); d.Joined() && err != nil {
				t.Fatalf("after %x: %v", frame, err)
			}
			if ws = d.Windows(); len(ws) > 0 {
				w = ws[int(win)%len(ws)]
			}
		}
	})
}
