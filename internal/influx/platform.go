package influx

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Figures is what a process of the platform, an edge or a gateway says of
// itself, for those who watch it beside the measured values. A process that
// only shows what is public has no login for bucket raw and so has none.
type Figures struct {
	Time     time.Time
	Role     string             // RoleProcess, RoleEdge or RoleGateway
	Instance string             // of a process
	Edge     string             // of an edge or gateway
	Gateway  string             // of a gateway
	Values   map[string]float64 // by field, see schema.go; without any it is not stored
}

// PutFigures stores figures. Storing them again changes nothing. Errors are as
// with Write.
func (c *Client) PutFigures(ctx context.Context, rows []Figures) error {
	for len(rows) > 0 {
		n := min(len(rows), lineBatch)
		var l lines
		for i := range rows[:n] {
			l.figures(&rows[i])
		}
		if err := c.send(ctx, Raw, &l); err != nil {
			return fmt.Errorf("keep figures of the platform: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

func (l *lines) figures(f *Figures) {
	if len(f.Values) == 0 {
		return
	}
	l.begin(MeasurementPlatform)
	l.tag(TagEdge, f.Edge)
	l.tag(TagGateway, f.Gateway)
	l.tag(TagInstance, f.Instance)
	l.tag(TagRole, f.Role)
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		l.number(name, f.Values[name])
	}
	l.end(f.Time)
}
