// Package systemd tells systemd how a program is doing, as long as its unit has
// Type=notify or Type=notify-reload: that it is ready, reads its configuration
// again, stops, and lives. Without systemd it does nothing.
//
// It knows sd_notify(3) and the watchdog, and nothing of what the program does.
package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier tells systemd of one program, and lets its watchdog restart a program
// that is not healthy.
type Notifier struct {
	watchdog time.Duration // the patience of systemd; 0: no watchdog
	send     func(state string) error
	log      *slog.Logger

	sick   string      // what is not healthy and was logged
	failed atomic.Bool // to send, and that was logged
}

// Subject is what is told of.
type Subject interface {
	// Health returns what has failed for so long that a restart may help.
	Health() error
	// Summary says in one line what the subject does.
	Summary() string
}

const statusEvery = 10 * time.Second

// New reads what systemd wants from the environment; without it nothing is sent.
func New(log *slog.Logger) (*Notifier, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("watchdog of systemd: %w", err)
	}
	return &Notifier{watchdog: watchdog, log: log, send: func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}}, nil
}

// Run tells until ctx ends. It is called when all sockets are open.
func (n *Notifier) Run(ctx context.Context, s Subject) error {
	n.Ready()
	defer n.tell(daemon.SdNotifyStopping)
	status := time.NewTicker(statusEvery)
	defer status.Stop()
	var feed <-chan time.Time
	if n.watchdog > 0 {
		ticker := time.NewTicker(n.watchdog / 3)
		defer ticker.Stop()
		feed = ticker.C
	}
	n.status(s)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-status.C:
			n.status(s)
		case <-feed:
			if n.healthy(s) == nil {
				n.tell(daemon.SdNotifyWatchdog)
			}
		}
	}
}

// Reloading tells that the configuration is read again, until Ready. Run goes on
// feeding the watchdog meanwhile.
func (n *Notifier) Reloading() {
	// The time lets systemd tell this answer from one to an earlier signal.
	n.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
}

// Ready tells that what Reloading began is done. That a program has started is
// told by Run.
func (n *Notifier) Ready() { n.tell(daemon.SdNotifyReady) }

// healthy asks for the health and logs it when it has changed.
func (n *Notifier) healthy(s Subject) error {
	err := s.Health()
	switch {
	case err == nil && n.sick != "":
		n.sick = ""
		n.log.Info("healthy again")
	case err != nil && n.sick == "":
		n.sick = err.Error()
		n.log.Error("not healthy", "err", err, "watchdog", n.watchdog)
	}
	return err
}

func (n *Notifier) status(s Subject) {
	text := s.Summary()
	if err := n.healthy(s); err != nil {
		text += "; not healthy: " + err.Error()
	}
	n.tell("STATUS=" + strings.ReplaceAll(text, "\n", "; "))
}

func (n *Notifier) tell(state string) {
	if err := n.send(state); err != nil && !n.failed.Swap(true) {
		n.log.Warn("systemd cannot be told", "state", state, "err", err)
	}
}
