package uplink

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Stored tells an edge which of its uplinks will survive any crash of the
// platform: the ranges, both ends included, of sequence numbers of one epoch.
type Stored struct {
	V      int         `json:"v"`
	Epoch  string      `json:"epoch"`
	Ranges [][2]uint64 `json:"ranges"`
}

// MaxRanges bounds the ranges of one Stored message.
const MaxRanges = 4096

// NewStored returns the message that confirms the given sequence numbers. It
// sorts seqs in place.
func NewStored(epoch string, seqs []uint64) Stored {
	slices.Sort(seqs)
	s := Stored{V: Version, Epoch: epoch, Ranges: [][2]uint64{}}
	for _, seq := range seqs {
		if n := len(s.Ranges); n > 0 && seq <= s.Ranges[n-1][1]+1 {
			s.Ranges[n-1][1] = seq
			continue
		}
		s.Ranges = append(s.Ranges, [2]uint64{seq, seq})
	}
	return s
}

// Encode returns the message as JSON.
func (s Stored) Encode() []byte {
	data, _ := json.Marshal(s) // integers and a string always have a JSON form
	return data
}

// DecodeStored parses a message from a stored topic and refuses ranges that
// run backwards.
func DecodeStored(data []byte) (Stored, error) {
	var s Stored
	if err := json.Unmarshal(data, &s); err != nil {
		return Stored{}, fmt.Errorf("stored: %w", err)
	}
	switch {
	case s.V != Version:
		return Stored{}, fmt.Errorf("stored has v=%d, want %d", s.V, Version)
	case s.Epoch == "":
		return Stored{}, fmt.Errorf("stored has no epoch")
	case len(s.Ranges) > MaxRanges:
		return Stored{}, fmt.Errorf("stored has %d ranges, want at most %d", len(s.Ranges), MaxRanges)
	}
	for _, r := range s.Ranges {
		if r[0] == 0 || r[0] > r[1] {
			return Stored{}, fmt.Errorf("stored has range %v, want [first, last] from 1 up", r)
		}
	}
	return s, nil
}
