package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// sharedLog may be read while it is written.
type sharedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// call runs a command line to its end.
func call(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, log sharedLog
	err = run(t.Context(), args, &out, &log)
	return out.String(), log.String(), err
}

const example = "../../deploy/region.example.yaml"

// region writes the example configuration, changed, into a folder of the test.
func region(t *testing.T, edit ...string) string {
	t.Helper()
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(edit...).Replace(string(data))
	path := filepath.Join(t.TempDir(), "region.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withDatasets is region with the datasets that the example shows, changed.
func withDatasets(t *testing.T, edit, datasets []string) string {
	t.Helper()
	path := region(t, edit...)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, block, found := strings.Cut(string(data), "\n# datasets:\n")
	if !found {
		t.Fatal("the example has no block datasets")
	}
	var shown strings.Builder
	for line := range strings.Lines(block) {
		if !strings.HasPrefix(line, "#   ") {
			break
		}
		shown.WriteString(line[2:])
	}
	text := head + "\ndatasets:\n" + strings.NewReplacer(datasets...).Replace(shown.String())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnitsStopInReverseOrder(t *testing.T) {
	var order []string
	waiting := func(name string, err error) unit {
		return unit{name, func(ctx context.Context) error {
			<-ctx.Done()
			order = append(order, name)
			return err
		}}
	}
	err := runUnits(t.Context(), []unit{waiting("a", nil), waiting("b", errors.New("torn")), waiting("c", nil)}, func(context.Context) error { return nil })
	if !slices.Equal(order, []string{"c", "b", "a"}) || err == nil || !strings.Contains(err.Error(), "b: torn") {
		t.Errorf("order %v, error %v", order, err)
	}
	// A unit that fails ends the work.
	failing := unit{"x", func(context.Context) error { return errors.New("broken") }}
	err = runUnits(t.Context(), []unit{waiting("a", nil), failing}, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
			return fmt.Errorf("the work went on")
		}
	})
	if err == nil || err.Error() != "x: broken" {
		t.Errorf("error %v, want that of the unit", err)
	}
}
