package sensorthings

import (
	"strconv"

	"github.com/peterstace/simplefeatures/geom"

	"modellregion/devices"
)

// shape is a geometry in WGS 84, longitude before latitude, with what it costs
// to know of it made once.
type shape struct {
	geom.Geometry
	low, high geom.XY // of its envelope
	json      []byte  // GeoJSON (RFC 7946)
}

func newShape(g geom.Geometry) (*shape, error) {
	json, err := g.MarshalJSON()
	if err != nil {
		return nil, err
	}
	low, high, _ := g.Envelope().MinMaxXYs()
	return &shape{Geometry: g, low: low, high: high, json: json}, nil
}

// shapeOf returns the line of a stretch of road, or else the point.
func shapeOf(place devices.Place, line devices.Segment) (*shape, error) {
	if len(line) < 2 {
		return newShape(geom.NewPoint(geom.Coordinates{XY: geom.XY{X: place.Lon, Y: place.Lat}}).AsGeometry())
	}
	flat := make([]float64, 0, 2*len(line))
	for _, p := range line {
		flat = append(flat, p.Lon, p.Lat)
	}
	return newShape(geom.NewLineString(geom.NewSequence(flat, geom.DimXY)).AsGeometry())
}

// area returns the box around the shape, or nil when it has no extent: then a
// polygon would be none.
func (s *shape) area() *shape {
	if s.high.X <= s.low.X || s.high.Y <= s.low.Y {
		return nil
	}
	box, err := newShape(s.Envelope().AsGeometry())
	if err != nil {
		return nil
	}
	return box
}

func (s *shape) appendJSON(b []byte) []byte { return append(b, s.json...) }

// field returns a member of the GeoJSON object, as a filter may ask for it.
func (s *shape) field(name string) value {
	if name == "type" {
		return ofText(s.Type().String())
	}
	if xy, ok := s.point(); ok {
		return value{kind: list, items: []value{ofNumber(xy.X), ofNumber(xy.Y)}}
	}
	seq := s.DumpCoordinates()
	out := value{kind: list}
	for i := range seq.Length() {
		xy := seq.GetXY(i)
		out.items = append(out.items, value{kind: list, items: []value{ofNumber(xy.X), ofNumber(xy.Y)}})
	}
	return out
}

func (s *shape) point() (geom.XY, bool) {
	p, ok := s.AsPoint()
	if !ok {
		return geom.XY{}, false
	}
	return p.XY()
}

// parseWKT reads well-known text, as in geography'POINT (8.75 51.72)'.
func parseWKT(s string) (*shape, error) {
	g, err := geom.UnmarshalWKT(stripSRID(s))
	if err != nil {
		return nil, err
	}
	return newShape(g.Force2D())
}

// stripSRID cuts off the SRID=4326; that OData has before WKT.
func stripSRID(s string) string {
	const prefix = "SRID="
	if len(s) <= len(prefix) || s[:len(prefix)] != prefix {
		return s
	}
	for i := len(prefix); i < len(s); i++ {
		if s[i] == ';' {
			if srid, err := strconv.Atoi(s[len(prefix):i]); err == nil && (srid == 4326 || srid == 0) {
				return s[i+1:]
			}
			return s
		}
	}
	return s
}
