package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"modellregion/internal/influx"
)

const (
	firstSetUp  = 5 * time.Second  // how long a start waits for buckets to be created
	setUpAgain  = 10 * time.Second // when the server is away
	setUpDenied = time.Minute      // when somebody has to act
)

// openInflux starts the embedded database or prepares clients of another. A
// process that has role public alone does not even read the secret of a login
// that may do more than it.
func (p *platform) openInflux(ctx context.Context) error {
	if p.cfg.Influx.URL == "" {
		return p.startInflux(ctx)
	}
	if p.cfg.runs(rolePublic) {
		login, err := p.cfg.Influx.publicLogin()
		if err != nil {
			return err
		}
		p.public = influx.New(login)
	}
	if !p.cfg.runs(insideRoles...) {
		return nil
	}
	login, err := p.cfg.Influx.login()
	if err != nil {
		return err
	}
	p.influx = influx.New(login)
	ctx, cancel := context.WithTimeout(ctx, firstSetUp)
	defer cancel()
	p.isSetUp = p.influx.SetUp(ctx, time.Duration(p.cfg.Raw)) == nil // else a unit goes on trying
	return nil
}

// login is that of the platform at a database elsewhere, with its secrets.
func (c influxConfig) login() (influx.Config, error) {
	login := influx.Config{URL: c.URL, Org: c.Org, Username: c.Username}
	return login, errors.Join(readSecret(c.TokenFile, &login.Token), readSecret(c.PasswordFile, &login.Password))
}

// publicLogin is the one that may read bucket open alone.
func (c influxConfig) publicLogin() (influx.Config, error) {
	login := influx.Config{URL: c.URL, Org: c.Org, Username: c.PublicUsername}
	return login, errors.Join(readSecret(c.PublicTokenFile, &login.Token), readSecret(c.PublicPasswordFile, &login.Password))
}

// readSecret reads a file whose content, without the line's end, is a secret.
func readSecret(path string, dst *string) error {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	*dst = strings.TrimSpace(string(data))
	return nil
}

// setUp calls what creates the buckets until that was done, and then waits for
// the end of ctx. Nothing else waits for it: what cannot be written is kept.
func setUp(ctx context.Context, log *slog.Logger, create func(context.Context) error) error {
	for {
		err := create(ctx)
		if err == nil || ctx.Err() != nil {
			<-ctx.Done()
			return nil
		}
		pause := setUpDenied
		if away := net.Error(nil); errors.As(err, &away) {
			pause = setUpAgain
			log.Warn("InfluxDB is away, its buckets are looked at later", "err", err, "next_try_in", pause)
		} else {
			log.Error("InfluxDB lacks something until somebody mends that", "err", err, "next_try_in", pause)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
