package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// readyCmd is for scripts and for containers, which have no other program.
type readyCmd struct {
	Config   string `arg:"" help:"The configuration of the platform that is asked." type:"path"`
	Internal string `help:"Where its health and metrics are, in place of what the configuration says." placeholder:"HOST:PORT"`
}

// askWithin is longer than the platform takes to find out.
const askWithin = 4 * time.Second

// Run asks a platform on this machine whether it is ready, and fails when it is
// not.
func (c readyCmd) Run(ctx context.Context, t *terminal) error {
	cfg, err := withConfig{c.Config}.load()
	if err != nil {
		return err
	}
	if c.Internal != "" {
		cfg.Internal = c.Internal
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cfg.Internal+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask the platform at %s: %w", cfg.Internal, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the platform at %s: %w", cfg.Internal, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("ask the platform at %s: %w", cfg.Internal, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(text)))
	}
	_, err = t.out.Write(text)
	return err
}
