package javascript

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzProgram runs whatever source: it must end, harm nobody, and leave the
// runtime as it was.
func FuzzProgram(f *testing.F) {
	f.Add(typical, typicalBytes, uint8(85))
	for _, g := range greedy {
		f.Add(guinea+g.code+"}", []byte{1}, uint8(2))
	}
	for _, b := range bad {
		f.Add(guinea+b.code+"\n}", []byte{1}, uint8(2))
	}
	for _, e := range expressions {
		f.Add("const b = Buffer.from([0x81, 2, 3]); function decodeUplink(i) { return { data: "+e+" } }", []byte{1}, uint8(2))
	}
	good, err := Compile(typical)
	if err != nil {
		f.Fatal(err)
	}
	in := Input{Bytes: typicalBytes, FPort: 85}
	want, err := good.DecodeUplink(in)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source string, payload []byte, port uint8) {
		start := time.Now()
		if p, err := Compile(source); err == nil {
			a, first := p.DecodeUplink(Input{Bytes: payload, FPort: port})
			if first == nil {
				b, second := p.DecodeUplink(Input{Bytes: payload, FPort: port})
				if second == nil && !cmp.Equal(a, b, cmp.Comparer(sameFloat)) {
					t.Errorf("%v, then %v", a, b)
				}
				_, _ = p.EncodeDownlink(map[string]any{"x": 1}, nil)
			}
			p.Close()
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
		got, err := good.DecodeUplink(in)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("a good codec gave %v, %v", got, err)
		}
	})
}

func sameFloat(a, b float64) bool { return a == b || a != a && b != b }

// FuzzResult returns what JSON.parse makes of a text: it must be what
// encoding/json makes of it.
func FuzzResult(f *testing.F) {
	for _, s := range []string{
		"null", "[]", "{}", `{"a":[1,2.5,-3e10,"x",true,false,null]}`, `"\u0000NaN"`, `"\u0000"`, `"\u0000\u0000Infinity"`,
		`{"\u0000NaN":"\u0000NaN"}`, `"\ud800"`, `"\ud83d\ude00"`, `{"__proto__":1}`, `{"toJSON":1}`, `{"length":5,"a":{"b":{}}}`,
		`[[[[[[[[[[[[[]]]]]]]]]]]]]`, `1e308`, `-0`, `0.1`, `5e-324`, `{"a":1,"a":2}`, `{"":""}`, `{"2":1,"1":2}`, ` [1 , 2 ] `, `"\u2028 </script>"`,
		`{"type":"Buffer","data":[1]}`, `9007199254740993`, `"` + strings.Repeat("\u00e9", 300) + `"`, `{"then":1,"message":"x","errors":[1]}`,
	} {
		f.Add(s)
	}
	p, err := Compile("function decodeUplink(i) { return { data: JSON.parse(i.variables.text) } }")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want any
		if !utf8.ValidString(text) || len(text) > 10000 || json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		got, err := p.DecodeUplink(Input{Variables: map[string]string{"text": text}})
		if err != nil {
			if !strings.Contains(err.Error(), "nested") && !strings.Contains(err.Error(), "64 KiB") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if diff := cmp.Diff(want, got.Data); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}
