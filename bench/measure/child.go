package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"
)

// childCommand is the hidden first argument of a program that was started by
// Start; the role follows it.
const childCommand = "child"

// endWithin is how long a child may take to stop before it is killed.
const endWithin = 20 * time.Second

// Role returns the role in which Start has started this program, or "" when
// somebody else did.
func Role(args []string) string {
	if len(args) == 3 && args[1] == childCommand {
		return args[2]
	}
	return ""
}

// Child is this program once more, in a role of its own, so that its costs can
// be told from those of the rest.
type Child struct {
	role   string
	cmd    *exec.Cmd
	input  io.Closer
	output io.Reader
}

// Start starts this program again in a role and waits for what it says when it
// is ready, which is decoded into ready. With oneCore it may use the machine's
// last core alone, and its Go scheduler knows of one. The caller stops it with
// Stop; it also stops when this process ends in whatever way.
func Start(ctx context.Context, role string, oneCore bool, config, ready any) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	args := []string{self, childCommand, role}
	if oneCore {
		args = append([]string{"taskset", "-c", strconv.Itoa(runtime.NumCPU() - 1)}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	if oneCore {
		cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c := &Child{role: role, cmd: cmd, input: input, output: output}
	err = json.NewEncoder(input).Encode(config)
	if err == nil {
		err = json.NewDecoder(output).Decode(ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", role, err), c.Stop())
	}
	return c, nil
}

// Usage returns what the child has cost since its start.
func (c *Child) Usage() (Usage, error) { return ReadUsage(c.cmd.Process.Pid) }

// Quiet waits until the child has written nothing to its disk for a while: the
// work that was asked of it is done, that of tidying up included. It returns
// what the child has cost then.
func (c *Child) Quiet(ctx context.Context, while time.Duration) (Usage, error) {
	last, err := c.Usage()
	for err == nil {
		select {
		case <-ctx.Done():
			return Usage{}, fmt.Errorf("wait for %s to be quiet: %w", c.role, ctx.Err())
		case <-time.After(while):
		}
		var now Usage
		if now, err = c.Usage(); err == nil && now.Written == last.Written {
			return now, nil
		}
		last = now
	}
	return Usage{}, err
}

// Stop asks the child to end and waits for it.
func (c *Child) Stop() error {
	kill := time.AfterFunc(endWithin, func() { _ = c.cmd.Process.Kill() }) // Wait tells
	defer kill.Stop()
	closeErr := c.input.Close()
	if err := errors.Join(closeErr, c.cmd.Wait()); err != nil {
		return fmt.Errorf("end %s: %w", c.role, err)
	}
	return nil
}

// Serve is the child's side: it reads config, calls run, and ends run's
// context when the parent has stopped the child or is gone. Run calls ready
// once with what the parent waits for. With a profile, run's use of the CPU is
// written to that file.
func Serve[Config any](ctx context.Context, in io.Reader, out io.Writer, run func(ctx context.Context, c Config, ready func(any) error) error) error {
	var config Config
	dec := json.NewDecoder(in)
	if err := dec.Decode(&config); err != nil {
		return fmt.Errorf("read configuration from the parent: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // ends with the parent, or with this process, which follows run
		defer stop()
		_, _ = io.Copy(io.Discard, in) // any end is the end
	}()
	return run(ctx, config, func(ready any) error { return json.NewEncoder(out).Encode(ready) })
}

// Profile writes the CPU profile of this process to a file until the function
// it returns is called. An empty path is none.
func Profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("start profile: %w", err), f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
