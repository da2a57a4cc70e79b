package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Program is another program that runs.
type Program struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of its end, once done is closed
}

// StartProgram starts another program, whose errors go to log. The caller stops
// it with Stop; it is killed when ctx or this process ends.
func StartProgram(ctx context.Context, log *os.File, path string, args ...string) (*Program, error) {
	p := &Program{name: filepath.Base(path), cmd: exec.CommandContext(ctx, path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() { // until the program ends, for which Stop waits
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Usage returns what the program has cost since its start.
func (p *Program) Usage() (Usage, error) { return ReadUsage(p.cmd.Process.Pid) }

// Ended returns why the program is over, or nil while it runs.
func (p *Program) Ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s has ended: %w", p.name, errors.Join(p.err, errEnded))
	default:
		return nil
	}
}

var errEnded = errors.New("it was not asked to")

// Stop asks the program to end and waits for it, for a while.
func (p *Program) Stop() error {
	if err := p.Ended(); err != nil {
		return err
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end %s: %w", p.name, err)
	}
	select {
	case <-p.done:
		return nil // many end with a code of their own
	case <-time.After(endWithin):
		return errors.Join(fmt.Errorf("%s does not end and is killed", p.name), p.cmd.Process.Kill())
	}
}
