package devices

import (
	"fmt"
	"strconv"
	"strings"
)

// Segment is a line on the ground, from one end to the other.
type Segment []Place

// MaxSegment bounds the points of a Segment.
const MaxSegment = 1000

// String writes the segment as WKT does, longitude before latitude:
// "LINESTRING (8.75 51.71, 8.76 51.72)". An empty one is "".
func (s Segment) String() string {
	if len(s) == 0 {
		return ""
	}
	b := []byte("LINESTRING (")
	for i, p := range s {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = strconv.AppendFloat(b, p.Lon, 'f', -1, 64)
		b = append(b, ' ')
		b = strconv.AppendFloat(b, p.Lat, 'f', -1, 64)
	}
	return string(append(b, ')'))
}

// ParseSegment reads what String writes; nothing is no segment.
func ParseSegment(text string) (Segment, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	wrong := func(what string) error {
		return fmt.Errorf("%.64q: %s, want a line as WKT like LINESTRING (8.75 51.71, 8.76 51.72), longitude before latitude", text, what)
	}
	inner, ok := cutFold(text, "LINESTRING")
	inner = strings.TrimSpace(inner)
	if !ok || !strings.HasPrefix(inner, "(") || !strings.HasSuffix(inner, ")") {
		return nil, wrong("no LINESTRING")
	}
	pairs := strings.Split(inner[1:len(inner)-1], ",")
	if len(pairs) < 2 || len(pairs) > MaxSegment {
		return nil, wrong(fmt.Sprintf("%d points, want 2 to %d", len(pairs), MaxSegment))
	}
	out := make(Segment, 0, len(pairs))
	for _, pair := range pairs {
		xy := strings.Fields(pair)
		if len(xy) != 2 {
			return nil, wrong(fmt.Sprintf("point %.32q", pair))
		}
		lon, errLon := strconv.ParseFloat(xy[0], 64)
		lat, errLat := strconv.ParseFloat(xy[1], 64)
		p := Place{Lat: lat, Lon: lon}
		if errLon != nil || errLat != nil || !p.Valid() {
			return nil, wrong(fmt.Sprintf("point %.32q", pair))
		}
		out = append(out, p)
	}
	return out, nil
}

func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// Valid reports whether the point is on Earth.
func (p Place) Valid() bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180
}
