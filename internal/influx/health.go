package influx

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// Note stores who has fallen silent or speaks again. Errors are as with Write.
func (c *Client) Note(ctx context.Context, rows []devices.SenderState) error {
	for len(rows) > 0 {
		n := min(len(rows), lineBatch)
		var l lines
		for i := range rows[:n] {
			l.health(&rows[i])
		}
		if err := c.send(ctx, Raw, &l); err != nil {
			return fmt.Errorf("note who is silent: %w", err)
		}
		rows = rows[n:]
	}
	return nil
}

func (l *lines) health(h *devices.SenderState) {
	l.begin(MeasurementHealth)
	l.tag(TagDomain, string(h.Domain))
	l.tag(TagEdge, h.Edge)
	l.tag(TagID, h.ID)
	l.tag(TagMunicipality, h.Municipality)
	l.tag(TagSender, string(h.Sender))
	l.tag(TagStation, h.Station)
	silent := 0.0
	if h.Silent {
		silent = 1
	}
	l.number(FieldSilent, silent)
	l.number(FieldInterval, h.Interval.Seconds())
	if !h.LastHeard.IsZero() {
		l.number(FieldLastHeard, float64(h.LastHeard.UnixMilli())/1000)
	}
	l.end(h.Time)
}

// SilentNow returns the senders of which Note said last that they are silent,
// in no order. A sender that has moved since counts as it is now.
func (c *Client) SilentNow(ctx context.Context) ([]devices.SenderState, error) {
	q := "SELECT last(" + ident(FieldSilent) + ") AS " + ident(FieldSilent) + ", " + idents(FieldInterval, FieldLastHeard) +
		" FROM " + ident(MeasurementHealth) + " GROUP BY " + idents(TagSender, TagID, TagEdge, TagDomain, TagStation, TagMunicipality)
	answer, err := c.queryNano(ctx, Raw, q)
	if err != nil {
		return nil, fmt.Errorf("read who is silent: %w", err)
	}
	type who struct {
		sender devices.Sender
		id     string
	}
	newest := map[who]devices.SenderState{}
	for _, s := range answer {
		for r := range s.rows {
			h := readHealth(&s, r)
			if key := (who{h.Sender, h.ID}); !h.Time.Before(newest[key].Time) {
				newest[key] = h
			}
		}
	}
	var out []devices.SenderState
	for _, h := range newest {
		if h.Silent {
			out = append(out, h)
		}
	}
	return out, nil
}

func readHealth(s *series, r row) devices.SenderState {
	silent, _ := r.float(FieldSilent)
	interval, _ := r.float(FieldInterval)
	h := devices.SenderState{
		Time: r.timeNano(), Sender: devices.Sender(s.Tags[TagSender]), ID: s.Tags[TagID], Edge: s.Tags[TagEdge],
		Domain: uplink.Domain(s.Tags[TagDomain]), Station: s.Tags[TagStation], Municipality: s.Tags[TagMunicipality],
		Silent: silent != 0, Interval: time.Duration(interval * float64(time.Second)),
	}
	if heard, ok := r.float(FieldLastHeard); ok {
		h.LastHeard = time.UnixMilli(int64(math.Round(heard * 1000))).UTC()
	}
	return h
}

// heardBatch devices are asked about in one query: InfluxDB 1.8 and 2 turn an
// alternation of at most 100 words into look-ups in the index, 50 µs for each,
// and compare every device they have with a longer one.
const heardBatch = 100

// LastHeard returns when each of the devices was received last, after since
// (zero: ever); those that were not are left out. It knows of receptions by
// gateways alone.
func (c *Client) LastHeard(ctx context.Context, list []uplink.EUI, since time.Time) (map[uplink.EUI]time.Time, error) {
	out := make(map[uplink.EUI]time.Time, len(list))
	for len(list) > 0 {
		n := min(len(list), heardBatch)
		var q strings.Builder
		q.WriteString("SELECT last(" + ident(FieldFCnt) + ") FROM " + ident(MeasurementRadio) + " WHERE " + ident(TagDevice) + " =~ /^(")
		for i, eui := range list[:n] {
			if i > 0 {
				q.WriteByte('|')
			}
			q.WriteString(eui.String())
		}
		q.WriteString(")$/")
		if !since.IsZero() {
			fmt.Fprintf(&q, " AND time > %d", since.UnixNano())
		}
		q.WriteString(" GROUP BY " + ident(TagDevice))
		answer, err := c.query(ctx, Raw, q.String())
		if err != nil {
			return nil, fmt.Errorf("read when devices were heard last: %w", err)
		}
		for _, s := range answer {
			eui, err := uplink.ParseEUI(s.Tags[TagDevice])
			if err != nil {
				return nil, fmt.Errorf("read when devices were heard last: %w", err)
			}
			for r := range s.rows {
				if at := r.time(); at.After(out[eui]) {
					out[eui] = at
				}
			}
		}
		list = list[n:]
	}
	return out, nil
}
