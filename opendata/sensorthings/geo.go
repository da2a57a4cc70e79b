package sensorthings

import (
	"regexp"

	"github.com/peterstace/simplefeatures/geom"
)

// geoFunctions compute in the plane of longitude and latitude, in degrees, as
// the OGC's tests and other servers do.
func geoFunctions() map[string]*function {
	relation := func(f func(a, b *shape) (bool, error)) *function {
		return &function{[][]kind{aGeometry, aGeometry}, 2, boolean, func(_ *request, a []value) (value, error) {
			ok, err := f(a[0].shape, a[1].shape)
			return ofBool(ok), geoError(err)
		}}
	}
	intersects := relation(func(a, b *shape) (bool, error) { return a.near(b) && geom.Intersects(a.Geometry, b.Geometry), nil })
	return map[string]*function{
		"geo.distance": pure(number, func(a []value) value {
			d, ok := geom.Distance(a[0].shape.Geometry, a[1].shape.Geometry)
			if !ok {
				return value{}
			}
			return ofNumber(d)
		}, aGeometry, aGeometry),
		"geo.length": pure(number, func(a []value) value {
			return ofNumber(a[0].shape.Length())
		}, aGeometry),
		"geo.intersects": intersects,
		"st_intersects":  intersects,
		"st_disjoint":    relation(func(a, b *shape) (bool, error) { return !a.near(b) || !geom.Intersects(a.Geometry, b.Geometry), nil }),
		"st_equals":      relation(func(a, b *shape) (bool, error) { return nearly(a, b, geom.Equals) }),
		"st_touches":     relation(func(a, b *shape) (bool, error) { return nearly(a, b, geom.Touches) }),
		"st_overlaps":    relation(func(a, b *shape) (bool, error) { return nearly(a, b, geom.Overlaps) }),
		"st_crosses":     relation(func(a, b *shape) (bool, error) { return nearly(a, b, geom.Crosses) }),
		"st_within":      relation(func(a, b *shape) (bool, error) { return b.contains(a) }),
		"st_contains":    relation(func(a, b *shape) (bool, error) { return a.contains(b) }),
		"st_relate": {[][]kind{aGeometry, aGeometry, aText}, 3, boolean, func(_ *request, a []value) (value, error) {
			if !matrix.MatchString(a[2].str) {
				return value{}, fail(400, "st_relate: %.40q ist keine DE-9IM-Maske wie T*F**F***", "st_relate: %.40q is no DE-9IM mask such as T*F**F***", a[2].str)
			}
			m, err := geom.Relate(a[0].shape.Geometry, a[1].shape.Geometry)
			if err != nil {
				return value{}, geoError(err)
			}
			ok, err := geom.RelateMatches(m, a[2].str)
			return ofBool(ok), geoError(err)
		}},
	}
}

var matrix = regexp.MustCompile(`^[TF*012]{9}$`)

func geoError(err error) error {
	if err == nil {
		return nil
	}
	return fail(400, "die Geometrie lässt sich nicht auswerten: %v", "the geometry cannot be evaluated: %v", err)
}

// near reports whether the envelopes meet: nothing else can.
func (s *shape) near(o *shape) bool {
	return s.low.X <= o.high.X && o.low.X <= s.high.X && s.low.Y <= o.high.Y && o.low.Y <= s.high.Y && !s.IsEmpty() && !o.IsEmpty()
}

func nearly(a, b *shape, f func(a, b geom.Geometry) (bool, error)) (bool, error) {
	if !a.near(b) {
		return a.IsEmpty() && b.IsEmpty(), nil
	}
	return f(a.Geometry, b.Geometry)
}

// contains is what most maps ask, for their points, hundreds at once: a point
// needs no graph of both shapes.
func (s *shape) contains(o *shape) (bool, error) {
	if !s.near(o) || o.low.X < s.low.X || o.low.Y < s.low.Y || o.high.X > s.high.X || o.high.Y > s.high.Y {
		return false, nil
	}
	xy, isPoint := o.point()
	if polygon, ok := s.AsPolygon(); ok && isPoint {
		return inside(xy, polygon), nil
	}
	return geom.Contains(s.Geometry, o.Geometry)
}

// inside reports whether a point is in the interior of a polygon.
func inside(p geom.XY, polygon geom.Polygon) bool {
	in, edge := inRing(p, polygon.ExteriorRing())
	if !in || edge {
		return false
	}
	for i := range polygon.NumInteriorRings() {
		if in, edge := inRing(p, polygon.InteriorRingN(i)); in || edge {
			return false
		}
	}
	return true
}

// inRing counts the edges that a ray from the point to the east crosses.
func inRing(p geom.XY, ring geom.LineString) (in, edge bool) {
	seq := ring.Coordinates()
	for i := 1; i < seq.Length(); i++ {
		a, b := seq.GetXY(i-1), seq.GetXY(i)
		if a.Y > b.Y {
			a, b = b, a
		}
		if p.Y < a.Y || p.Y > b.Y {
			continue
		}
		side := (b.X-a.X)*(p.Y-a.Y) - (p.X-a.X)*(b.Y-a.Y)
		if side == 0 && p.X >= min(a.X, b.X) && p.X <= max(a.X, b.X) {
			return false, true
		}
		if p.Y < b.Y && side > 0 {
			in = !in
		}
	}
	return in, false
}
