package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// server is an HTTP server on an open port.
type server struct {
	listener net.Listener
	http     *http.Server
}

func listen(flag, addr string, h http.Handler) (*server, error) {
	l, err := openPort(flag, addr)
	if err != nil {
		return nil, err
	}
	return serverOn(l, h), nil
}

func openPort(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("open port %s: %w", flag, err)
	}
	return l, nil
}

// serverOn returns a server for a port that is open.
func serverOn(l net.Listener, h http.Handler) *server {
	return &server{l, &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}}
}

func (s *server) addr() string { return s.listener.Addr().String() }

// run serves until ctx ends, then lets requests finish for a moment.
func (s *server) run(ctx context.Context) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.http.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
			stopped <- s.http.Close()
		} else {
			stopped <- err
		}
	})
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		stop()
		return err
	}
	return <-stopped
}
