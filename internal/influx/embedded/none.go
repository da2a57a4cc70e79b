//go:build noembed

// Package embedded has no InfluxDB in this build, which is for ingests beside a
// server elsewhere: it is a third as large and takes half of the memory.
package embedded

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Options are those of the other build.
type Options struct {
	Dir       string
	Addr      string
	Retention time.Duration
	Log       *slog.Logger
}

// Server is never there.
type Server struct{ Platform, Reader, Public Login }

// Login is a user of the server.
type Login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// Start returns an error.
func Start(context.Context, Options) (*Server, error) {
	return nil, errors.New("this build of the program has no embedded InfluxDB: give influx.url, or use the one built without -tags noembed")
}

// URL returns "".
func (*Server) URL() string { return "" }

// Close does nothing.
func (*Server) Close() error { return nil }
