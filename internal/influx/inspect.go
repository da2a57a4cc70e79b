package influx

import (
	"context"
	"fmt"

	"modellregion/devices"
	"modellregion/uplink"
)

// DeviceReadings returns everything of a device in the span, in no order: a report
// for each time and channel, without receptions.
func (c *Client) DeviceReadings(ctx context.Context, domain uplink.Domain, device uplink.EUI, span devices.Span) ([]devices.Report, error) {
	q := "SELECT * FROM " + ident(string(domain)) + " WHERE " + during(span.Start, span.End) +
		" AND " + ident(TagDevice) + " = " + text(device.String()) + " GROUP BY " + ident(TagChannel)
	answer, err := c.query(ctx, Raw, q)
	if err != nil {
		return nil, fmt.Errorf("read device %s: %w", device, err)
	}
	var out []devices.Report
	for _, s := range answer {
		for r := range s.rows {
			report := devices.Report{Device: device, Domain: domain, Time: r.time()}
			for _, quantity := range devices.Quantities() {
				if v, ok := r.float(quantity.Name); ok {
					report.Readings = append(report.Readings, devices.Reading{Quantity: quantity, Channel: s.Tags[TagChannel], Value: v})
				}
			}
			out = append(out, report)
		}
	}
	return out, nil
}

// CountRows runs an InfluxQL query on bucket raw and returns how many rows it
// gives: whether a dashboard would show something.
func (c *Client) CountRows(ctx context.Context, q string) (int, error) {
	answer, err := c.query(ctx, Raw, q)
	n := 0
	for _, s := range answer {
		n += len(s.Values)
	}
	return n, err
}
