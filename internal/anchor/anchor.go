// Package anchor keeps module requirements while the packages are being written.
package anchor

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/brocaar/lorawan"
	_ "github.com/chromedp/chromedp"
	_ "github.com/eclipse/paho.mqtt.golang"
	_ "github.com/goccy/go-yaml"
	_ "github.com/grafana-tools/sdk"
	_ "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	_ "github.com/grafana/grafana-foundation-sdk/go/timeseries"
	_ "github.com/influxdata/influxdb-client-go/v2"
	_ "github.com/influxdata/influxdb/cmd/influxd/run"
	_ "github.com/influxdata/line-protocol/v2/lineprotocol"
	_ "github.com/mochi-mqtt/server/v2"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "go.etcd.io/bbolt"
	_ "golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite"
)
