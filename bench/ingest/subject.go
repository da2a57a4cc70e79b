package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"modellregion/bench/measure"
	"modellregion/devices"
	"modellregion/devices/profiles"
	"modellregion/devices/registry"
	"modellregion/internal/simulate/load"
	"modellregion/uplink"
)

const (
	sourceName = "chirpstack"
	clientID   = "bench-reader" // in whose session the broker holds the backlog
)

// filters are the topics of a format.
func filters(f load.Format) []string {
	if f == load.ChirpStack {
		return []string{"application/+/device/+/event/up", "application/+/device/+/event/join", "application/+/device/+/event/status"}
	}
	return []string{uplink.Filter("+", uplink.KindUp)}
}

// startSubject starts what is measured.
func (b *bench) startSubject(ctx context.Context, c column, s *stage) (*measure.Program, error) {
	if c.telegraf {
		return b.startTelegraf(ctx, c, s)
	}
	return b.startPlatform(ctx, c, s)
}

// The way of a city that has no platform: the values of a message become the
// fields of one point, under the time of reception. Its limits are wide enough
// to let it write full batches.
var telegrafConfig = template.Must(template.New("telegraf").Parse(`
[agent]
interval = "1s"
flush_interval = "1s"
metric_batch_size = 5000
metric_buffer_limit = 200000
omit_hostname = true

[[inputs.mqtt_consumer]]
servers = ["{{.Broker}}"]
topics = ["{{.Topic}}"]
qos = 1
persistent_session = true
client_id = "{{.ClientID}}"
max_undelivered_messages = 50000
topic_tag = ""
data_format = "json_v2"
[[inputs.mqtt_consumer.json_v2]]
measurement_name = "environment"
timestamp_path = "{{.Time}}"
timestamp_format = "2006-01-02T15:04:05.999Z07:00"
[[inputs.mqtt_consumer.json_v2.tag]]
path = "{{.Device}}"
rename = "device"
[[inputs.mqtt_consumer.json_v2.tag]]
path = "{{.Gateway}}"
rename = "gateway"
{{range .Fields}}
[[inputs.mqtt_consumer.json_v2.field]]
path = '{{.Path}}'
rename = "{{.Name}}"
type = "float"
{{end}}
[[outputs.influxdb_v2]]
urls = ["{{.Influx.URL}}"]
token = "{{.Influx.Username}}:{{.Influx.Password}}"
bucket = "raw/raw"
content_encoding = "identity"
`))

type field struct{ Name, Path string }

func (b *bench) startTelegraf(ctx context.Context, c column, s *stage) (*measure.Program, error) {
	names := []string{"air_temperature", "relative_humidity", "air_pressure", "pm2_5"}
	data := map[string]any{"Broker": s.url, "ClientID": clientID, "Influx": s.influx, "Topic": filters(c.format)[0]}
	var fields []field
	if c.format == load.ChirpStack {
		data["Time"], data["Device"], data["Gateway"] = "time", "deviceInfo.devEui", "rxInfo.0.gatewayId"
		for _, n := range names {
			fields = append(fields, field{n, "object." + n})
		}
		fields = append(fields, field{"f_cnt", "fCnt"}, field{"dr", "dr"}, field{"rssi", "rxInfo.0.rssi"}, field{"snr", "rxInfo.0.snr"})
	} else {
		data["Time"], data["Device"], data["Gateway"] = "uplinks.0.time", "uplinks.0.dev_eui", "uplinks.0.rx.0.gateway"
		for _, n := range names {
			fields = append(fields, field{n, `uplinks.0.readings.#(q=="` + n + `").v`})
		}
		fields = append(fields, field{"f_cnt", "uplinks.0.f_cnt"}, field{"dr", "uplinks.0.dr"}, field{"rssi", "uplinks.0.rx.0.rssi_dbm"}, field{"snr", "uplinks.0.rx.0.snr_db"})
	}
	data["Fields"] = fields
	var config bytes.Buffer
	if err := telegrafConfig.Execute(&config, data); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, "telegraf.conf")
	if err := os.WriteFile(path, config.Bytes(), 0o600); err != nil {
		return nil, err
	}
	return measure.StartProgram(ctx, b.log, b.telegraf, "--config", path)
}

// fillRegistry makes the registry that all runs use.
func (b *bench) fillRegistry(ctx context.Context) (err error) {
	r, err := registry.Open(ctx, filepath.Join(b.dir, "data", "registry.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	shipped, err := profiles.Shipped()
	if err != nil {
		return err
	}
	if _, err := r.PutProfiles(ctx, shipped, load.Profile()); err != nil {
		return err
	}
	var list []devices.Device
	for i, c := range []column{{format: load.Modellregion}, {format: load.ChirpStack}} {
		cfg := b.load(c, "")
		cfg.PerMessage = 1
		if i == 0 {
			cfg.Devices = b.known
		}
		more, err := load.Devices(cfg)
		if err != nil {
			return err
		}
		list = append(list, more...)
	}
	return r.Put(ctx, list)
}

func (b *bench) startPlatform(ctx context.Context, c column, s *stage) (*measure.Program, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.internal = fmt.Sprintf("127.0.0.1:%d", port)
	password := filepath.Join(s.dir, "influx-password")
	if err := os.WriteFile(password, []byte(s.influx.Password), 0o600); err != nil {
		return nil, err
	}
	var edges, sources strings.Builder
	for i := range b.edges {
		fmt.Fprintf(&edges, "  - name: load-%d\n", i+1)
	}
	if c.format == load.ChirpStack {
		fmt.Fprintf(&sources, "sources:\n  - {name: %s, kind: chirpstack, url: %q, client_id: %s}\n", sourceName, s.url, clientID)
	}
	config := fmt.Sprintf(`
region:
  name: {de: Messung, en: Measurement}
  publisher: Messung
  contact: messung@example.org
  municipalities: [{id: load, name: Messung, lat: 51.5, lon: 7.5}]
data_dir: %s
internal: %s
mqtt: {url: %q}
influx: {url: %q, username: %s, password_file: %s}
edges:
%s%s`, filepath.Join(b.dir, "data"), s.internal, s.url, s.influx.URL, s.influx.Username, password, edges.String(), sources.String())
	path := filepath.Join(s.dir, "region.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p, err := measure.StartProgram(ctx, b.log, b.platform, "serve", "--roles", "ingest", path)
	if err != nil || c.queued() {
		return p, err
	}
	return p, b.until(ctx, p, func() (bool, error) { // edges send when it listens
		_, err := get(ctx, "http://"+s.internal+"/readyz")
		return err == nil, nil
	})
}
