//go:build !ingestonly

package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"time"

	"modellregion/edge"
	"modellregion/internal/influx/embedded"
)

// Where the process that has InfluxDB or the edge open hands out what belongs
// to a backup: the files of InfluxDB as tar, the database of the edge as it is.
const (
	backupInfluxPath = "/backup/influx"
	backupEdgePath   = "/backup/edge"
)

// handWithin bounds how long a file may take to get to the command. A snapshot
// keeps files on disk that InfluxDB has compacted meanwhile, and the edge may
// wait until its database is handed out.
const (
	handWithin     = 10 * time.Minute
	handEdgeWithin = time.Minute
)

// handOutInflux answers with the files of the embedded database.
func (p *platform) handOutInflux(s *embedded.Server) http.HandlerFunc {
	return p.handOut(func(ctx context.Context, w http.ResponseWriter) error {
		out, control := tar.NewWriter(w), http.NewResponseController(w)
		hold := func() func() {
			began := time.Now()
			release := p.influx.Hold()
			return func() {
				release()
				p.log.Info("a backup has taken a snapshot of InfluxDB, which nobody wrote to meanwhile", "held", time.Since(began).Round(time.Millisecond))
			}
		}
		err := s.Backup(ctx, hold, func(name string, size int64, modified time.Time, content io.Reader) error {
			if err := control.SetWriteDeadline(time.Now().Add(handWithin)); err != nil {
				return err
			}
			err := out.WriteHeader(&tar.Header{Name: name, Size: size, ModTime: modified, Mode: 0o600})
			if err == nil {
				_, err = io.Copy(out, content)
			}
			return err
		})
		if err != nil {
			return err
		}
		return out.Close()
	})
}

// handOutEdge answers with the database of the edge inside.
func (p *platform) handOutEdge(e *edge.Edge) http.HandlerFunc {
	return p.handOut(func(_ context.Context, w http.ResponseWriter) error {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(handEdgeWithin)); err != nil {
			return err
		}
		return e.Backup(w)
	})
}

// handOut is for the command backup alone. An answer that could not be finished
// is cut off, which the command notices.
func (p *platform) handOut(do func(context.Context, http.ResponseWriter) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(commandHeader) == "" {
			answer(w, http.StatusForbidden, "want the header "+commandHeader+"\n")
			return
		}
		// The listener's limit is for pages, and ends the request when it is over.
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
			p.log.Warn("a backup may be cut short", "err", err)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := do(r.Context(), w); err != nil {
			p.log.Warn("a backup was not finished", "what", path.Base(r.URL.Path), "err", err)
			panic(http.ErrAbortHandler)
		}
	}
}

// ask has the process that has something open hand it out.
func (b *backingUp) ask(ctx context.Context, at string, take func(io.Reader) error) error {
	resp, err := askPlatform(ctx, b.cfg, at, "backup", nil)
	if err != nil {
		return err
	}
	if resp == nil {
		return errors.New("no process of the platform answers at its internal address: is it starting or stopping, or of a version without backups?")
	}
	if resp.StatusCode == http.StatusOK {
		err = take(resp.Body)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the platform at %s stopped before it was done, its log says why: %w", resp.Request.URL.Host, err)
		}
	} else {
		err = fmt.Errorf("the platform at %s answers %s", resp.Request.URL.Host, resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}

// edge copies the database of the edge inside.
func (b *backingUp) edge(ctx context.Context, f foundFile) error {
	b.schemas[schemaEdge] = edge.Format
	take := func(in io.Reader) error { return b.add(ctx, "data/"+f.name, time.Now(), in) }
	file, err := edge.OpenStopped(filepath.Dir(f.path))
	switch {
	case errors.Is(err, edge.ErrInUse):
		if err := b.ask(ctx, backupEdgePath, take); err != nil {
			return fmt.Errorf("back up the edge: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("back up the edge: %w", err)
	}
	return errors.Join(take(file), file.Close())
}

// influx copies the embedded database.
func (b *backingUp) influx(ctx context.Context) error {
	if err := b.influxOf(ctx); err != nil {
		return fmt.Errorf("back up InfluxDB: %w", err)
	}
	return nil
}

func (b *backingUp) influxOf(ctx context.Context) (err error) {
	take := func(name string, _ int64, modified time.Time, content io.Reader) error {
		return b.add(ctx, path.Join("data/influx", name), modified, content)
	}
	unpack := func(in io.Reader) error {
		files := tar.NewReader(in)
		for {
			h, err := files.Next()
			if errors.Is(err, io.EOF) {
				_, err = io.Copy(io.Discard, in) // an answer that was cut off says so at its end
				return err
			}
			if err != nil {
				return err
			}
			if err := take(h.Name, h.Size, h.ModTime, files); err != nil {
				return err
			}
		}
	}
	if uid, _, err := owner(b.cfg.DataDir); err != nil {
		return err
	} else if os.Geteuid() == 0 && uid != 0 {
		if err := b.ask(ctx, backupInfluxPath, unpack); err != nil {
			return fmt.Errorf("%w (root does not open it, since that would leave files there that the user with id %d cannot write: run this as that user, or while the platform runs)", err, uid)
		}
		return nil
	}
	s, err := embedded.Start(ctx, embedded.Options{Dir: influxDir(b.cfg), Retention: time.Duration(b.cfg.Raw), Log: b.t.log})
	if errors.Is(err, embedded.ErrInUse) {
		return b.ask(ctx, backupInfluxPath, unpack)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Backup(ctx, func() func() { return func() {} }, take)
}
