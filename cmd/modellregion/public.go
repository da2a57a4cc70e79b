//go:build !ingestonly

package main

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"modellregion/opendata"
	"modellregion/opendata/files"
	"modellregion/opendata/portal"
)

const (
	aggregateEvery = 5 * time.Second
	publishEvery   = 30 * time.Second
)

// openPublic opens what computes and shows open data.
func (p *platform) openPublic(ctx context.Context) error {
	datasets := opendata.Defaults()
	latest := opendata.NewLatest()
	if err := latest.Load(ctx, p.influx, datasets, time.Now()); err != nil {
		// The aggregator fills it as soon as the database answers.
		p.log.Warn("last values are not known yet", "err", err)
	}
	published, err := files.Open(files.Config{
		Dir: filepath.Join(p.cfg.DataDir, "open"), Datasets: datasets, Reader: p.influx, Directory: p.directory, Latest: latest,
	})
	if err != nil {
		return err
	}
	p.files = published
	aggregator, err := opendata.NewAggregator(opendata.Config{
		Datasets: datasets, Raw: p.influx, Open: p.influx, Directory: p.directory, Publisher: published, Latest: latest,
		Log: p.log, Every: aggregateEvery, PublishEvery: publishEvery,
	})
	if err != nil {
		return err
	}
	p.aggregator = aggregator
	base := portal.DefaultBaseMap()
	if m := p.cfg.BaseMap; m != nil {
		base = portal.BaseMap{URL: m.URL, Attribution: m.Attribution}
	}
	pages, err := portal.New(portal.Config{
		Region: p.cfg.portalRegion(), BaseMap: base, Datasets: datasets, Directory: p.directory,
		Latest: latest, Reader: p.public, Log: p.log,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/data/", published)
	mux.Handle("/", pages)
	p.publicHTTP, err = listen("http", p.cfg.HTTP, mux)
	return err
}

// portalRegion is the region as the portal shows it.
func (c *config) portalRegion() portal.Region {
	r := portal.Region{Name: opendata.Text(c.Region.Name), Publisher: c.Region.Publisher, Contact: c.Region.Contact}
	for _, m := range c.Region.Municipalities {
		r.Municipalities = append(r.Municipalities, portal.Municipality{ID: m.ID, Name: m.Name, Lat: m.Lat, Lon: m.Lon})
	}
	return r
}
