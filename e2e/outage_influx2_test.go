package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"modellregion/internal/influx"
)

// influx2 is an InfluxDB 2.x that others run. An ingest reaches it through a
// relay, so that it can be away.
type influx2 struct {
	t       *testing.T
	server  influx.Config // of the administrator, past the relay
	relay   *relay
	granted string // the path of the authorization that login made
}

// openInflux2 deletes the buckets raw and open of the server that INFLUX2_URL
// names.
func openInflux2(t *testing.T, disk int64) influxServer {
	t.Helper()
	if disk > 0 {
		t.Skip("the disk of a server that is given by its URL cannot be filled")
	}
	d := &influx2{t: t, server: influx.Config{
		URL: os.Getenv("INFLUX2_URL"), Token: os.Getenv("INFLUX2_TOKEN"), Org: cmp.Or(os.Getenv("INFLUX2_ORG"), "modellregion"),
	}}
	if d.server.URL == "" {
		t.Skip("INFLUX2_URL is not set")
	}
	u, err := url.Parse(d.server.URL)
	if err != nil || u.Scheme != "http" {
		t.Fatalf("INFLUX2_URL=%q: want http://host:port, for a certificate would not name the relay", d.server.URL)
	}
	for _, b := range d.buckets() {
		d.call(http.MethodDelete, "buckets/"+b.ID, nil, nil)
	}
	d.forgetMappings()
	d.relay = newRelay(t, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")))
	return d
}

func (d *influx2) access() influx.Config {
	cfg := d.server
	cfg.URL = "http://" + d.relay.addr
	return cfg
}

func (d *influx2) away() { d.relay.cut() }
func (d *influx2) back() { d.relay.open() }

// bucket2 is what the API says of a bucket.
type bucket2 struct {
	ID    string `json:"id"`
	OrgID string `json:"orgID"`
	Name  string `json:"name"`
}

// buckets returns those of the platform that there are.
func (d *influx2) buckets() (ours []bucket2) {
	d.t.Helper()
	var all struct {
		Buckets []bucket2 `json:"buckets"`
	}
	d.call(http.MethodGet, "buckets?"+url.Values{"org": {d.server.Org}, "limit": {"100"}}.Encode(), nil, &all)
	for _, b := range all.Buckets {
		if b.Name == influx.Raw || b.Name == influx.Open {
			ours = append(ours, b)
		}
	}
	return ours
}

// forgetMappings deletes the mappings of InfluxQL's databases to buckets that
// are deleted, where the server does not by itself.
func (d *influx2) forgetMappings() {
	d.t.Helper()
	for _, name := range []string{influx.Raw, influx.Open} {
		var found struct {
			Content []struct {
				ID string `json:"id"`
			} `json:"content"`
		}
		d.call(http.MethodGet, "dbrps?"+url.Values{"org": {d.server.Org}, "db": {name}}.Encode(), nil, &found)
		for _, m := range found.Content {
			d.call(http.MethodDelete, "dbrps/"+m.ID+"?"+url.Values{"org": {d.server.Org}}.Encode(), nil, nil)
		}
	}
}

// login makes the buckets, which the new login may not, and grants it to read
// and to write them and nothing else.
func (d *influx2) login() influx.Config {
	d.t.Helper()
	admin := influx.New(d.server)
	defer admin.Close()
	if err := admin.SetUp(d.t.Context(), 90*24*time.Hour); err != nil {
		d.t.Fatal(err)
	}
	type object map[string]any
	wanted := object{"description": "test of an ingest"}
	var permissions []object
	for _, b := range d.buckets() {
		wanted["orgID"] = b.OrgID
		for _, action := range []string{"read", "write"} {
			permissions = append(permissions, object{"action": action, "resource": object{"type": "buckets", "id": b.ID, "orgID": b.OrgID}})
		}
	}
	wanted["permissions"] = permissions
	var made struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	d.call(http.MethodPost, "authorizations", wanted, &made)
	d.granted = "authorizations/" + made.ID
	d.t.Cleanup(func() { d.call(http.MethodDelete, d.granted, nil, nil) })
	cfg := d.access()
	cfg.Token = made.Token
	return cfg
}

func (d *influx2) deny()  { d.set("inactive") }
func (d *influx2) allow() { d.set("active") }

func (d *influx2) set(status string) {
	d.t.Helper()
	d.call(http.MethodPatch, d.granted, map[string]string{"status": status}, nil)
}

// call asks the API as administrator; in and out are JSON, or nil.
func (d *influx2) call(method, path string, in, out any) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), 10*time.Second) // cleanups call too
	defer cancel()
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			d.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, d.server.URL+"/api/v2/"+path, &body)
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+d.server.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode/100 == 2 && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil || resp.StatusCode/100 != 2 {
		d.t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
}
