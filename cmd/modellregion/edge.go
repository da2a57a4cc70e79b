//go:build !ingestonly

package main

import (
	"fmt"
	"path/filepath"

	"modellregion/edge"
	"modellregion/edge/lorawan"
	"modellregion/edge/semtech"
)

// What an edge that runs inside is told. ingestonly.go has the same keys.
type (
	gatewayConfig = semtech.Allowed
	lorawanConfig = lorawan.Config
)

// checkLoRaWAN finds what an edge could not run with.
func checkLoRaWAN(c lorawanConfig) error {
	_, err := lorawan.New(c)
	return err
}

// openEdge opens the edge that runs inside, if there is one.
func (p *platform) openEdge(logins mqttLogins) error {
	for _, e := range p.cfg.Edges {
		if e.UDP == "" {
			continue
		}
		to := edge.MQTT{URL: logins.URL, Password: logins.Passwords[e.Name]}
		if p.broker == nil { // the edge shares the platform's login at a broker of the city
			login, err := p.cfg.MQTT.client("mqtt.")
			if err != nil {
				return err
			}
			to = edge.MQTT{URL: login.URL, Username: login.Username, Password: login.Password, TLS: login.TLS}
		}
		inside, err := edge.Open(edge.Config{
			Name: e.Name, Dir: filepath.Join(p.cfg.DataDir, "edge"), UDP: e.UDP, UDPRate: e.UDPRate, Gateways: e.Gateways,
			LoRaWAN: e.LoRaWAN, Share: edge.DefaultShare, MQTT: to, Version: version, Log: p.log, Metrics: p.metrics,
		})
		if err != nil {
			return fmt.Errorf("edge %s: %w", e.Name, err)
		}
		p.edge, p.backups[backupEdgePath] = inside, p.handOutEdge(inside)
	}
	return nil
}
