package enddevice

import (
	"slices"
	"testing"

	"github.com/brocaar/lorawan"
)

type adrReq struct {
	dr, power uint8
	cntl      uint8
	mask      uint16
	nbTrans   uint8
}

func (r adrReq) command() lorawan.MACCommand {
	pl := &lorawan.LinkADRReqPayload{DataRate: r.dr, TXPower: r.power, Redundancy: lorawan.Redundancy{ChMaskCntl: r.cntl, NbRep: r.nbTrans}}
	for i := range pl.ChMask {
		pl.ChMask[i] = r.mask>>i&1 == 1
	}
	return lorawan.MACCommand{CID: lorawan.LinkADRReq, Payload: pl}
}

// adrAnswers returns the status bytes of the answers: mask 1, data rate 2,
// power 4.
func adrAnswers(t *testing.T, cmds []lorawan.MACCommand) []byte {
	t.Helper()
	var out []byte
	for _, c := range cmds {
		if c.CID != lorawan.LinkADRAns {
			continue
		}
		b, err := c.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b[1])
	}
	return out
}

func channelsUpTo(n int, without ...int) []int {
	var out []int
	for i := range n {
		if !slices.Contains(without, i) {
			out = append(out, i)
		}
	}
	return out
}

func TestLinkADR(t *testing.T) {
	sub2 := []int{8, 9, 10, 11, 12, 13, 14, 15, 65}
	for _, tc := range []struct {
		name     string
		version  string
		change   []func(*Config)
		reqs     []adrReq
		answers  []byte
		dr       int
		power    int
		nbTrans  int
		channels []int
	}{
		// The device of these has channels 0 to 2, DR2, power 1 and two transmissions.
		{"all", "1.0.2", nil, []adrReq{{5, 7, 0, 5, 3}}, []byte{7}, 5, 7, 3, []int{0, 2}},
		{"all on", "1.0.2", nil, []adrReq{{5, 7, 6, 0, 3}}, []byte{7}, 5, 7, 3, []int{0, 1, 2}},
		{"undefined channel", "1.0.2", nil, []adrReq{{5, 0, 0, 0xf, 1}}, []byte{6}, 2, 1, 2, []int{0, 1, 2}},
		{"no channel", "1.0.2", nil, []adrReq{{5, 0, 0, 0, 1}}, []byte{6}, 2, 1, 2, []int{0, 1, 2}},
		{"reserved kind", "1.0.2", nil, []adrReq{{5, 0, 5, 1, 1}}, []byte{6}, 2, 1, 2, []int{0, 1, 2}},
		{"data rate of no channel", "1.0.2", nil, []adrReq{{6, 0, 0, 3, 1}}, []byte{5}, 2, 1, 2, []int{0, 1, 2}},
		{"LR-FHSS", "1.0.4", nil, []adrReq{{8, 0, 0, 3, 1}}, []byte{5}, 2, 1, 2, []int{0, 1, 2}},
		{"power", "1.0.2", nil, []adrReq{{5, 8, 0, 3, 1}}, []byte{3}, 2, 1, 2, []int{0, 1, 2}},
		{"power of before 1.0.2", "1.0.1", nil, []adrReq{{5, 6, 0, 3, 1}}, []byte{3}, 2, 1, 2, []int{0, 1, 2}},
		{"keep", "1.0.3", nil, []adrReq{{15, 15, 0, 3, 1}}, []byte{1}, 2, 1, 2, []int{0, 1, 2}},
		{"keep", "1.0.4", nil, []adrReq{{15, 15, 0, 3, 1}}, []byte{7}, 2, 1, 1, []int{0, 1}},
		{"keep data rate", "1.1.0", nil, []adrReq{{15, 3, 0, 3, 1}}, []byte{7}, 2, 3, 1, []int{0, 1}},
		{"default number", "1.0.4", nil, []adrReq{{5, 0, 0, 3, 0}}, []byte{7}, 5, 0, 1, []int{0, 1}},
		{"same number", "1.1.0", nil, []adrReq{{5, 0, 0, 3, 0}}, []byte{7}, 5, 0, 2, []int{0, 1}},
		{"without ADR", "1.0.3", []func(*Config){noADR}, []adrReq{{5, 7, 0, 3, 3}}, []byte{7}, 2, 1, 3, []int{0, 1}},
		{"block", "1.0.3", nil, []adrReq{{0, 0, 0, 1, 1}, {5, 3, 6, 0, 4}}, []byte{7, 7}, 5, 3, 4, []int{0, 1, 2}},
		{"block", "1.1.0", nil, []adrReq{{0, 0, 0, 1, 1}, {5, 3, 6, 0, 4}}, []byte{7}, 5, 3, 4, []int{0, 1, 2}},
		{"bad first", "1.0.2", nil, []adrReq{{5, 3, 0, 8, 4}, {5, 3, 0, 1, 4}}, []byte{6, 6}, 2, 1, 2, []int{0, 1, 2}},
		{"bad first", "1.0.1", nil, []adrReq{{5, 3, 0, 8, 4}, {5, 3, 0, 1, 4}}, []byte{6, 7}, 5, 3, 4, []int{0}},
		{"bad last", "1.0.1", nil, []adrReq{{5, 3, 0, 1, 4}, {5, 3, 0, 8, 4}}, []byte{7, 6}, 5, 3, 4, []int{0}},
		{"bad last", "1.1.0", nil, []adrReq{{5, 3, 0, 1, 4}, {5, 3, 0, 8, 4}}, []byte{6}, 2, 1, 2, []int{0, 1, 2}},

		{"sub-band", "1.0.3", []func(*Config){us915}, []adrReq{{0, 0, 7, 2, 1}, {3, 10, 0, 0xff00, 1}}, []byte{7, 7}, 3, 10, 1, sub2},
		{"sub-band", "1.0.1", []func(*Config){us915}, []adrReq{{0, 0, 7, 2, 1}, {3, 10, 0, 0xff00, 1}}, []byte{5, 7}, 3, 10, 1, channelsUpTo(72, 0, 1, 2, 3, 4, 5, 6, 7)},
		{"block of channels", "1.0.3", []func(*Config){us915}, []adrReq{{3, 0, 5, 2, 1}}, []byte{7}, 3, 0, 1, sub2},
		{"block of channels", "1.0.1", []func(*Config){us915}, []adrReq{{3, 0, 5, 2, 1}}, []byte{6}, 2, 1, 2, channelsUpTo(72)},
		{"narrow on", "1.0.3", []func(*Config){us915}, []adrReq{{3, 0, 7, 1, 1}, {3, 0, 6, 0, 1}}, []byte{7, 7}, 3, 0, 1, channelsUpTo(64)},
		{"wide only", "1.0.3", []func(*Config){us915}, []adrReq{{4, 0, 7, 1, 1}}, []byte{7}, 4, 0, 1, []int{64}},
		{"wide", "1.0.3", []func(*Config){us915}, []adrReq{{4, 0, 4, 0xff01, 1}}, []byte{7}, 4, 0, 1, channelsUpTo(65)},
		{"wide data rate without", "1.0.3", []func(*Config){us915}, []adrReq{{4, 0, 4, 0, 1}}, []byte{5}, 2, 1, 2, channelsUpTo(72)},
		{"downlink data rate", "1.0.3", []func(*Config){us915}, []adrReq{{8, 0, 6, 255, 1}}, []byte{5}, 2, 1, 2, channelsUpTo(72)},
		{"power of US915", "1.0.3", []func(*Config){us915}, []adrReq{{3, 11, 6, 255, 1}}, []byte{3}, 2, 1, 2, channelsUpTo(72)},
	} {
		t.Run(tc.name+" "+tc.version, func(t *testing.T) {
			d, n := abp(t, tc.version, tc.change...)
			if err := d.SetDR(2); err != nil {
				t.Fatal(err)
			}
			d.st.power, d.st.nbTrans = 1, 2
			var cmds []lorawan.MACCommand
			for _, r := range tc.reqs {
				cmds = append(cmds, r.command())
			}
			h := n.commands(cmds...)
			if len(h.Commands) != len(cmds) {
				t.Errorf("heard %v", h.Commands)
			}
			if got := adrAnswers(t, n.up()); !slices.Equal(got, tc.answers) {
				t.Errorf("answers %v, want %v", got, tc.answers)
			}
			if d.DR() != tc.dr || d.TXPower() != tc.power || d.NbTrans() != tc.nbTrans || !slices.Equal(d.Channels(), tc.channels) {
				t.Errorf("DR%d power %d, sent %d times on %v; want DR%d power %d, %d times on %v",
					d.DR(), d.TXPower(), d.NbTrans(), d.Channels(), tc.dr, tc.power, tc.nbTrans, tc.channels)
			}
		})
	}
}

// TestLinkADRBlocks: another command between requests makes two blocks.
func TestLinkADRBlocks(t *testing.T) {
	d, n := abp(t, "1.0.3")
	n.commands(adrReq{5, 3, 0, 1, 1}.command(), lorawan.MACCommand{CID: lorawan.DevStatusReq}, adrReq{4, 2, 0, 8, 1}.command())
	cmds := n.up()
	if got := adrAnswers(t, cmds); !slices.Equal(got, []byte{7, 6}) {
		t.Errorf("answers %v", got)
	}
	if len(cmds) != 3 || cmds[1].CID != lorawan.DevStatusAns {
		t.Errorf("answers are not in the order of the requests: %v", cmds)
	}
	if d.DR() != 5 || !slices.Equal(d.Channels(), []int{0}) {
		t.Errorf("DR%d on %v", d.DR(), d.Channels())
	}
}
