package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"modellregion/bench/measure"
)

const (
	readyWithin = time.Minute
	endWithin   = 30 * time.Second
)

// measureDemo runs the demo in a folder of its own and notes when it was ready
// and its memory some time later.
func measureDemo(ctx context.Context, program, dir string, sensors int, after time.Duration, add func(row string, value float64)) error {
	const free = "127.0.0.1:0"
	cmd := exec.CommandContext(ctx, program, "--log=warn", "demo", "--sensors", strconv.Itoa(sensors), "--data-dir", dir,
		"--http", free, "--internal", free, "--mqtt", free, "--influx", free, "--udp", free)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endWithin
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	err := observe(ctx, cmd.Process.Pid, dir, began, after, add)
	if signalErr := cmd.Process.Signal(os.Interrupt); signalErr != nil {
		err = errors.Join(err, signalErr)
	}
	stopped := time.Now()
	kill := time.AfterFunc(endWithin, func() { _ = cmd.Process.Kill() }) // Wait tells
	defer kill.Stop()
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	add("until stopped by Ctrl-C, s", time.Since(stopped).Seconds())
	return nil
}

func observe(ctx context.Context, pid int, dir string, began time.Time, after time.Duration, add func(string, float64)) error {
	if err := waitReady(ctx, dir); err != nil {
		return err
	}
	add("until ready, s", time.Since(began).Seconds())
	atReady, err := measure.ReadUsage(pid)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(after):
	}
	u, err := measure.ReadUsage(pid)
	if err != nil {
		return err
	}
	add("resident when ready, MB", measure.MB(atReady.Resident))
	add(fmt.Sprintf("resident after %s, MB", after), measure.MB(u.Resident))
	add("most resident, MB", measure.MB(u.Peak))
	add("CPU, share of one core", float64(u.CPU-atReady.CPU)/float64(after))
	return nil
}

// waitReady waits until the demo's health address says so.
func waitReady(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := ready(ctx, dir)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("demo is not ready: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ready returns nil when the demo has told its addresses and says that all of
// its parts work.
func ready(ctx context.Context, dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "endpoints.json"))
	if err != nil {
		return fmt.Errorf("addresses of the demo: %w", err)
	}
	var endpoints struct {
		Internal string `json:"internal"`
	}
	if err := json.Unmarshal(data, &endpoints); err != nil {
		return fmt.Errorf("addresses of the demo: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+endpoints.Internal+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask the demo: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the demo: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the demo says %s", resp.Status)
	}
	return nil
}
