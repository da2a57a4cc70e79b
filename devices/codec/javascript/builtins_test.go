package javascript

import (
	_ "embed"
	"encoding/binary"
	"strings"
	"testing"
)

//go:embed testdata/builtins.js
var builtins string

// Every built-in function with arguments that it may not like: the engine ends
// each call by itself or by a limit, and is as it was afterwards.
func TestBuiltins(t *testing.T) {
	p, good := compileTest(t, builtins), compileTest(t, guinea+"}")
	for seed := range uint32(200) {
		_, err := p.DecodeUplink(Input{Bytes: binary.BigEndian.AppendUint32(nil, seed)})
		if err != nil && strings.Contains(err.Error(), "engine") {
			t.Errorf("seed %d: %v", seed, err)
		}
		check(t, good)
	}
}
