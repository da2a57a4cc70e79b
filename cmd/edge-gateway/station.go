package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"modellregion/edge"
	"modellregion/uplink"
)

// stationConfig says how gateways with Basics Station connect.
type stationConfig struct {
	Listen       string `yaml:"listen"`
	CertFile     string `yaml:"cert_file"`
	KeyFile      string `yaml:"key_file"`
	ClientCAFile string `yaml:"client_ca_file"`
	TokenFile    string `yaml:"token_file"`
}

func (c *stationConfig) validate() []error {
	if c.Listen == "" {
		return nil
	}
	var errs []error
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		errs = append(errs, fmt.Errorf("  station.listen: %q, want host:port like 127.0.0.1:3001", c.Listen))
	}
	secure := c.CertFile != ""
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("  station.cert_file, station.key_file: want both or none"))
	}
	if ip := net.ParseIP(host); err == nil && !secure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		errs = append(errs, fmt.Errorf("  station.listen: %q is reached by other machines: want station.cert_file and station.key_file too", c.Listen))
	}
	if c.ClientCAFile != "" && !secure {
		errs = append(errs, errors.New("  station.client_ca_file: needs station.cert_file and station.key_file too"))
	}
	return errs
}

// edge reads certificates and tokens.
func (c *stationConfig) edge() (edge.Station, error) {
	out := edge.Station{Addr: c.Listen}
	if c.Listen == "" {
		return out, nil
	}
	if c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return out, fmt.Errorf("read station.cert_file and station.key_file: %w", err)
		}
		out.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	if c.ClientCAFile != "" {
		pool, err := certificates("station.client_ca_file", c.ClientCAFile)
		if err != nil {
			return out, err
		}
		out.TLS.ClientCAs, out.TLS.ClientAuth = pool, tls.RequireAndVerifyClientCert
	}
	if c.TokenFile != "" {
		tokens, err := readTokens(c.TokenFile)
		if err != nil {
			return out, err
		}
		out.Token = func(gateway uplink.EUI) string { return tokens[gateway] }
	}
	return out, nil
}

// readTokens reads a file of lines "EUI token"; empty lines and those that
// begin with # are comments. Errors name the line, not the token.
func readTokens(path string) (map[uplink.EUI]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read station.token_file: %w", err)
	}
	out := map[uplink.EUI]string{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("station.token_file %s, line %d: want a gateway's EUI and its token", path, n)
		}
		eui, err := uplink.ParseEUI(fields[0])
		if err != nil {
			return nil, fmt.Errorf("station.token_file %s, line %d: %w", path, n, err)
		}
		out[eui] = fields[1]
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read station.token_file %s: %w", path, err)
	}
	return out, nil
}

// certificates reads a file of certificates in PEM form; key is its place in
// the configuration.
func certificates(key, path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s %s holds no certificate in PEM form", key, path)
	}
	return pool, nil
}
