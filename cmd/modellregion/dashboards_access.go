//go:build !ingestonly

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"modellregion/dashboards"
)

// access is which Grafana it is and how to log in, with what else the
// configuration says of it.
func (f grafanaFlags) access() (dashboards.Config, error) {
	cfg, _, err := f.open()
	return cfg, err
}

// open is access with the configuration, which is nil where there is none.
func (f grafanaFlags) open() (cfg dashboards.Config, region *config, err error) {
	cfg.Version = version
	tokenFile := f.TokenFile
	if f.Config != "" {
		loaded, err := withConfig{f.Config}.load()
		if err != nil {
			return cfg, nil, err
		}
		region = &loaded
		if cfg, err = region.controlRoom(true); err != nil {
			return cfg, nil, err
		}
		if f.User == "" {
			tokenFile = either(f.TokenFile, region.Grafana.TokenFile)
		}
	}
	cfg.URL, cfg.User = either(f.Grafana, cfg.URL), f.User
	if cfg.URL == "" {
		return cfg, nil, errors.New("want --grafana, like https://grafana.example.org, or -c region.yaml with the key grafana.url")
	}
	if err := errors.Join(readSecret(tokenFile, &cfg.Token), readSecret(f.PasswordFile, &cfg.Password)); err != nil {
		return cfg, nil, err
	}
	if cfg.Token == "" && cfg.User == "" {
		return cfg, nil, errors.New("want --token-file or the key grafana.token_file, or --user and --password-file, to log in to Grafana")
	}
	return cfg, region, nil
}

// config is access with the way from Grafana to InfluxDB.
func (f grafanaFlags) config(i influxFlags) (dashboards.Config, error) {
	cfg, region, err := f.open()
	if err != nil {
		return cfg, err
	}
	db := &cfg.InfluxDB
	switch {
	case i.InfluxLogin != "":
		*db, err = readerLogin(i.InfluxLogin)
	case region != nil:
		*db, err = region.grafanaInflux(i)
	}
	if err != nil {
		return cfg, err
	}
	if i.InfluxUser+i.InfluxToken != "" {
		db.Username, db.Password, db.Token = i.InfluxUser, "", ""
	}
	db.URL = either(i.Influx, db.URL)
	cfg.PublicURL = either(i.Portal, cfg.PublicURL)
	if err := errors.Join(readSecret(i.InfluxPassword, &db.Password), readSecret(i.InfluxToken, &db.Token)); err != nil {
		return cfg, err
	}
	switch {
	case db.URL == "":
		return cfg, errors.New("want --influx, the URL of InfluxDB as Grafana reaches it, or --influx-login with influx.json of the demo, or -c region.yaml")
	case db.Username == "" && db.Token == "":
		return cfg, errors.New("want --influx-user and --influx-password, for InfluxDB 1.8, or --influx-token, for 2 and 3, of a login that may read bucket raw")
	}
	return cfg, nil
}

// readerLogin reads what a platform with embedded InfluxDB writes for its
// readers.
func readerLogin(path string) (dashboards.InfluxDB, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return dashboards.InfluxDB{}, fmt.Errorf("there is no %s yet, which modellregion serve and demo write when they start", path)
	}
	if err != nil {
		return dashboards.InfluxDB{}, fmt.Errorf("read the login at InfluxDB: %w", err)
	}
	var login struct{ URL, Username, Password, Raw, Open string }
	if err := json.Unmarshal(data, &login); err != nil {
		return dashboards.InfluxDB{}, fmt.Errorf("read the login at InfluxDB in %s: %w", path, err)
	}
	return dashboards.InfluxDB{URL: login.URL, Username: login.Username, Password: login.Password, Database: login.Raw, OpenDatabase: login.Open}, nil
}

// grafanaInflux is how Grafana reaches InfluxDB by the configuration; of what
// flags say instead no file is read.
func (c *config) grafanaInflux(flags influxFlags) (db dashboards.InfluxDB, err error) {
	g := &c.Grafana
	own := flags.InfluxUser+flags.InfluxToken != ""
	if c.Influx.URL == "" && g.InfluxTokenFile+g.InfluxUsername == "" && !own {
		if db, err = readerLogin(readerFile(*c)); err != nil {
			return db, err
		}
	}
	db.URL = either(g.InfluxURL, either(db.URL, c.Influx.URL))
	if own || g.InfluxTokenFile+g.InfluxUsername == "" {
		return db, nil
	}
	db.Username = g.InfluxUsername
	return db, errors.Join(readSecret(g.InfluxTokenFile, &db.Token), readSecret(g.InfluxPasswordFile, &db.Password))
}

// controlRoom is what the configuration says of Grafana but for logins, and for
// the secrets of contact points unless they are wanted.
func (c *config) controlRoom(secrets bool) (dashboards.Config, error) {
	g := &c.Grafana
	cfg := dashboards.Config{URL: g.URL, Version: version, PublicURL: c.PublicURL, Datasets: new(c.datasets())}
	for _, t := range g.Teams {
		if t.Municipality == "" {
			cfg.Teams = append(cfg.Teams, t.Name)
			continue
		}
		i := slices.IndexFunc(cfg.Municipalities, func(m dashboards.Municipality) bool { return m.ID == t.Municipality })
		if i < 0 {
			i = len(cfg.Municipalities)
			cfg.Municipalities = append(cfg.Municipalities, dashboards.Municipality{ID: t.Municipality, Name: c.townName(t.Municipality)})
		}
		cfg.Municipalities[i].Teams = append(cfg.Municipalities[i].Teams, t.Name)
	}
	var errs []error
	for _, p := range g.ContactPoints {
		out := dashboards.ContactPoint{Name: p.Name, Mail: p.Mail, Municipalities: p.Municipalities}
		for _, area := range p.Areas {
			out.Areas = append(out.Areas, dashboards.Area(area))
		}
		if p.Webhook != "" {
			out.Webhook = &dashboards.Webhook{URL: p.Webhook, Username: p.WebhookUsername}
			if p.WebhookTokenFile != "" {
				out.Webhook.Token = "from its file"
			}
			if secrets {
				errs = append(errs, readSecret(p.WebhookTokenFile, &out.Webhook.Token), readSecret(p.WebhookPasswordFile, &out.Webhook.Password))
			}
		}
		cfg.ContactPoints = append(cfg.ContactPoints, out)
	}
	return cfg, errors.Join(errs...)
}

// townName is what people call a municipality.
func (c *config) townName(id string) string {
	for _, m := range c.Region.Municipalities {
		if m.ID == id {
			return m.Name
		}
	}
	return id
}
