package main

import (
	"fmt"
	"strconv"
	"strings"
)

// byteSize is a number of bytes, written with a unit like 500MB.
type byteSize int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *byteSize) UnmarshalText(text []byte) error {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}} {
		number, ok := strings.CutSuffix(string(text), unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		if err != nil || n < 0 {
			break
		}
		*s = byteSize(n * unit.bytes)
		return nil
	}
	return fmt.Errorf("%.32q is no size, want a whole number with kB, MB, GB, KiB, MiB or GiB like 500MB", text)
}
