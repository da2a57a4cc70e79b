package mqttframe

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

type packet struct {
	kind   byte
	length int
}

// split follows data in pieces of the given size.
func split(data []byte, size int) (got []packet, err error) {
	var f Follower
	for piece := range slices.Chunk(data, size) {
		err = f.Follow(piece, func(kind byte, length int) error {
			got = append(got, packet{kind, length})
			return nil
		})
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

func TestFollow(t *testing.T) {
	long := append([]byte{0x32, 0x80, 0x80, 0x01}, make([]byte, 16384)...)
	for name, tc := range map[string]struct {
		data    []byte
		want    []packet
		wantErr bool
	}{
		"nothing":        {},
		"ping":           {data: []byte{0xc0, 0}, want: []packet{{12, 0}}},
		"body like head": {data: []byte{0x30, 3, 0xff, 0xff, 0xff, 0xd0, 0}, want: []packet{{3, 3}, {13, 0}}},
		"three bytes":    {data: append(long, 0xc0, 0), want: []packet{{3, 16384}, {12, 0}}},
		"largest":        {data: []byte{0x30, 0xff, 0xff, 0xff, 0x7f, 1}, want: []packet{{3, 268_435_455}}},
		"half a length":  {data: []byte{0x30, 0x80}},
		"five bytes":     {data: []byte{0xc0, 0, 0x30, 0xff, 0xff, 0xff, 0xff, 1}, want: []packet{{12, 0}}, wantErr: true},
	} {
		for _, size := range []int{1, 2, 3, 1 << 20} {
			got, err := split(tc.data, size)
			if !slices.Equal(got, tc.want) || (err != nil) != tc.wantErr {
				t.Errorf("%s in pieces of %d: %v, %v, want %v, error %v", name, size, got, err, tc.want, tc.wantErr)
			}
		}
	}
	wrong := errors.New("wrong")
	var f Follower
	if err := f.Follow([]byte{0x90, 3}, func(byte, int) error { return wrong }); err != wrong {
		t.Errorf("got %v, want the error of check", err)
	}
}

// FuzzFollow: how a stream is cut into pieces makes no difference.
func FuzzFollow(f *testing.F) {
	f.Add([]byte{0x10, 2, 1, 2, 0xc0, 0}, byte(1))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0x01}, byte(3))
	f.Add(bytes.Repeat([]byte{0x82, 1}, 40), byte(7))
	f.Fuzz(func(t *testing.T, data []byte, size byte) {
		want, wantErr := split(data, len(data)+1)
		got, err := split(data, int(size)+1)
		if !slices.Equal(got, want) || !errors.Is(err, wantErr) {
			t.Errorf("in pieces of %d: %v, %v; at once: %v, %v", int(size)+1, got, err, want, wantErr)
		}
	})
}
