package influx

import (
	"context"
	"fmt"
	"time"
)

// DiskSample is how much was free on the disk of a process at a time.
type DiskSample struct {
	Time  time.Time
	Bytes float64
}

// DiskFree returns what a process has said of its disk since a time, as means
// of hours, the oldest first.
func (c *Client) DiskFree(ctx context.Context, instance string, since time.Time) ([]DiskSample, error) {
	answer, err := c.query(ctx, Raw, fmt.Sprintf("SELECT mean(%s) AS %s FROM %s WHERE %s = %s AND %s = %s AND time >= %d GROUP BY time(1h) fill(none)",
		ident(FieldDiskFree), ident(FieldDiskFree), ident(MeasurementPlatform), ident(TagRole), text(RoleProcess), ident(TagInstance), text(instance), since.UnixNano()))
	if err != nil {
		return nil, fmt.Errorf("read how the disk fills: %w", err)
	}
	var out []DiskSample
	for _, s := range answer {
		for r := range s.rows {
			if bytes, ok := r.float(FieldDiskFree); ok {
				out = append(out, DiskSample{r.time(), bytes})
			}
		}
	}
	return out, nil
}
