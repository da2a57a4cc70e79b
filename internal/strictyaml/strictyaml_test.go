package strictyaml

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upper is a text that refuses some.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if string(text) == "bad" {
		return errors.New("upper \"bad\", want another")
	}
	*u = upper(strings.ToUpper(string(text)))
	return nil
}

type inner struct {
	Port uint8   `yaml:"port"`
	Rate float64 `yaml:"rate"`
}

type all struct {
	Inner inner `yaml:",inline"`

	Name    string `yaml:"name"`
	Count   int    `yaml:"count"`
	Small   int8   `yaml:"small"`
	On      bool
	Wait    time.Duration     `yaml:"wait"`
	Upper   upper             `yaml:"upper"`
	Uppers  map[upper]upper   `yaml:"uppers"`
	List    []string          `yaml:"list"`
	Map     map[string]string `yaml:"map"`
	Numbers map[int]inner     `yaml:"numbers"`
	Any     any               `yaml:"any"`
	Pointer *inner            `yaml:"pointer"`
	Placed  []At[any]         `yaml:"placed"`
	Again   []all             `yaml:"again"`
	Not     int               `yaml:"-"`
}

func TestDecode(t *testing.T) {
	ten := &inner{Port: 10}
	for _, c := range []struct {
		name, text string
		want       all
	}{
		{"fields", "name: a\ncount: -3\non: true\nport: 7\nrate: 1", all{Name: "a", Count: -3, On: true, Inner: inner{7, 1}}},
		{"what is not given stays", "port: 1", all{Inner: inner{Port: 1}}},
		{"null", "name:\ncount: ~\nlist: null\npointer:", all{}},
		{"texts are as written", "map: {0175: 1.50, 1e5: 2026-11-24, yes: no, 0x10: '~'}\nname: 12345678901234567890", all{Name: "12345678901234567890", Map: map[string]string{"0175": "1.50", "1e5": "2026-11-24", "yes": "no", "0x10": "~"}}},
		{"whole numbers", "count: 1e3\nport: 0x1f\nnumbers: {1: {port: 1_0}}", all{Count: 1000, Inner: inner{Port: 31}, Numbers: map[int]inner{1: {Port: 10}}}},
		{"zero", "count: 0\nrate: 0.5\nwait: 0", all{Inner: inner{Rate: .5}}},
		{"words of older YAML", "on: yes\n", all{On: true}},
		{"time", "wait: 1m30s", all{Wait: 90 * time.Second}},
		{"text of its own", "upper: 1e3\nuppers: {a: b}", all{Upper: "1E3", Uppers: map[upper]upper{"A": "B"}}},
		{"anything", "any: {a: [1, -1, 1.5, x, true, null, 2026-11-24, 007, 18446744073709551615, '1'], 1: {}}", all{Any: map[string]any{
			"a": []any{int64(1), int64(-1), 1.5, "x", true, nil, "2026-11-24", "007", uint64(math.MaxUint64), "1"}, "1": map[string]any{}}}},
		{"infinite", "rate: .inf", all{Inner: inner{Rate: math.Inf(1)}}},
		{"pointer", "pointer: {port: 10}", all{Pointer: ten}},
		{"lines", "placed:\n  - a\n\n  - b: 1\n    c: 2\n  - null\n", all{Placed: []At[any]{{2, "a"}, {4, map[string]any{"b": int64(1), "c": int64(2)}}, {6, nil}}}},
		{"alias", "name: &n x\nlist: [*n, *n]", all{Name: "x", List: []string{"x", "x"}}},
		{"alias as a key", "name: &n x\nmap: {*n : y}", all{Name: "x", Map: map[string]string{"x": "y"}}},
		{"merge", "pointer: &p {port: 10, rate: 2}\nnumbers: {1: {<<: *p, rate: 3}, 2: {<<: [{rate: 4}, *p]}}", all{Pointer: &inner{10, 2}, Numbers: map[int]inner{1: {10, 3}, 2: {10, 4}}}},
		{"merge at the top", "count: 1\n<<: {count: 2, name: b}", all{Count: 1, Name: "b"}},
		{"tags", "name: !!str 1\nany: !!float 1\nrate: !!float 2", all{Name: "1", Any: 1., Inner: inner{Rate: 2}}},
		{"byte order mark, Windows", "\ufeffname: a\r\ncount: 1\r\n", all{Name: "a", Count: 1}},
		{"one document, marked", "---\nname: a\n...\n", all{Name: "a"}},
		{"nested in itself", "again: [{again: [{name: x}]}]", all{Again: []all{{Again: []all{{Name: "x"}}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got all
			err := Decode([]byte(c.text), &got)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
	}
	kept := all{Name: "default", Count: 5, Map: map[string]string{"a": "1"}}
	if err := Decode([]byte("name:\nmap: {b: 2}"), &kept); err != nil || kept.Name != "default" || kept.Count != 5 || len(kept.Map) != 2 {
		t.Errorf("defaults became %+v (%v)", kept, err)
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	const keys = "again, any, count, list, map, name, numbers, on, placed, pointer, port, rate, small, upper, uppers, wait"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "is empty"},
		{"comment", "# x\n", "is empty"},
		{"marked and empty", "---\n", "is empty"},
		{"second document", "name: a\n---\nname: b\n", "line 2: a second document begins, want one"},
		{"second document, broken", "name: a\n---\nname: [\n", "line 4: a value is missing"},
		{"unknown key", "name: a\nnam: b\n", "line 2: nam: is unknown, want one of " + keys},
		{"unknown key inside", "pointer:\n  prt: 1\n", "line 2: pointer.prt: is unknown, want one of port, rate"},
		{"hidden fields", "not: 1", "line 1: not: is unknown, want one of " + keys},
		{"in capitals", "Name: a", "line 1: Name: is unknown, want one of " + keys},
		{"twice", "name: a\n\nname: b", "line 3: name: is there twice, first on line 1"},
		{"twice in a map", "map:\n  a: 1\n  'a': 2", "line 3: map.a: is there twice, first on line 2"},
		{"one number twice", "numbers: {1: {}, 0x1: {}}", "line 1: numbers.0x1: is there twice"},
		{"twice in anything", "any: {x.y: 1, x.y: 2}", `line 1: any."x.y": is there twice, first on line 1`},
		{"everything", "count: x\nport: 256\nrate: fast\nlist: a\n", `line 1: count: "x", want a whole number
line 2: port: "256", want a whole number from 0 to 255
line 3: rate: "fast", want a number
line 4: list: "a", want a list`},
		{"no whole number", "count: 1.5", `line 1: count: "1.5", want a whole number`},
		{"text for a number", "count: '1'", `line 1: count: "1", want a whole number`},
		{"negative", "port: -1", `line 1: port: "-1", want a whole number from 0 to 255`},
		{"small", "small: 128", `line 1: small: "128", want a whole number from -128 to 127`},
		{"large", "count: 1e300", `line 1: count: "1e300", want a whole number`},
		{"larger", "count: 9223372036854775808", `line 1: count: "9223372036854775808", want a whole number`},
		{"octal for some", "count: 010", `line 1: count: "010", want a whole number without a 0 in front`},
		{"octal for none", "rate: 09", `line 1: rate: "09", want a number without a 0 in front`},
		{"truth", "on: 1", `line 1: on: "1", want true or false`},
		{"truth in quotes", "on: 'yes'", `line 1: on: "yes", want true or false`},
		{"time", "wait: 5", `line 1: wait: "5", want a time like 200ms, 90s or 36h`},
		{"time is a list", "wait: [5s]", `line 1: wait: is a list, want a time like 200ms, 90s or 36h`},
		{"of its own", "uppers:\n  a: bad", `line 2: uppers.a: upper "bad", want another`},
		{"of its own, list", "upper: [a]", `line 1: upper: is a list, want one value`},
		{"list for a text", "name:\n  - a", "line 2: name: is a list, want a text"},
		{"keys for a text", "list: [a, {b: c}]", "line 1: list[1]: has keys, want a text"},
		{"text for keys", "pointer: x", `line 1: pointer: "x", want keys with values`},
		{"a list at the top", "- a", "line 1: is a list, want keys with values"},
		{"long", "count: " + strings.Repeat("ä", 100), `line 1: count: "` + strings.Repeat("ä", 39) + `…", want a whole number`},
		{"deep", "again:\n- again:\n  - count: x", `line 3: again[0].again[0].count: "x", want a whole number`},
		{"key is a list", "map: {[a]: b}", "line 1: map: a key is a list, want a text or a number"},
		{"no key", "numbers: {~: {}}", "line 1: numbers.~: is no key"},
		{"tag", "name: !secret x", `line 1: name: has the tag "!secret", which is not known here`},
		{"binary", "name: !!binary aGFsbG8=", `line 1: name: has the tag "!!binary", which is not known here`},
		{"wrong tag", "any: !!int x", `line 1: any: "x" is not what its tag says`},
		{"merge of a text", "<<: x", `line 1: <<: "x", want keys with values`},
		{"unknown alias", "name: *x", "unknown anchor 'x' referenced"},
		{"indented less", "map:\n   a: 1\n  b: 2\n", "line 3: does not belong to what stands around it: is it indented like its neighbours, like \"key: value\"?"},
		{"indented more", "map:\n  a: 1\n   b: 2\n", "line 3: a colon where none may be: is it indented like its neighbours, or a text that needs quotes?"},
		{"colon in a text", "name: a: b", "line 1: a colon where none may be: is it indented like its neighbours, or a text that needs quotes?"},
		{"tab", "map:\n\ta: 1\n", "line 2: a text that begins like this needs quotes"},
		{"at", "count: 1\nname: @x\n", "line 2: a text that begins like this needs quotes"},
		{"list not closed", "count: 1\nlist: [a, b\nname: x\n", "line 2: a list is not closed: want a , or a ]"},
		{"quote not closed", "count: 1\nname: 'a\n\n", "line 2: a quote is not closed"},
		{"no colon", "count: 1\nname a\n", `line 2: is no "key: value"`},
		{"control character", "name: a\x01", "control characters are not allowed"},
		{"no UTF-8", "name: \xff", "invalid leading UTF-8 octet"},
		{"itself", "any: &x [*x]", "line 1: is nested more than 100 deep"},
		{"itself by merging", "<<: &a {<<: *a}", "line 1: is nested more than 100 deep"},
		{"brackets", "any: " + strings.Repeat("[", 101) + strings.Repeat("]", 101), "line 1: is nested more than 100 deep"},
		{"many brackets", "any: " + strings.Repeat("[", 1_000_000), "exceeded max depth of 10000"},
		{"many braces", strings.Repeat("{a: ", 1_000_000), "exceeded max depth of 10000"},
		{"many dashes", "any:\n" + strings.Repeat("- ", 1_000_000), "line 2: exceeded max depth of 10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got all
			err := Decode([]byte(c.text), &got)
			var f *Fault
			if err == nil || err.Error() != c.want || !errors.As(err, &f) {
				t.Errorf("error\n%v\nwant\n%s", err, c.want)
			}
		})
	}
	if err := Decode([]byte("a: 1"), &struct{}{}); err == nil || err.Error() != "line 1: a: is unknown, there is no key here" {
		t.Error(err)
	}
	if err := Decode([]byte("a: 1"), &struct{ A chan int }{}); err == nil || err.Error() != "line 1: a: cannot be read into chan" {
		t.Error(err)
	}
}

// A few lines must not become a full memory.
func TestBombs(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	merges := "a: &a {k1: x, k2: x, k3: x}\n"
	for c := 'b'; c <= 'z'; c++ {
		prev := string(c - 1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+prev+", ", 8) + "*" + prev + "]\n"
		merges += string(c) + ": &" + string(c) + " {<<: [" + strings.Repeat("*"+prev+", ", 8) + "*" + prev + "]}\n"
	}
	for name, text := range map[string]string{"laughs": laughs, "merges": merges} {
		for _, dst := range []any{new(any), new(map[string]any)} {
			begin := time.Now()
			err := Decode([]byte(text), dst)
			if err == nil || !strings.HasSuffix(err.Error(), "aliases stand for more than 100000 values") {
				t.Errorf("%s: error %v", name, err)
			}
			if d := time.Since(begin); d > 10*time.Second {
				t.Errorf("%s took %v", name, d)
			}
		}
	}
}

func TestLines(t *testing.T) {
	var dst any
	lines, err := DecodeLines([]byte("a:\n  - b: &x\n      c: [1,\n        2]\n\n# d\n  - *x\n\"e.f\": 3\n"), &dst)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"a": 1, "a[0]": 2, "a[0].b": 2, "a[0].b.c": 3, "a[0].b.c[0]": 3, "a[0].b.c[1]": 4, "a[0].b.c[7]": 3, "a[0].b.d.e": 2,
		"a[1]": 7, "a[1].c": 3, "a[2].x": 1, `"e.f"`: 8, "g": 0, "": 0, "g[0].h, i": 0, "a[1].x, y": 7,
	} {
		if got := lines.Of(path); got != want {
			t.Errorf("%q is on line %d, want %d", path, got, want)
		}
	}
	if got := Lines(nil).Of("a.b"); got != 0 {
		t.Errorf("without a document: line %d", got)
	}
}

func TestDecodeLoose(t *testing.T) {
	for _, c := range []struct {
		name, text, err string
		want            all
	}{
		{"unknown keys", "x: {y: 1, y: 2}\nname: a\npointer: {z: 1}", "", all{Name: "a", Pointer: &inner{}}},
		{"second document", "name: a\n---\nname: b", "", all{Name: "a"}},
		{"first document empty", "---\n---\nname: b", "", all{Name: "b"}},
		{"second document broken", "name: a\n---\n[", "", all{Name: "a"}},
		{"tag", "any: !js x\nname: !js y", "", all{Any: "x", Name: "y"}},
		{"twice", "name: a\nname: b", "line 2: name: is there twice, first on line 1", all{Name: "a"}},
		{"type", "count: x", `line 1: count: "x", want a whole number`, all{}},
		{"empty", "---\n---\n", "is empty", all{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got all
			err := DecodeLoose([]byte(c.text), &got)
			if diff := cmp.Diff(c.want, got); diff != "" || (c.err == "") != (err == nil) || err != nil && err.Error() != c.err {
				t.Error(err, diff)
			}
		})
	}
}

// FuzzDecode sees that nothing panics, that errors are those of this package
// and that what was read once is read again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "---\n", "name: a\ncount: -3\non: yes\nport: 7\n", "map: {0175: 1.50, 1e5: 2026-11-24}", "any: {a: [1, .5, x, true, null, 007]}",
		"a: &a [*a]", "<<: &a {<<: *a}", "? &a *a : 1", "? [1]\n: 2\n", "placed:\n  - a\n  - b: 1\n", "again: [{again: [{wait: 5s}]}]", "name: a\n---\nname: b",
		"name: |\n  x\n# c\n", "uppers: {a: bad}", "!!int x", "any: !!float 1", "{a: &b b, *b : c}", "- -\t- x", "%YAML 1.1\n---\nname: x\n...\n", "numbers: {1: {}, 0x1: {}}",
		"a:\n  - b\n  # c\n\n# d\n  -\n", "#\n - #\n", "\xff\xfea\x00", "<<: [[x]]", "any: !!binary x", "any: &x !<tag:yaml.org,2002:map> {}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		withLines := func(data []byte, dst any) error {
			_, err := DecodeLines(data, dst)
			return err
		}
		for _, decode := range []func([]byte, any) error{Decode, DecodeLoose, withLines} {
			var a, b all
			var any1 any
			err := decode(data, &a)
			if again := decode(data, &b); (err == nil) != (again == nil) || err != nil && err.Error() != again.Error() {
				t.Fatalf("first %v, then %v", err, again)
			}
			var fault *Fault
			if err != nil && !errors.As(err, &fault) {
				t.Fatalf("error %v of another make", err)
			}
			if err == nil && !nan(a) && !reflect.DeepEqual(a, b) {
				t.Fatalf("%+v, then %+v", a, b)
			}
			_ = decode(data, &any1)
		}
	})
}

// nan reports whether a value may differ from itself.
func nan(a all) bool { return !reflect.DeepEqual(a, a) }
