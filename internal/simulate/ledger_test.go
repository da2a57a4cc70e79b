package simulate

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brocaar/lorawan"
)

func TestLedgerTornTail(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ledgerFile)
	record := uplinkRecord{
		event: event{at: 90_061 * time.Millisecond, sensor: 3, fCnt: 70_000},
		ack:   true, fOpts: []byte{6, 212, 11}, payload: []byte("payload"),
	}
	joined := session{addr: lorawan.DevAddr{1, 2, 3, 4}, nwkSKey: lorawan.AES128Key{5}, appSKey: lorawan.AES128Key{6},
		rxDelay: 5 * time.Second, rx1Offset: 1, rx2DR: 3}
	bodies := [][]byte{appendJoin(nil, 7, 513), appendSession(nil, 7, joined), record.append(nil)}
	l, err := openLedger(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int64{0}
	for _, b := range bodies {
		if err := l.append(b); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, ends[len(ends)-1]+int64(len(b))+6)
	}
	if err := l.file.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) (got [][]byte, size int64) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := openLedger(path, func(body []byte) error {
			got = append(got, bytes.Clone(body))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer l.file.Close()
		if err := l.append([]byte("more")); err != nil { // behind the last whole record
			t.Fatal(err)
		}
		info, err := l.file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return got, info.Size() - 10
	}
	for cut := range len(whole) + 1 {
		n := 0
		for n+1 < len(ends) && ends[n+1] <= int64(cut) {
			n++
		}
		got, size := read(whole[:cut])
		if len(got) != n || size != ends[n] {
			t.Errorf("cut at %d: %d records and %d bytes, want %d and %d", cut, len(got), size, n, ends[n])
		}
	}
	damaged := bytes.Clone(whole)
	damaged[ends[2]+5] ^= 1
	if got, _ := read(damaged); len(got) != 2 {
		t.Errorf("%d records before the damaged one, want 2", len(got))
	}

	got, _ := read(whole)
	if r, err := parseUplink(got[2][1:]); err != nil || !reflect.DeepEqual(r, record) {
		t.Errorf("got %+v, %v, want %+v", r, err, record)
	}
	if s, err := parseSession(got[1][5:]); err != nil || s != joined {
		t.Errorf("got %+v, %v, want %+v", s, err, joined)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	good := Config{Seed: 1, Sensors: 5, Speed: 60, For: time.Second, Dir: dir}
	open := func(change func(*Config)) error {
		cfg := good
		change(&cfg)
		f, err := Open(cfg)
		if err == nil {
			err = f.ledger.file.Close()
		}
		return err
	}
	for range 2 {
		if err := open(func(*Config) {}); err != nil {
			t.Fatal(err)
		}
	}
	for want, change := range map[string]func(*Config){
		"seed 1, not 2":       func(c *Config) { c.Seed = 2 },
		"sensors 5, not 6":    func(c *Config) { c.Sensors = 6 },
		"speed 60, not 1":     func(c *Config) { c.Speed = 1 },
		"for 1s, not 0s":      func(c *Config) { c.For = 0 },
		"0 sensors":           func(c *Config) { c.Sensors = 0 },
		"speed 0":             func(c *Config) { c.Speed = 0 },
		"at most 100 years":   func(c *Config) { c.Speed = 1e12 },
		"not a directory":     func(c *Config) { c.Dir = filepath.Join(dir, fleetFile) },
		"record of sensor 99": func(c *Config) { c.Dir = foreign(t, appendJoin(nil, 99, 1)) },
		"uplink of sensor 0":  func(c *Config) { c.Dir = foreign(t, (&uplinkRecord{}).append(nil)) },
		"kind 'x'":            func(c *Config) { c.Dir = foreign(t, []byte("x\x00\x00\x00\x00\x00\x00")) },
	} {
		if err := open(change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// foreign returns a folder whose ledger holds a record that is not of the
// fleet.
func foreign(t *testing.T, body []byte) string {
	dir := t.TempDir()
	l, err := openLedger(filepath.Join(dir, ledgerFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.file.Close()
	if err := l.append(body); err != nil {
		t.Fatal(err)
	}
	return dir
}

func FuzzRecords(f *testing.F) {
	f.Add(appendJoin(nil, 7, 513))
	f.Add(appendSession(nil, 2, session{}))
	f.Add((&uplinkRecord{event: event{sensor: 1}, fOpts: []byte{1}, payload: make([]byte, 31)}).append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		sensors, _ := build(1, 5)
		fleet := &Fleet{sensors: sensors}
		if err := fleet.remember(body); err != nil || body[0] != recordUplink {
			return
		}
		if again := fleet.tail[0].append(nil); !bytes.Equal(again, body) && body[17]&0x70 == 0 {
			t.Fatalf("%x was read as %x", body, again)
		}
	})
}
