package devices

import (
	"slices"
	"strings"
	"testing"
)

func TestSegment(t *testing.T) {
	for text, want := range map[string]Segment{
		"":                                       nil,
		"LINESTRING (8.75 51.71, 8.76 51.72)":    {{51.71, 8.75}, {51.72, 8.76}},
		" linestring(8 51,9 52 ,\t-10.5 -3.25) ": {{51, 8}, {52, 9}, {-3.25, -10.5}},
		"LINESTRING (0.0000001 0.25, 179.123456789 90)": {{0.25, 0.0000001}, {90, 179.123456789}},
	} {
		got, err := ParseSegment(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is %v (%v), want %v", text, got, err, want)
		}
		if again, err := ParseSegment(got.String()); err != nil || !slices.Equal(again, want) {
			t.Errorf("%q is written as %q and read as %v (%v)", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"POINT (8 51)":               "no LINESTRING",
		"LINESTRING 8 51, 9 52":      "no LINESTRING",
		"LINESTRING (8 51)":          "1 points, want 2 to 1000",
		"LINESTRING (8 51, 9)":       `point " 9"`,
		"LINESTRING (8 51, 9 52 30)": "point",
		"LINESTRING (8 51, 9 152)":   "point",
		"LINESTRING (8 51, 9 NaN)":   "point",
		"LINESTRING (8 51" + strings.Repeat(", 8 51", 1000) + ")": "1001 points",
	} {
		if got, err := ParseSegment(text); err == nil || got != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, %v, want an error that says %q", text, got, err, want)
		}
	}
}

func FuzzParseSegment(f *testing.F) {
	f.Add("LINESTRING (8.75 51.71, 8.76 51.72)")
	f.Add("LINESTRING (")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSegment(text)
		if err != nil {
			return
		}
		if again, err := ParseSegment(s.String()); err != nil || !slices.Equal(again, s) {
			t.Errorf("%q is written as %q and read as %v (%v)", text, s, again, err)
		}
	})
}
