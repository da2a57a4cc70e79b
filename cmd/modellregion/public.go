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
	var err error
	p.files, err = files.Open(files.Config{
		Dir: filepath.Join(p.cfg.DataDir, "open"), Datasets: datasets, Reader: p.influx, Directory: p.directory, Latest: latest,
	})
	if err != nil {
		return err
	}
	p.aggregator, err = opendata.NewAggregator(opendata.Config{
		Datasets: datasets, Raw: p.influx, Open: p.influx, Directory: p.directory, Publisher: p.files, Latest: latest,
		Log: p.log, Every: aggregateEvery, PublishEvery: publishEvery,
	})
	if err != nil {
		return err
	}
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
	mux.Handle("/data/", p.files)
	mux.Handle("/", pages)
	p.publicHTTP, err = listen("http", p.cfg.HTTP, mux)
	return err
}
