package influx

import (
	"context"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// StoredReading is one value as it lies in bucket raw.
type StoredReading struct {
	Time     time.Time
	Quantity string
	Channel  string
	Value    float64
}

// Readings returns everything of a device in the span, in no order.
func (c *Client) Readings(ctx context.Context, domain uplink.Domain, device uplink.EUI, span devices.Span) ([]StoredReading, error) {
	q := "SELECT * FROM " + ident(string(domain)) + " WHERE " + during(span.Start, span.End) +
		" AND " + ident(TagDevice) + " = " + text(device.String()) + " GROUP BY " + ident(TagChannel)
	answer, err := c.query(ctx, Raw, q)
	if err != nil {
		return nil, fmt.Errorf("read device %s: %w", device, err)
	}
	var out []StoredReading
	for _, s := range answer {
		for r := range s.rows {
			for _, quantity := range devices.Quantities() {
				if v, ok := r.float(quantity.Name); ok {
					out = append(out, StoredReading{Time: r.time(), Quantity: quantity.Name, Channel: s.Tags[TagChannel], Value: v})
				}
			}
		}
	}
	return out, nil
}

// DeadLetters counts the dead letters by reason.
func (c *Client) DeadLetters(ctx context.Context) (map[string]int, error) {
	answer, err := c.query(ctx, Raw, "SELECT count("+ident(FieldMessage)+") FROM "+ident(MeasurementDeadLetter)+" GROUP BY "+ident(TagReason))
	if err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	out := map[string]int{}
	for _, s := range answer {
		for r := range s.rows {
			n, _ := r.float("count")
			out[s.Tags[TagReason]] += int(n)
		}
	}
	return out, nil
}
