package files

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"
	"time"

	"modellregion/opendata"
)

//go:embed style.css
var style []byte

//go:embed index.html.tmpl
var pageSource string

// index is the content of index.json.
type index struct {
	Datasets []indexDataset `json:"datasets"`
}

type indexDataset struct {
	ID          string      `json:"id"`
	Title       bilingual   `json:"title"`
	Description bilingual   `json:"description"`
	Publisher   string      `json:"publisher,omitempty"`
	Licence     string      `json:"licence"`
	LicenceName string      `json:"-"`
	LicenceURL  string      `json:"licence_url"`
	WindowS     int         `json:"window_s"`
	Quantities  []string    `json:"quantities"`
	Columns     []string    `json:"columns"`
	Files       []indexFile `json:"files"`
}

type bilingual struct {
	De string `json:"de"`
	En string `json:"en"`
}

type indexFile struct {
	Path     string    `json:"path"`          // below the folder of index.json
	Day      string    `json:"day,omitempty"` // in Berlin; absent for the latest values
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
}

// describe writes index.json and the pages for people from what is in the
// folders.
func (f *Files) describe() error {
	ix := index{Datasets: []indexDataset{}}
	for i := range f.cfg.Datasets {
		d := &f.cfg.Datasets[i]
		list, err := f.list(d.ID)
		if err != nil {
			return err
		}
		ix.Datasets = append(ix.Datasets, indexDataset{
			ID: d.ID, Title: bilingual(d.Title), Description: bilingual(d.Description), Publisher: d.Publisher,
			Licence: d.Licence.ID, LicenceName: d.Licence.Name, LicenceURL: d.Licence.URL,
			WindowS: int(time.Duration(d.Base()) / time.Second), Quantities: d.Quantities, Columns: header, Files: list,
		})
	}
	data, err := json.MarshalIndent(ix, "", "  ")
	if err != nil {
		return fmt.Errorf("encode index of public files: %w", err)
	}
	if err := f.replace(indexName, append(data, '\n')); err != nil {
		return err
	}
	return f.describeForPeople(ix)
}

func (f *Files) describeForPeople(ix index) error {
	page, err := template.New(pageName).Funcs(template.FuncMap{"size": size, "base": base}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("parse page of public files: %w", err)
	}
	write := func(name string, data any) error {
		var out bytes.Buffer
		if err := page.Execute(&out, data); err != nil {
			return fmt.Errorf("write page %s: %w", name, err)
		}
		return f.replace(name, out.Bytes())
	}
	type content struct {
		All []indexDataset
		One *indexDataset
	}
	if err := write(pageName, content{All: ix.Datasets}); err != nil {
		return err
	}
	for i := range ix.Datasets {
		if err := write(ix.Datasets[i].ID+"/"+pageName, content{One: &ix.Datasets[i]}); err != nil {
			return err
		}
	}
	return nil
}

// list returns the published files of a dataset: the latest values first, then
// the days, newest first.
func (f *Files) list(dataset string) ([]indexFile, error) {
	entries, err := fs.ReadDir(f.root.FS(), dataset)
	if err != nil {
		return nil, fmt.Errorf("list public files: %w", err)
	}
	files := []indexFile{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".csv")
		if !ok {
			continue
		}
		file := indexFile{Path: dataset + "/" + e.Name()}
		if e.Name() != latestName {
			if _, err := opendata.ParseDay(name); err != nil {
				continue
			}
			file.Day = name
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away by the operator this moment
		}
		if err != nil {
			return nil, fmt.Errorf("list public files: %w", err)
		}
		file.Bytes, file.Modified = info.Size(), info.ModTime().UTC().Truncate(time.Second)
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b indexFile) int {
		if (a.Day == "") != (b.Day == "") {
			return strings.Compare(a.Day, b.Day)
		}
		return strings.Compare(b.Day, a.Day)
	})
	return files, nil
}

// size prints a number of bytes for German readers.
func size(n int64) string {
	switch {
	case n >= 1_000_000:
		return strings.Replace(fmt.Sprintf("%.1f MB", float64(n)/1e6), ".", ",", 1)
	case n >= 1_000:
		return strings.Replace(fmt.Sprintf("%.1f kB", float64(n)/1e3), ".", ",", 1)
	default:
		return fmt.Sprintf("%d B", n)
	}
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
