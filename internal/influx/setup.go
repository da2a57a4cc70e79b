package influx

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// SetUp creates the buckets on a server of any version, with what InfluxQL
// needs to find them, and sets how long bucket raw keeps what the devices said
// (0: for ever); bucket open keeps everything. What is there already stays. A
// login that may not change anything is enough where nothing is missing; else
// the error says what has to be created, and how.
func (c *Client) SetUp(ctx context.Context, retention time.Duration) error {
	version, err := c.version(ctx)
	if err != nil {
		return fmt.Errorf("set up InfluxDB at %s: %w", c.cfg.URL, err)
	}
	create := c.create2
	switch {
	case strings.HasPrefix(version, "1."):
		create = c.create1
	case strings.HasPrefix(version, "3."):
		create = c.create3
	}
	for _, b := range []struct {
		name string
		keep time.Duration
	}{{Raw, retention}, {Open, 0}} {
		if err := create(ctx, b.name, b.keep); err != nil {
			return fmt.Errorf("set up bucket %s of InfluxDB %s at %s: %w", b.name, version, c.cfg.URL, err)
		}
	}
	return nil
}

// version returns the version of the server, like "1.8.10", or "cloud" when it
// is InfluxDB Cloud, which does not tell and speaks as 2.x does.
func (c *Client) version(ctx context.Context) (string, error) {
	service := c.influx.HTTPService()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(service.ServerURL(), "/")+"/ping", nil)
	if err != nil {
		return "", fmt.Errorf("ask for its version: %w", err)
	}
	var header http.Header
	if err := service.DoHTTPRequest(req, nil, func(resp *http.Response) error {
		header = resp.Header
		return resp.Body.Close()
	}); err != nil {
		return "", fmt.Errorf("ask for its version: %w", answered(err))
	}
	version := strings.TrimPrefix(header.Get("X-Influxdb-Version"), "v")
	switch {
	case version != "":
		return version, nil
	case header.Get("X-Influxdb-Build") != "":
		return strings.ToLower(header.Get("X-Influxdb-Build")), nil
	default:
		return "", fmt.Errorf("ask for its version: what answers has no header X-Influxdb-Version, so it is no InfluxDB")
	}
}

// create1 creates a database of InfluxDB 1.x.
func (c *Client) create1(ctx context.Context, name string, keep time.Duration) error {
	statement := fmt.Sprintf("CREATE DATABASE %s WITH DURATION %s REPLICATION 1", ident(name), influxDuration(keep))
	if name == Raw { // shards of a day, so that each day something is deleted
		statement += " SHARD DURATION " + influxDuration(shardOf(keep))
	}
	statement += " NAME " + ident(name)
	policies, err := c.query(ctx, "", "SHOW RETENTION POLICIES ON "+ident(name))
	switch {
	case err == nil:
		return c.keep1(ctx, name, keep, policies)
	case status(err) == http.StatusForbidden:
		return fmt.Errorf("the login may not use it (%w): as administrator run %s and GRANT ALL ON %s TO %s", err, statement, ident(name), ident(c.cfg.Username))
	case !strings.Contains(err.Error(), "database not found"):
		return err
	}
	if _, err = c.query(ctx, "", statement); denied(err) {
		return fmt.Errorf("it is missing, and the login may not create it (%w): as administrator run %s", err, statement)
	}
	return err
}

// keep1 sets how long the default policy of a database of InfluxDB 1.x keeps
// its points, if the login may.
func (c *Client) keep1(ctx context.Context, name string, keep time.Duration, policies []series) error {
	for _, s := range policies {
		for r := range s.rows {
			if isDefault, _ := r.value("default").(bool); !isDefault {
				continue
			}
			if now, err := time.ParseDuration(r.text("duration")); err == nil && now == keep {
				return nil
			}
			_, err := c.query(ctx, "", fmt.Sprintf("ALTER RETENTION POLICY %s ON %s DURATION %s", ident(r.text("name")), ident(name), influxDuration(keep)))
			if denied(err) {
				return nil
			}
			return err
		}
	}
	return fmt.Errorf("it has no default retention policy: run CREATE RETENTION POLICY %s ON %s DURATION %s REPLICATION 1 DEFAULT", ident(name), ident(name), influxDuration(keep))
}

// shardOf returns how much time a shard spans: a day, or less when points are
// not kept as long.
func shardOf(keep time.Duration) time.Duration {
	const day = 24 * time.Hour
	if keep > 0 && keep < day {
		return keep
	}
	return day
}

// influxDuration writes a length of time as InfluxQL does, 0 as for ever.
func influxDuration(d time.Duration) string {
	if d == 0 {
		return "INF"
	}
	return windowTag(d)
}

// create3 creates a database of InfluxDB 3 Core or Enterprise, whose retention
// is fixed when it is created. The other products with version 3 have an own
// program for that and no such address: there it does nothing.
func (c *Client) create3(ctx context.Context, name string, keep time.Duration) error {
	body := fmt.Sprintf(`{"db":%q}`, name)
	command := "influxdb3 create database " + name
	if keep > 0 { // in whole hours
		period := fmt.Sprintf("%dh", (keep+time.Hour-1)/time.Hour)
		body = fmt.Sprintf(`{"db":%q,"retention_period":%q}`, name, period)
		command = "influxdb3 create database --retention-period " + period + " " + name
	}
	service := c.influx.HTTPService()
	failed := service.DoPostRequest(ctx, strings.TrimSuffix(service.ServerURL(), "/")+"/api/v3/configure/database", strings.NewReader(body),
		func(req *http.Request) { req.Header.Set("Content-Type", "application/json") },
		func(resp *http.Response) error { return resp.Body.Close() })
	if failed == nil {
		return nil
	}
	switch failed.StatusCode {
	case http.StatusConflict, http.StatusNotFound, http.StatusMethodNotAllowed:
		return nil // it is there; or see above
	case http.StatusUnauthorized, http.StatusForbidden:
		if _, err := c.query(ctx, name, "SHOW MEASUREMENTS LIMIT 1"); err == nil {
			return nil
		}
		return fmt.Errorf("it is missing, and the token may not create it (%w): run %s", answered(failed), command)
	default:
		return answered(failed)
	}
}
