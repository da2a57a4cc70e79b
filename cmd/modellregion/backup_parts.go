//go:build !ingestonly

package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"modellregion/internal/backup"
	"modellregion/opendata/household"
)

// keeping says what becomes of a file of the data folder in a backup.
type keeping int

const (
	copied       keeping = iota // as it is
	database                    // of SQLite
	public                      // as it is; may be left out
	ofEdge                      // by the edge that has it open
	ofInflux                    // by the InfluxDB that has it open; may be left out
	ofHouseholds                // as it is, last
	remade                      // made anew at the next start, or belongs to nobody
)

// String says what it is for the one who waits.
func (k keeping) String() string {
	return [...]string{"secrets and lists", "databases", "public files", "edge", "InfluxDB", "households", "remade"}[k]
}

// What a manifest calls the schemas beside those of databases, which have the
// names of their files.
const (
	schemaEdge       = "edge"
	schemaHouseholds = "households"
)

// keepingOf says what becomes of a file, by its path within the data folder,
// and whether it is known at all: what is not is copied as it is.
func keepingOf(name string) (kept keeping, known bool) {
	first, rest, _ := strings.Cut(name, "/")
	base := path.Base(name)
	switch {
	case strings.HasSuffix(base, ".new"): // of a crash
		return remade, true
	case name == "registry.db", name == "feedback.db":
		return database, true
	case strings.HasPrefix(name, "registry.db-"), strings.HasPrefix(name, "feedback.db-"): // in the copy of the database
		return remade, true
	case name == "mqtt.json", first == "ca":
		return copied, true
	case name == "influx.json", name == "aggregate.lock", rest == "" && strings.HasPrefix(name, "endpoints") && strings.HasSuffix(name, ".json"):
		return remade, true
	case name == "edge/edge.db":
		return ofEdge, true
	case name == "edge/edge.db.used", name == "edge/reserve":
		return remade, true
	case first == "households" && household.Remade(name):
		return remade, true
	case first == "households":
		return ofHouseholds, true
	case first == "influx":
		return ofInflux, true
	case first == "open" && strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".tmp"): // being written
		return remade, true
	case first == "open":
		return public, true
	case first == "simulator": // of a demo, whose devices begin anew
		return remade, true
	}
	return copied, false
}

// walkData visits what is not a folder below one, with its path within it. An
// entry of the folder itself may be a link, as to another disk. The folder may be
// a disk of its own.
func walkData(folder string, visit func(name, path string, info fs.FileInfo) error) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == backup.LostAndFound {
			continue
		}
		top, err := filepath.EvalSymlinks(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		err = filepath.WalkDir(top, func(file string, e fs.DirEntry, err error) error {
			var info fs.FileInfo
			if err == nil && !e.IsDir() {
				info, err = e.Info()
			}
			if errors.Is(err, fs.ErrNotExist) { // gone meanwhile
				return nil
			}
			if err != nil || info == nil {
				return err
			}
			within, err := filepath.Rel(top, file)
			if err != nil {
				return err
			}
			return visit(path.Join(entry.Name(), filepath.ToSlash(within)), file, info)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// outsideFiles are the files that a configuration names and that are not in the
// data folder: secrets and certificates, which are kept elsewhere for a reason.
// Every key that names one ends with _file.
func outsideFiles(cfg config) []string {
	var names []string
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				look(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
				if f := v.Field(i); f.Kind() == reflect.String && strings.HasSuffix(key, "_file") {
					names = append(names, f.String())
				} else {
					look(f)
				}
			}
		}
	}
	look(reflect.ValueOf(cfg))
	if os.Getenv("MODELLREGION_KEK") != "" {
		names = append(names, "the environment's MODELLREGION_KEK")
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		rel, err := filepath.Rel(cfg.DataDir, name)
		return name == "" || err == nil && filepath.IsLocal(rel)
	})
}

// owner returns whose a file is.
func owner(name string) (uid, gid int, err error) {
	var s unix.Stat_t
	if err := unix.Stat(name, &s); err != nil {
		return 0, 0, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return int(s.Uid), int(s.Gid), nil
}
