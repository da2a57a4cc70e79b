package simulate

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/brocaar/lorawan"
)

// The ledger is two files: fleet.json says which fleet it is, ledger.bin what
// the fleet did, one record after the other: length of the body (2 bytes),
// body, CRC-32 of both (4 bytes); numbers are big endian. A record is written
// before the frame it speaks of, so the process may be killed at any instant.
const (
	fleetFile  = "fleet.json"
	ledgerFile = "ledger.bin"
)

// identity is what makes a fleet that fleet.
type identity struct {
	Version int       `json:"version"`
	Seed    uint64    `json:"seed"`
	Sensors int       `json:"sensors"`
	Speed   float64   `json:"speed"`
	For     string    `json:"for"`
	Homes   bool      `json:"homes"`
	Start   time.Time `json:"start"` // of the simulated time
}

// identify reads the identity in dir, or writes id there when it has none.
// It refuses an identity that differs in more than the start.
func identify(dir string, id identity) (identity, error) {
	path := filepath.Join(dir, fleetFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id, writeWhole(path, id)
	}
	if err != nil {
		return identity{}, fmt.Errorf("simulate: %w", err)
	}
	var old identity
	if err := json.Unmarshal(data, &old); err != nil {
		return identity{}, fmt.Errorf("simulate: %s: %w", path, err)
	}
	for _, field := range []struct {
		name      string
		old, want any
	}{
		{"version", old.Version, id.Version},
		{"seed", old.Seed, id.Seed},
		{"sensors", old.Sensors, id.Sensors},
		{"speed", old.Speed, id.Speed},
		{"for", old.For, id.For},
		{"homes", old.Homes, id.Homes},
	} {
		if field.old != field.want {
			return identity{}, fmt.Errorf("simulate: the fleet in %s has %s %v, not %v: use the same or another folder",
				dir, field.name, field.old, field.want)
		}
	}
	return old, nil
}

// writeWhole writes a file that is there completely or not at all.
func writeWhole(path string, id identity) error {
	data, _ := json.MarshalIndent(id, "", "\t") // numbers and texts always have a JSON form
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return nil
}

// The kinds of records: the first byte of a body.
const (
	recordJoin    = 'j' // a DevNonce is used: device, nonce
	recordSession = 's' // a device has joined: device and its session
	recordUplink  = 'u' // an uplink was handed to a gateway
)

// maxSpan is the longest simulated time, 200 years in ms: a duration has room
// for it.
const maxSpan = 200 * 366 * 86_400_000

// uplinkRecord is what is needed to build the frame of an uplink again and to
// know its readings.
type uplinkRecord struct {
	event
	ack     bool   // it acknowledges a downlink
	fOpts   []byte // MAC commands in it, at most 15 bytes
	payload []byte // plain
}

func (r *uplinkRecord) append(dst []byte) []byte {
	dst = append(dst, recordUplink)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.sensor))
	dst = binary.BigEndian.AppendUint32(dst, r.fCnt)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.at.Milliseconds()))
	flags := byte(len(r.fOpts))
	if r.ack {
		flags |= 0x80
	}
	dst = append(dst, flags)
	dst = append(dst, r.fOpts...)
	return append(dst, r.payload...)
}

// parseUplink reads the body of an uplink record without its first byte.
func parseUplink(body []byte) (uplinkRecord, error) {
	if len(body) < 17 || len(body) < 17+int(body[16]&0x0f) {
		return uplinkRecord{}, fmt.Errorf("uplink record has %d bytes", len(body))
	}
	options := 17 + int(body[16]&0x0f)
	millis := binary.BigEndian.Uint64(body[8:])
	if millis > maxSpan {
		return uplinkRecord{}, fmt.Errorf("uplink record is of %d ms after the start", millis)
	}
	return uplinkRecord{
		event: event{
			at:     time.Duration(millis) * time.Millisecond,
			sensor: int(binary.BigEndian.Uint32(body)),
			fCnt:   binary.BigEndian.Uint32(body[4:]),
		},
		ack:     body[16]&0x80 != 0,
		fOpts:   body[17:options],
		payload: body[options:],
	}, nil
}

func appendJoin(dst []byte, sensor int, nonce uint16) []byte {
	dst = append(dst, recordJoin)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sensor))
	return binary.BigEndian.AppendUint16(dst, nonce)
}

func appendSession(dst []byte, sensor int, s session) []byte {
	dst = append(dst, recordSession)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sensor))
	dst = append(dst, s.addr[:]...)
	dst = append(dst, s.nwkSKey[:]...)
	dst = append(dst, s.appSKey[:]...)
	return append(dst, byte(s.rxDelay/time.Second), s.rx1Offset, s.rx2DR)
}

// parseSession reads the body of a session record behind the sensor.
func parseSession(body []byte) (session, error) {
	if len(body) != 39 {
		return session{}, fmt.Errorf("session record has %d bytes, want 39", len(body))
	}
	s := session{
		addr:      lorawan.DevAddr(body[:4]),
		nwkSKey:   lorawan.AES128Key(body[4:20]),
		appSKey:   lorawan.AES128Key(body[20:36]),
		rxDelay:   time.Duration(body[36]) * time.Second,
		rx1Offset: body[37],
		rx2DR:     body[38],
	}
	return s, nil
}

// ledger appends records to a file. Several goroutines may use it at once.
type ledger struct {
	mu   sync.Mutex
	file *os.File
}

// openLedger opens the file, calls record with the body of each record in it
// and cuts off what a killed process left unfinished at its end.
func openLedger(path string, record func(body []byte) error) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	good, err := readRecords(file, record)
	if err == nil {
		err = file.Truncate(good)
	}
	if err == nil {
		_, err = file.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("simulate: ledger %s: %w", path, err), file.Close())
	}
	return &ledger{file: file}, nil
}

// append writes one record. It is in the hands of the system when append
// returns, and survives the end of the process.
func (l *ledger) append(body []byte) error {
	data := binary.BigEndian.AppendUint16(make([]byte, 0, len(body)+6), uint16(len(body)))
	data = append(data, body...)
	data = binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(data); err != nil {
		return fmt.Errorf("simulate: ledger: %w", err)
	}
	return nil
}

// readRecords calls record with the body of each whole record and returns
// where the last one ends. The body is only valid during the call.
func readRecords(r io.Reader, record func(body []byte) error) (good int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	var buf []byte
	for {
		var head [2]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return good, endOf(err)
		}
		size := int(binary.BigEndian.Uint16(head[:]))
		buf = append(append(buf[:0], head[:]...), make([]byte, size+4)...)
		if _, err := io.ReadFull(in, buf[2:]); err != nil {
			return good, endOf(err)
		}
		body := buf[2 : 2+size]
		if size == 0 || binary.BigEndian.Uint32(buf[2+size:]) != crc32.ChecksumIEEE(buf[:2+size]) {
			return good, nil
		}
		if err := record(body); err != nil {
			return good, err
		}
		good += int64(len(buf))
	}
}

// endOf is nil when err says that the file ended, be it within a record.
func endOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
