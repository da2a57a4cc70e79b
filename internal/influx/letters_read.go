package influx

import (
	"context"
	"fmt"
	"strings"
	"time"

	"modellregion/devices"
)

const letterPage = 500 // letters of one answer

// DeadLetters returns the dead letters that the filter chooses, the newest
// first. Their times are those under which they are stored, to the nanosecond.
func (c *Client) DeadLetters(ctx context.Context, f devices.LetterFilter) ([]devices.DeadLetter, error) {
	where, err := letterCondition(f)
	if err != nil {
		return nil, err
	}
	var out []devices.DeadLetter
	for before := ""; ; {
		q := "SELECT " + idents(TagEdge, TagReason, FieldMessage, FieldWhy, FieldDevice, FieldTopic, FieldCut, FieldSettled) +
			" FROM " + ident(MeasurementDeadLetter) + where + before + fmt.Sprintf(" ORDER BY time DESC LIMIT %d", letterPage)
		answer, err := c.queryNano(ctx, Raw, q)
		if err != nil {
			return nil, fmt.Errorf("read dead letters: %w", err)
		}
		rows, oldest := 0, time.Time{}
		for _, s := range answer {
			for r := range s.rows {
				letter := readLetter(r)
				rows, oldest = rows+1, letter.Time
				if letter.Settled != devices.Unsettled && !f.Settled {
					continue // a field that is not there has no condition
				}
				if out = append(out, letter); len(out) == f.Limit {
					return out, nil
				}
			}
		}
		if rows < letterPage {
			return out, nil
		}
		before = fmt.Sprintf(" AND time < %d", oldest.UnixNano())
	}
}

// letterCondition returns the WHERE clause of a filter.
func letterCondition(f devices.LetterFilter) (string, error) {
	conditions := []string{"time > 0"}
	if f.ID != "" {
		at, err := devices.ParseDeadLetterID(f.ID)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, fmt.Sprintf("time = %d", at.UnixNano()))
	}
	if !f.Since.IsZero() {
		conditions = append(conditions, fmt.Sprintf("time >= %d", f.Since.UnixNano()))
	}
	if !f.Until.IsZero() {
		conditions = append(conditions, fmt.Sprintf("time < %d", f.Until.UnixNano()))
	}
	for _, c := range []struct{ name, value string }{{TagEdge, f.Edge}, {TagReason, f.Reason}, {FieldDevice, f.Device}} {
		if c.value != "" {
			conditions = append(conditions, ident(c.name)+" = "+text(c.value))
		}
	}
	return " WHERE " + strings.Join(conditions, " AND "), nil
}

func readLetter(r row) devices.DeadLetter {
	cut, _ := r.float(FieldCut)
	settled, _ := r.float(FieldSettled)
	l := devices.DeadLetter{
		Time: r.timeNano(), Edge: r.text(TagEdge), Reason: r.text(TagReason),
		Why: r.text(FieldWhy), Topic: r.text(FieldTopic), Device: r.text(FieldDevice),
		Message: r.text(FieldMessage), Cut: cut != 0,
	}
	if how := devices.Settled(settled); how == devices.Replayed || how == devices.Dropped {
		l.Settled = how
	}
	return l
}

// CountDeadLetters counts the dead letters by reason, settled or not.
func (c *Client) CountDeadLetters(ctx context.Context) (map[string]int, error) {
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
