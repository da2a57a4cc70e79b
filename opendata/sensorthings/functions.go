package sensorthings

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// function is one of OGC 18-088 §9.3.3.5.2, or of those that servers in the
// field have besides.
type function struct {
	takes [][]kind // what each argument may be
	least int      // number of arguments that must be there
	gives kind
	call  func(r *request, args []value) (value, error)
}

// pure is a function that fails never and needs no request. With a null
// argument it gives null (OData 4.0 part 2 §5.1.1.4).
func pure(gives kind, f func(a []value) value, takes ...[]kind) *function {
	return &function{takes, len(takes), gives, func(_ *request, a []value) (value, error) { return f(a), nil }}
}

var (
	aText     = []kind{text}
	aNumber   = []kind{number}
	aTime     = []kind{instant, interval}
	aGeometry = []kind{geometry}
)

// functions are the functions by name.
var functions = func() map[string]*function {
	all := map[string]*function{}
	for _, some := range []map[string]*function{textFunctions(), timeFunctions(), mathFunctions(), spanFunctions(), geoFunctions()} {
		for name, f := range some {
			all[name] = f
		}
	}
	return all
}()

// textFunctions count in characters, from 0.
func textFunctions() map[string]*function {
	test := func(f func(a, b string) bool) *function {
		return pure(boolean, func(a []value) value { return ofBool(f(a[0].str, a[1].str)) }, aText, aText)
	}
	change := func(f func(string) string) *function {
		return pure(text, func(a []value) value { return ofText(f(a[0].str)) }, aText)
	}
	substring := pure(text, func(a []value) value {
		runes := []rune(a[0].str)
		from, until := clamp(a[1].num, len(runes)), len(runes)
		if len(a) == 3 {
			until = clamp(float64(from)+math.Trunc(a[2].num), len(runes))
		}
		return ofText(string(runes[from:max(from, until)]))
	}, aText, aNumber, aNumber)
	substring.least = 2
	return map[string]*function{
		"substringof": test(func(part, whole string) bool { return strings.Contains(whole, part) }),
		"contains":    test(strings.Contains),
		"endswith":    test(strings.HasSuffix),
		"startswith":  test(strings.HasPrefix),
		"length":      pure(number, func(a []value) value { return ofNumber(float64(utf8.RuneCountInString(a[0].str))) }, aText),
		"indexof": pure(number, func(a []value) value {
			at := strings.Index(a[0].str, a[1].str)
			if at > 0 {
				at = utf8.RuneCountInString(a[0].str[:at])
			}
			return ofNumber(float64(at))
		}, aText, aText),
		"substring": substring,
		"tolower":   change(strings.ToLower),
		"toupper":   change(strings.ToUpper),
		"trim":      change(strings.TrimSpace),
		"concat":    pure(text, func(a []value) value { return ofText(a[0].str + a[1].str) }, aText, aText),
	}
}

func clamp(f float64, most int) int {
	if !(f > 0) {
		return 0
	}
	return int(math.Min(f, float64(most)))
}

// timeFunctions take of an interval its begin. Times are UTC.
func timeFunctions() map[string]*function {
	part := func(f func(t time.Time) float64) *function {
		return pure(number, func(a []value) value { return ofNumber(f(time.UnixMilli(a[0].at).UTC())) }, aTime)
	}
	const day = 86_400_000
	return map[string]*function{
		"year":               part(func(t time.Time) float64 { return float64(t.Year()) }),
		"month":              part(func(t time.Time) float64 { return float64(t.Month()) }),
		"day":                part(func(t time.Time) float64 { return float64(t.Day()) }),
		"hour":               part(func(t time.Time) float64 { return float64(t.Hour()) }),
		"minute":             part(func(t time.Time) float64 { return float64(t.Minute()) }),
		"second":             part(func(t time.Time) float64 { return float64(t.Second()) }),
		"fractionalseconds":  part(func(t time.Time) float64 { return float64(t.Nanosecond()) / 1e9 }),
		"totaloffsetminutes": part(func(time.Time) float64 { return 0 }),
		"date":               pure(instant, func(a []value) value { return ofInstant(a[0].at - floorMod(a[0].at, day)) }, aTime),
		"time":               pure(clock, func(a []value) value { return value{kind: clock, at: floorMod(a[0].at, day)} }, aTime),
		"now": {nil, 0, instant, func(r *request, _ []value) (value, error) {
			return ofInstant(r.now.UnixMilli()), nil
		}},
		"mindatetime": pure(instant, func([]value) value { return ofInstant(time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()) }),
		"maxdatetime": pure(instant, func([]value) value {
			return ofInstant(time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli())
		}),
	}
}

func floorMod(a, b int64) int64 { return (a%b + b) % b }

func mathFunctions() map[string]*function {
	of := func(f func(float64) float64) *function {
		return pure(number, func(a []value) value { return ofNumber(f(a[0].num)) }, aNumber)
	}
	return map[string]*function{"round": of(math.Round), "floor": of(math.Floor), "ceiling": of(math.Ceil)}
}

// spanFunctions compare times as intervals, as FROST has them beyond the
// standard; an instant begins and ends at once.
func spanFunctions() map[string]*function {
	test := func(f func(a, b value) bool) *function {
		return pure(boolean, func(a []value) value { return ofBool(f(span(a[0]), span(a[1]))) }, aTime, aTime)
	}
	return map[string]*function{
		"before": test(func(a, b value) bool { return a.until <= b.at && a.at < b.until || a.until < b.at }),
		"after":  test(func(a, b value) bool { return a.at >= b.until && a.until > b.at || a.at > b.until }),
		"meets":  test(func(a, b value) bool { return a.until == b.at || b.until == a.at }),
		"during": test(func(a, b value) bool { return a.at >= b.at && a.until <= b.until }),
		"overlaps": test(func(a, b value) bool {
			return a.at < b.until && b.at < a.until || a.at == b.at
		}),
		"starts":   test(func(a, b value) bool { return a.at == b.at }),
		"finishes": test(func(a, b value) bool { return a.until == b.until }),
	}
}

func span(v value) value {
	if v.kind == instant {
		v.until = v.at
	}
	return v
}
