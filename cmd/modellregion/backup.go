//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"modellregion/internal/backup"
	"modellregion/internal/buildinfo"
	"modellregion/internal/sqlite"
	"modellregion/opendata/household"
)

type backupCmd struct {
	withConfig
	Dir      string `arg:"" help:"A folder that does not exist or is empty, on another disk." type:"path"`
	NoInflux bool   `help:"Leave out the embedded InfluxDB: everything measured and published."`
	NoFiles  bool   `help:"Leave out the public files, where these are copied in another way. Those older than raw_retention cannot be made again."`
}

// Help says what a backup is and what it is not.
func (backupCmd) Help() string {
	return `What cannot be made again of the data folder, while the platform runs or not: devices with their keys, edges, passwords, the certificate authority, feedback, decisions about households, the public files, the state of the edge inside, and the embedded InfluxDB. With region.yaml and the folder of profiles that it names.

  modellregion backup -c region.yaml /backup/2026-11-30
  modellregion restore -c region.yaml --check /backup/2026-11-30      is it whole?

It has everything that was confirmed to edges before it began. With influx.url the database is not in it: make a backup of that with its own tools (influx backup), after this one. Secrets outside of the data folder are not in it either; they are named at the end.

A backup holds keys, passwords and personal data. Its files are readable by their owner alone, and not encrypted.`
}

// Run makes a backup, or leaves nothing of it.
func (c backupCmd) Run(ctx context.Context, t *terminal) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	b := &backingUp{cfg: cfg, t: t, began: time.Now(), schemas: map[string]int{}}
	if err := b.look(c); err != nil {
		return err
	}
	if err := enoughRoom(c.Dir, b.bytes()); err != nil {
		return err
	}
	if b.to, err = backup.Create(c.Dir); err != nil {
		return err
	}
	b.progress = newProgress(t, "copied", b.bytes())
	if err = b.all(ctx, c); err == nil {
		err = b.to.Finish(backup.Manifest{
			Program: buildinfo.Version(), Began: b.began.UTC(), Ended: time.Now().UTC(), Schemas: b.schemas, LeftOut: b.leftOut,
		})
	}
	if err != nil {
		return errors.Join(fmt.Errorf("nothing is left of the backup: %w", err), b.to.Abort())
	}
	b.tell(c)
	return nil
}

// backingUp is a backup that is being made.
type backingUp struct {
	cfg      config
	t        *terminal
	to       *backup.Writer
	began    time.Time
	found    []foundFile
	strange  []string // files that are copied without being known
	leftOut  []string
	schemas  map[string]int
	progress *progress
}

// foundFile is a file of the data folder that belongs to the backup.
type foundFile struct {
	name, path string // within the data folder, with slashes; and on disk
	bytes      int64
	kept       keeping
}

// look finds out what there is.
func (b *backingUp) look(c backupCmd) error {
	if err := backup.Settle(b.cfg.DataDir); err != nil {
		return err
	}
	folder, err := filepath.EvalSymlinks(b.cfg.DataDir)
	if err != nil {
		return fmt.Errorf("look into the data folder: %w", err)
	}
	if to, err := filepath.Abs(c.Dir); err == nil && (to == folder || strings.HasPrefix(to, folder+string(filepath.Separator))) {
		return fmt.Errorf("%s is in the data folder %s, of which it is to be a copy: want another disk", c.Dir, folder)
	}
	if b.cfg.Influx.URL != "" {
		b.leftOut = append(b.leftOut, "influx.url")
	}
	return walkData(folder, func(name, path string, info fs.FileInfo) error {
		kept, known := keepingOf(name)
		switch {
		case !info.Mode().IsRegular():
			fmt.Fprintf(b.t.err, "%s is no file: left out\n", path)
			return nil
		case kept == remade:
			return nil
		case c.NoInflux && kept == ofInflux:
			b.leave("influx")
			return nil
		case c.NoFiles && kept == public:
			b.leave("files")
			return nil
		case !known:
			b.strange = append(b.strange, path)
		}
		b.found = append(b.found, foundFile{name, path, info.Size(), kept})
		return nil
	})
}

func (b *backingUp) leave(part string) {
	if !slices.Contains(b.leftOut, part) {
		b.leftOut = append(b.leftOut, part)
	}
}

func (b *backingUp) bytes() (sum int64) {
	for _, f := range b.found {
		sum += f.bytes
	}
	return sum
}

// all copies everything, in an order in which what refers to something is
// copied before it: an uplink that the edge has not seen confirmed is in the
// edge's database, or else in InfluxDB. The decisions about households come
// last, since what InfluxDB shows of them must be known to the folder.
func (b *backingUp) all(ctx context.Context, c backupCmd) error {
	if err := b.config(ctx, c.Config); err != nil {
		return err
	}
	for _, kept := range []keeping{database, copied, public, ofEdge, ofInflux, ofHouseholds} {
		began := b.to.Bytes()
		some := false
		for _, f := range b.found {
			if f.kept != kept {
				continue
			}
			var err error
			switch kept {
			case database:
				err = b.database(ctx, f)
			case ofEdge:
				err = b.edge(ctx, f)
			case ofInflux:
				if !some { // it hands out all of its files
					err = b.influx(ctx)
				}
			case ofHouseholds:
				b.schemas[schemaHouseholds] = household.Version
				err = b.file(ctx, "data/"+f.name, f.path)
			default:
				err = b.file(ctx, "data/"+f.name, f.path)
			}
			if err != nil {
				return err
			}
			some = true
		}
		if some {
			fmt.Fprintf(b.t.err, "%s: %s\n", kept, bytesText(b.to.Bytes()-began))
		}
	}
	return nil
}

// config copies the configuration and the profiles that it names.
func (b *backingUp) config(ctx context.Context, file string) error {
	if err := b.file(ctx, "config/region.yaml", file); err != nil || b.cfg.Profiles == "" {
		return err
	}
	return walkData(b.cfg.Profiles, func(name, from string, info fs.FileInfo) error {
		if !info.Mode().IsRegular() {
			return nil
		}
		return b.file(ctx, path.Join("config/profiles", name), from)
	})
}

// file copies a file as it is. All that are copied so are replaced by their
// owners and never written to, so a copy is whole; but for the list of ids of
// SensorThings, which only grows, and whose reader leaves out half a line at its
// end. A file that is gone meanwhile belongs to nothing any more.
func (b *backingUp) file(ctx context.Context, name, from string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up %s: %w", from, err)
	}
	info, err := in.Stat()
	if err == nil {
		err = b.add(ctx, name, info.ModTime(), in)
	}
	return errors.Join(err, in.Close())
}

func (b *backingUp) add(ctx context.Context, name string, modified time.Time, content io.Reader) error {
	err := b.to.Add(ctx, name, modified, content)
	b.progress.at(b.to.Bytes())
	return err
}

// database copies a file of SQLite as it is at one instant.
func (b *backingUp) database(ctx context.Context, f foundFile) error {
	return b.to.Make(ctx, "data/"+f.name, func(to string) (err error) {
		b.schemas[f.name], err = sqlite.Copy(ctx, f.path, f.name, to)
		return err
	})
}

// tell says what is in the backup, and what is not.
func (b *backingUp) tell(c backupCmd) {
	out := b.t.out
	fmt.Fprintf(out, "backed up to %s: %s in %v, everything that was stored before %s\n", c.Dir, bytesText(b.to.Bytes()),
		time.Since(b.began).Round(time.Second/10), b.began.Format(time.DateTime))
	for _, name := range b.strange {
		fmt.Fprintf(out, "copied without knowing what it is: %s\n", name)
	}
	if b.cfg.Influx.URL != "" {
		fmt.Fprintf(out, "not in this backup: InfluxDB at %s, which has its own tools (influx backup)\n", redacted(b.cfg.Influx.URL))
	}
	for _, part := range b.leftOut {
		if part != "influx.url" {
			fmt.Fprintf(out, "not in this backup, as wished: %s\n", map[string]string{"influx": "the embedded InfluxDB", "files": "the public files"}[part])
		}
	}
	for _, name := range outsideFiles(b.cfg) {
		fmt.Fprintf(out, "not in this backup: %s\n", name)
	}
}

// enoughRoom finds out whether a folder that may not exist yet has room.
func enoughRoom(dir string, bytes int64) error {
	for {
		var disk unix.Statfs_t
		err := unix.Statfs(dir, &disk)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err != nil {
			return fmt.Errorf("look for free room in %s: %w", dir, err)
		}
		if free := int64(disk.Bavail) * int64(disk.Bsize); free < bytes {
			return fmt.Errorf("%s has %s free, and about %s are to be written: want another disk, or fewer old backups", dir, bytesText(free), bytesText(bytes))
		}
		return nil
	}
}

// progress writes a line now and then.
type progress struct {
	t     *terminal
	verb  string
	total int64
	next  time.Time
	done  int64
}

const progressEvery = 10 * time.Second

func newProgress(t *terminal, verb string, total int64) *progress {
	return &progress{t: t, verb: verb, total: total, next: time.Now().Add(progressEvery)}
}

// at tells that so many bytes are done.
func (p *progress) at(done int64) {
	p.done = done
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressEvery)
		fmt.Fprintf(p.t.err, "%s %s of about %s\n", p.verb, bytesText(done), bytesText(p.total))
	}
}

// more tells of further bytes.
func (p *progress) more(bytes int64) { p.at(p.done + bytes) }
