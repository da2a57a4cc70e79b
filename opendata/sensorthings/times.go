package sensorthings

import (
	"strconv"
	"strings"
	"time"
)

// parseTime reads an ISO 8601 instant or a date, which stands for its
// midnight; without an offset it is UTC.
func parseTime(s string) (ms int64, ok bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly,
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

// parseTimes reads an instant, or an interval: begin/end, begin/duration or
// duration/end.
func parseTimes(s string) (value, bool) {
	first, second, isInterval := strings.Cut(s, "/")
	if !isInterval {
		at, ok := parseTime(s)
		return ofInstant(at), ok
	}
	from, ok1 := parseTime(first)
	until, ok2 := parseTime(second)
	if !ok1 && ok2 {
		var d int64
		if d, ok1 = parseDuration(first); ok1 {
			from = until - d
		}
	}
	if ok1 && !ok2 {
		var d int64
		if d, ok2 = parseDuration(second); ok2 {
			until = from + d
		}
	}
	return ofInterval(from, until), ok1 && ok2 && until >= from
}

// parseDuration reads an ISO 8601 duration of at most days, in milliseconds:
// months and years have no fixed length.
func parseDuration(s string) (ms int64, ok bool) {
	sign := int64(1)
	if rest, minus := strings.CutPrefix(s, "-"); minus {
		sign, s = -1, rest
	}
	s, ok = strings.CutPrefix(s, "P")
	if !ok || s == "" || len(s) > 64 {
		return 0, false
	}
	units := map[byte]float64{'W': 7 * 86_400_000, 'D': 86_400_000}
	total, any := 0.0, false
	for s != "" {
		if s[0] == 'T' && len(units) == 2 {
			units = map[byte]float64{'H': 3_600_000, 'M': 60_000, 'S': 1000, 0: 0}
			s = s[1:]
			any = false
			continue
		}
		end := strings.IndexFunc(s, func(c rune) bool { return (c < '0' || c > '9') && c != '.' })
		if end <= 0 {
			return 0, false
		}
		n, err := strconv.ParseFloat(s[:end], 64)
		unit, known := units[s[end]]
		if err != nil || !known {
			return 0, false
		}
		total, any = total+n*unit, true
		s = s[end+1:]
	}
	return sign * int64(total), any && total < 1e15
}

// appendDuration writes what parseDuration reads, in seconds at the smallest.
func appendDuration(b []byte, ms int64) []byte {
	if ms < 0 {
		b, ms = append(b, '-'), -ms
	}
	b = append(b, 'P')
	if days := ms / 86_400_000; days > 0 {
		b = append(strconv.AppendInt(b, days, 10), 'D')
		if ms %= 86_400_000; ms == 0 {
			return b
		}
	}
	return append(strconv.AppendFloat(append(b, 'T'), float64(ms)/1000, 'f', -1, 64), 'S')
}

// parseClock reads a time of the day: 10:30, 10:30:00.5.
func parseClock(s string) (ms int64, ok bool) {
	for _, layout := range []string{"15:04:05.999999999", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Sub(t.Truncate(24 * time.Hour)).Milliseconds(), true
		}
	}
	return 0, false
}
