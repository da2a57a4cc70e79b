//go:build !ingestonly

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"modellregion/devices/registry"
	"modellregion/edge"
	"modellregion/internal/backup"
	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
	"modellregion/opendata/feedback"
	"modellregion/opendata/household"
)

type restoreCmd struct {
	withConfig
	Dir   string `arg:"" help:"The folder of the backup." type:"path"`
	Check bool   `help:"Only read the whole backup and say whether it is as it was made."`
}

// Help says what is done and what is to be done.
func (restoreCmd) Help() string {
	return `Puts a backup into the data folder of the configuration, which must be empty or not exist, and may be a disk of its own; the platform must not run. Everything is read and compared first; a folder in the data folder is filled then, and counts from one moment on: what dies before leaves nothing that the platform would start with, and what dies after is finished by it.

  modellregion restore -c region.yaml /backup/2026-11-30
  modellregion serve region.yaml

The configuration and the profiles of that time are in the folder config of the backup. The secrets that the command backup named have to be put back too, and the key that wraps the devices' keys before all (registry.kek_file).

Run it as the user of the platform, or as root into a data folder that belongs to that user.`
}

// Run checks the backup, and puts it in the place of the data folder.
func (c restoreCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	m, err := backup.Read(c.Dir)
	if err != nil {
		return err
	}
	if err := knownSchemas(m); err != nil {
		return err
	}
	if c.Check {
		if err := verify(ctx, t, m, c.Dir); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s is whole: %d files, %s, everything that was stored before %s\n", c.Dir, len(m.Files), bytesText(m.Bytes()), m.Began.Local().Format(time.DateTime))
		return nil
	}
	target, err := backup.NewTarget(cfg.DataDir)
	if err != nil {
		return err
	}
	r := restoring{cfg: cfg, t: t, m: m, folder: target.Folder()}
	r.cfg.DataDir = target.Folder()
	if err := r.fill(ctx, c.Dir, cfg.DataDir, target.Made()); err != nil {
		return errors.Join(err, target.Abort())
	}
	if err := target.Finish(); err != nil {
		return fmt.Errorf("restore %s: %w", c.Dir, err)
	}
	r.tell(c.Dir, cfg.DataDir)
	return nil
}

func verify(ctx context.Context, t *terminal, m *backup.Manifest, dir string) error {
	if err := m.Verify(ctx, dir, newProgress(t, "compared", m.Bytes()).more); err != nil {
		return fmt.Errorf("this backup is not as it was made, nothing was restored:\n%w", err)
	}
	return nil
}

// knownSchemas makes sure that this program knows what is in a backup.
func knownSchemas(m *backup.Manifest) error {
	known := map[string]int{
		"registry.db": registry.SchemaVersion(), "feedback.db": feedback.SchemaVersion(), schemaEdge: edge.Format, schemaHouseholds: household.Version,
	}
	var errs []error
	for name, version := range m.Schemas {
		if version > known[name] {
			errs = append(errs, fmt.Errorf("%.60q of the backup has version %d, this program knows %d: use modellregion %.40s, or a newer one", name, version, known[name], m.Program))
		}
	}
	return errors.Join(errs...)
}

// restoring is a data folder that is copied and made ready to be used.
type restoring struct {
	cfg    config // with the folder as its data folder
	t      *terminal
	m      *backup.Manifest
	folder string
}

// fill compares the backup in dir with its manifest, and makes of it in the folder
// what belongs into place, which did not exist before when it was made.
func (r *restoring) fill(ctx context.Context, dir, place string, made bool) error {
	if err := enoughRoom(place, r.m.Bytes()); err != nil {
		return err
	}
	if err := verify(ctx, r.t, r.m, dir); err != nil {
		return err
	}
	err := r.m.Copy(ctx, dir, "data", r.folder, newProgress(r.t, "restored", r.m.Bytes()).more)
	if err == nil {
		err = r.ready(ctx)
	}
	if err == nil {
		err = belongLike(place, r.folder, made)
	}
	if err != nil {
		return fmt.Errorf("restore %s: %w", dir, err)
	}
	return nil
}

// ready brings to the present what depends on when the backup was made, and
// opens what the platform would otherwise be the first to open.
func (r *restoring) ready(ctx context.Context) error {
	store, err := openRegistry(ctx, r.cfg)
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	if r.has("edge/edge.db") {
		if err := edge.Revive(filepath.Join(r.folder, "edge")); err != nil {
			return err
		}
	}
	if r.has("households/") {
		if err := household.Restored(filepath.Join(r.folder, "households"), time.Now()); err != nil {
			return err
		}
	}
	if !r.has("influx/") {
		return nil
	}
	fmt.Fprintln(r.t.err, "InfluxDB builds its indexes")
	return r.influx(ctx)
}

func (r *restoring) has(part string) bool {
	return slices.ContainsFunc(r.m.Files, func(f backup.File) bool { return strings.HasPrefix(f.Path, "data/"+part) })
}

// influx starts the database once. Public files may be older or newer in the
// backup than the windows of which they are made: what was stored from its
// begin on is computed and published again.
func (r *restoring) influx(ctx context.Context) (err error) {
	if err := embedded.Prepare(influxDir(r.cfg)); err != nil {
		return err
	}
	s, err := embedded.Start(ctx, embedded.Options{Dir: influxDir(r.cfg), Retention: time.Duration(r.cfg.Raw), Log: r.t.log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	client := influx.New(influx.Config{URL: s.URL(), Username: s.Platform.Username, Password: s.Platform.Password})
	defer client.Close()
	cursor, err := client.Cursor(ctx)
	if err != nil || !cursor.After(r.m.Began) {
		return err
	}
	return client.SetCursor(ctx, r.m.Began)
}

// tell says what there is now and what is left to be done.
func (r *restoring) tell(dir, place string) {
	out, day := r.t.out, r.m.Began.Format(time.DateOnly)
	fmt.Fprintf(out, "restored to %s: everything that was stored before %s; start modellregion serve\n", place, r.m.Began.Local().Format(time.DateTime))
	fmt.Fprintf(out, "the configuration of that time: %s\n", filepath.Join(dir, "config"))
	rebuild := "modellregion opendata rebuild --from " + day + " --to " + time.Now().Format(time.DateOnly)
	if r.cfg.Influx.URL != "" {
		fmt.Fprintf(out, "InfluxDB at %s is not in it: when that has its data, run %s\n", redacted(r.cfg.Influx.URL), rebuild)
	}
	for _, part := range r.m.LeftOut {
		switch part {
		case "influx":
			fmt.Fprintln(out, "InfluxDB was left out of the backup: it begins empty")
		case "files":
			fmt.Fprintf(out, "the public files were left out of the backup: copy them to %s, then run %s\n", filepath.Join(place, "open"), rebuild)
		}
	}
}

// belongLike gives what root has made to the user whose data folder was there, or
// whose the folder around it is where the data folder was made too.
func belongLike(place, folder string, made bool) error {
	if os.Geteuid() != 0 {
		return nil
	}
	of := place
	if made {
		folder, of = place, filepath.Dir(place)
	}
	uid, gid, err := owner(of)
	if err != nil {
		return fmt.Errorf("find out whose the data folder is: %w", err)
	}
	return filepath.WalkDir(folder, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, uid, gid)
	})
}
