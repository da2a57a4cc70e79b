//go:build !ingestonly

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"modellregion/opendata"
	"modellregion/opendata/catalog"
	"modellregion/opendata/openapi"
	"modellregion/opendata/sensorthings"
)

// catalogConfig is what the catalogue is told. ingestonly.go has the same keys.
type catalogConfig = catalog.Settings

// catalog is the catalogue's configuration, as far as region.yaml has it.
func (c *config) catalog(datasets []opendata.Dataset) catalog.Config {
	cc := catalog.Config{
		BaseURL: c.PublicURL, Datasets: datasets, Settings: c.Catalog, Human: "/datasets",
		Service: catalog.Service{Path: sensorthings.Path, Description: openapi.Document, Page: openapi.Page},
		Region:  catalog.Region{Name: opendata.Text(c.Region.Name), Publisher: c.Region.Publisher, Contact: c.Region.Contact},
	}
	for _, m := range c.Region.Municipalities {
		cc.Region.Municipalities = append(cc.Region.Municipalities, catalog.Municipality{ID: m.ID, AGS: m.AGS})
	}
	return cc
}

// checkCatalog finds what is wrong with the key catalog.
func (c *config) checkCatalog(need need) {
	for _, m := range mistakes(c.Catalog.Check(c.datasets())) {
		need(false, "catalog."+m.Path, "%s", m.Text)
	}
}

// catalogAdvice is what harvesters will miss, of which the advice before has not
// told.
func (c *config) catalogAdvice(sets []opendata.Dataset, told []string) (all []string) {
	cc := c.catalog(sets)
	for _, w := range catalog.Check(&cc) {
		if slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, w.Key+": ") }) {
			continue
		}
		line := w.String()
		if n := c.lines.Of(w.Key); n > 0 {
			line = fmt.Sprintf("line %d: %s", n, line)
		}
		all = append(all, line)
	}
	return all
}

// mountCatalog mounts the catalogue, unless nobody knows the addresses that it
// would have to tell.
func (p *platform) mountCatalog(mux *http.ServeMux, shown *faces) error {
	if p.cfg.PublicURL == "" {
		p.log.Info("no catalogue for other portals without the key public_url")
		return nil
	}
	cfg := p.cfg.catalog(shown.datasets)
	cfg.Directory, cfg.Files, cfg.Log = shown.directory, catalogFiles{shown.files}, p.log
	h, err := catalog.New(cfg)
	if err != nil {
		return err
	}
	for _, path := range catalog.Paths() {
		mux.Handle(path, h)
	}
	return nil
}

// catalogFiles tells a catalogue which files there are.
type catalogFiles struct{ files publicFiles }

// Published implements catalog.Files.
func (l catalogFiles) Published(dataset string) (catalog.Published, error) {
	found, err := l.files.Published(dataset)
	out := catalog.Published{First: found.First}
	for _, f := range found.Files {
		out.Files = append(out.Files, catalog.File(f))
	}
	return out, err
}
