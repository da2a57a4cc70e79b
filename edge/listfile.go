package edge

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"modellregion/uplink"
)

// listFile follows a device list that somebody writes to a file. A list that
// is missing or bad changes nothing: the last good one stays in use.
type listFile struct {
	path string
	hand func([]byte) // takes a good list that differs from the one before
	log  *slog.Logger

	last  fs.FileInfo // as the file was found last; nil: not there
	again int         // so often it is still read though it looks the same
	sum   [sha256.Size]byte
	told  string // what was wrong with it and is logged; empty: nothing
}

const (
	listEvery   = time.Second
	maxListFile = 64 << 20 // bytes: some 200,000 devices
	// A file that is written twice within a tick of the file system's clock
	// looks the same both times.
	listReads = 3
)

// watchList follows Config.DevicesFile until ctx ends.
func (e *Edge) watchList(ctx context.Context) error {
	f := listFile{path: e.cfg.DevicesFile, hand: e.hand, log: e.cfg.Log}
	ticker := time.NewTicker(listEvery)
	defer ticker.Stop()
	for {
		f.look()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// hand gives a list to the process loop; an older one that was not taken yet is
// void.
func (e *Edge) hand(list []byte) {
	for {
		select {
		case e.lists <- list:
			return
		default:
		}
		select {
		case <-e.lists:
		default:
		}
	}
}

// look reads the file if it has changed.
func (f *listFile) look() {
	data, err := f.read()
	if err == nil && data == nil {
		return
	}
	if err == nil {
		_, err = uplink.DecodeDeviceList(data)
	}
	if err != nil {
		if f.told != err.Error() {
			f.told = err.Error()
			f.log.Error("device list cannot be used, going on with the last one", "devices_file", f.path, "err", err)
		}
		return
	}
	if f.told != "" {
		f.told = ""
		f.log.Info("device list can be used again", "devices_file", f.path)
	}
	if sum := sha256.Sum256(data); sum != f.sum {
		f.sum = sum
		f.hand(data)
	}
}

// read returns what is in the file, or nil when it has not changed.
func (f *listFile) read() ([]byte, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		f.last = nil
		return nil, err
	}
	if !info.Mode().IsRegular() {
		f.last = nil
		return nil, errors.New("it is no file")
	}
	same := f.last != nil && os.SameFile(f.last, info) && f.last.Size() == info.Size() && f.last.ModTime().Equal(info.ModTime())
	if !same {
		f.last, f.again = info, listReads
	}
	if same && f.again == 0 {
		return nil, nil
	}
	f.again--
	file, err := os.Open(f.path)
	if err != nil {
		f.last = nil // it may become readable without looking different
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxListFile+1))
	if err = errors.Join(err, file.Close()); err != nil {
		f.last = nil
		return nil, err
	}
	if len(data) > maxListFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxListFile)
	}
	return data, nil
}
