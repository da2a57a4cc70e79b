package radio

import (
	"fmt"

	"github.com/brocaar/lorawan"
	"github.com/brocaar/lorawan/band"
)

// Band returns the radio plan of a region with those uplink channels enabled
// that gateways listen to: in EU868 the three that every device has and five
// more up to 867.9 MHz, in US915 the second eight of 125 kHz (8 to 15) and the
// second of 500 kHz (65), as public networks have them there. An empty name is
// EU868. The result must not be shared by goroutines that change it.
func Band(name band.Name) (band.Band, error) {
	if name == "" {
		name = band.EU868
	}
	b, err := band.GetConfig(name, false, lorawan.DwellTimeNoLimit)
	if err != nil {
		return nil, fmt.Errorf("radio plan %s: %w", name, err)
	}
	switch name {
	case band.EU868:
		for freq := uint32(867_100_000); freq <= 867_900_000; freq += 200_000 {
			if err := b.AddChannel(freq, 0, 5); err != nil {
				return nil, fmt.Errorf("radio plan %s: channel %d Hz: %w", name, freq, err)
			}
		}
	case band.US915:
		for _, i := range b.GetUplinkChannelIndices() {
			if i >= 8 && i < 16 || i == 65 {
				continue
			}
			if err := b.DisableUplinkChannelIndex(i); err != nil {
				return nil, fmt.Errorf("radio plan %s: channel %d: %w", name, i, err)
			}
		}
	default:
		return nil, fmt.Errorf("radio plan %s: want %s or %s", name, band.EU868, band.US915)
	}
	return b, nil
}
