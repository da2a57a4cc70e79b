package registry

import (
	"bytes"
	"context"
	"crypto/aes"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modellregion/devices"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The examples of RFC 3394 §4.
func TestWrapAsTheRFC(t *testing.T) {
	const data = "00112233445566778899AABBCCDDEEFF0001020304050607 08090A0B0C0D0E0F"
	for _, c := range []struct {
		name, kek string
		bytes     int // of data
		want      string
	}{
		{"4.1", "000102030405060708090A0B0C0D0E0F", 16, "1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5"},
		{"4.2", "000102030405060708090A0B0C0D0E0F1011121314151617", 16, "96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D"},
		{"4.3", "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 16, "64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7"},
		{"4.4", "000102030405060708090A0B0C0D0E0F1011121314151617", 24, "031D33264E15D332 68F24EC260743EDC E1C6C7DDEE725A93 6BA814915C6762D2"},
		{"4.5", "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 24, "A8F9BC1612C68B3F F6E6F4FBE30E71E4 769C8B80A32CB895 8CD5D17D6B254DA1"},
		{"4.6", "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 32, "28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21"},
	} {
		t.Run(c.name, func(t *testing.T) {
			block, err := aes.NewCipher(unhex(t, c.kek))
			if err != nil {
				t.Fatal(err)
			}
			key := unhex(t, data)[:c.bytes]
			got, err := wrap(block, key)
			if err != nil || !bytes.Equal(got, unhex(t, c.want)) {
				t.Errorf("wrapped as %X (%v), want %s", got, err, c.want)
			}
			back, err := unwrap(block, got)
			if err != nil || !bytes.Equal(back, key) {
				t.Errorf("unwrapped as %X (%v)", back, err)
			}
			for i := range got {
				got[i] ^= 1
				if _, err := unwrap(block, got); err == nil {
					t.Errorf("byte %d was changed, and nobody saw it", i)
				}
				got[i] ^= 1
			}
			for _, n := range []int{0, 8, 15, 17} {
				_, errWrap := wrap(block, make([]byte, n))
				_, errUnwrap := unwrap(block, make([]byte, n))
				if errWrap == nil || errUnwrap == nil {
					t.Errorf("%d bytes were taken", n)
				}
			}
		})
	}
}

const (
	kekA = "000102030405060708090a0b0c0d0e0f"
	kekB = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)

func mustKEK(t *testing.T, digits string) KEK {
	t.Helper()
	k, err := ParseKEK(digits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKEKIsReadAndNotShown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kek")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{kekA + "\n", 0o600, ""},
		{kekB, 0o400, ""},
		{kekA, 0o640, "has mode 0640, want 0600"},
		{kekA, 0o604, "others than its owner may read it"},
		{kekA[:30], 0o600, "30 characters, want 32 or 64 hexadecimal digits"},
		{strings.Repeat("x", 32), 0o600, "32 characters, want"},
		{"", 0o600, "0 characters"},
	} {
		_ = os.Remove(file)
		if err := os.WriteFile(file, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		k, err := ReadKEK(file)
		if c.want == "" {
			if err != nil || len(k.ID()) != 8 {
				t.Errorf("%q: %v", c.mode, err)
			}
			if all := fmt.Sprintf("%v %+v %#v %s %x", k, k, k, k, k); strings.Contains(all, c.text[:8]) {
				t.Errorf("the key is shown: %s", all)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || len(c.text) > 8 && strings.Contains(err.Error(), c.text) {
			t.Errorf("error %v, want it to say %q", err, c.want)
		}
	}
	if _, err := ReadKEK(file + "x"); err == nil {
		t.Error("no file is read")
	}
}

// stored returns what the file has for the keys, as a thief reads it.
func stored(t *testing.T, path string) string {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil && suffix == "" {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	return string(all)
}

func TestKeysAreWrapped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	ctx := t.Context()
	with := func(k KEK, do func(*Registry)) error {
		r, err := OpenWith(ctx, path, k)
		if err != nil {
			return err
		}
		do(r)
		return r.Close()
	}
	abp := device(2)
	abp.Keys = devices.Keys{DevAddr: [4]byte{1, 2, 3, 4}, NwkSKey: devices.Key{0xf5, 0xa1}, AppSKey: devices.Key{0xf6, 0xa1}, SNwkSIntKey: devices.Key{0xf7, 0xa1}, NwkSEncKey: devices.Key{0xf8, 0xa1}}
	otaa := device(1)
	otaa.Keys.AppKey = devices.Key{0xf9, 0xa1}
	want := []devices.Device{otaa, abp}
	put := func(r *Registry) {
		if err := r.Put(ctx, want); err != nil {
			t.Error(err)
		}
	}
	same := func(r *Registry) {
		got, _, err := r.List(ctx)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		if problems, err := r.Verify(ctx, testProfiles); err != nil || len(problems) != 1 { // the keys of 1.1 of a counter
			t.Errorf("%q, %v", problems, err)
		}
	}
	a, b := mustKEK(t, kekA), mustKEK(t, kekB)
	plain := func() bool {
		s := stored(t, path)
		return strings.Contains(s, "f9a1000") || strings.Contains(s, "f6a1000")
	}
	if err := with(KEK{}, put); err != nil || !plain() {
		t.Fatalf("the test looks for the wrong thing: %v", err)
	}
	// Plain keys are read with a KEK, and wrapped when that is asked for.
	if err := with(a, same); err != nil {
		t.Error(err)
	}
	if n, err := WrapKeys(ctx, path, KEK{}, a); err != nil || n != 5 || plain() {
		t.Errorf("%d keys wrapped (%v), plain keys are there: %t", n, err, plain())
	}
	if n, err := WrapKeys(ctx, path, KEK{}, a); err != nil || n != 0 {
		t.Errorf("%d keys wrapped again (%v)", n, err)
	}
	// Nobody works with the wrong key or without.
	for k, words := range map[KEK]string{{}: "none is configured: give it as registry.kek_file", b: "the one configured is " + b.ID()} {
		if err := with(k, same); err == nil || !strings.Contains(err.Error(), a.ID()) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v: error %v, want it to name %s and say %q", k, err, a.ID(), words)
		}
		if _, err := WrapKeys(ctx, path, KEK{}, k); err == nil {
			t.Errorf("%v wraps anew what it cannot unwrap", k)
		}
	}
	if err := with(a, func(r *Registry) { put(r); same(r) }); err != nil || plain() {
		t.Errorf("new keys: %v", err)
	}
	// Rotation.
	if n, err := WrapKeys(ctx, path, a, b); err != nil || n != 5 {
		t.Errorf("%d keys wrapped anew, %v", n, err)
	}
	if err := with(b, same); err != nil {
		t.Error(err)
	}
	if err := with(a, same); err == nil || !strings.Contains(err.Error(), b.ID()) {
		t.Errorf("the old key: %v", err)
	}
}

// A program that began without a KEK stores no plain key beside wrapped ones.
func TestNoPlainKeyBesideWrappedOnes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "devices.db")
	early, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = early.Close() }() // it changed nothing
	r, err := OpenWith(t.Context(), path, mustKEK(t, kekA))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put(t.Context(), []devices.Device{device(1)}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"put":  early.Put(t.Context(), []devices.Device{device(2)}),
		"read": func() error { _, err := early.Device(t.Context(), device(1).EUI); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "none is configured") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestErrorsAndLogsShowNoKey(t *testing.T) {
	r := open(t)
	d := device(1)
	d.Keys.AppKey = devices.Key{0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	d.Station = "Nicht gut"
	err := r.Put(context.Background(), []devices.Device{d})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Error("refused", "err", err, "device", d, "list", []devices.Device{d})
	slog.New(slog.NewTextHandler(&log, nil)).Error("refused", "err", err, "device", d, "fields", Fields(d, false))
	fmt.Fprintf(&log, "%v %+v %#v %x", d, d, d, d.Keys)
	if err == nil || strings.Contains(strings.ToLower(log.String()), "deadbeef") || strings.Contains(log.String(), "222 173") {
		t.Errorf("%v\n%s", err, log.String())
	}
}
