package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifier tells systemd how the gateway is doing, as long as the unit has
// Type=notify, and lets its watchdog restart a gateway that is not healthy.
type notifier struct {
	watchdog time.Duration // the patience of systemd; 0: no watchdog
	send     func(state string) error
	log      *slog.Logger

	sick   string // what is not healthy and was logged
	failed bool   // to send, and that was logged
}

// subject is what is told of.
type subject interface {
	// Health returns what has failed for so long that a restart may help.
	Health() error
	// Summary says in one line what the subject does.
	Summary() string
}

const statusEvery = 10 * time.Second

// newNotifier reads what systemd wants from the environment; without it nothing
// is sent.
func newNotifier(log *slog.Logger) (*notifier, error) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("watchdog of systemd: %w", err)
	}
	return &notifier{watchdog: watchdog, log: log, send: func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}}, nil
}

// run tells until ctx ends. It is called when all sockets are open.
func (n *notifier) run(ctx context.Context, s subject) error {
	n.tell(daemon.SdNotifyReady)
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

// healthy asks for the health and logs it when it has changed.
func (n *notifier) healthy(s subject) error {
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

func (n *notifier) status(s subject) {
	text := s.Summary()
	if err := n.healthy(s); err != nil {
		text += "; not healthy: " + err.Error()
	}
	n.tell("STATUS=" + strings.ReplaceAll(text, "\n", "; "))
}

func (n *notifier) tell(state string) {
	if err := n.send(state); err != nil && !n.failed {
		n.failed = true
		n.log.Warn("systemd cannot be told", "state", state, "err", err)
	}
}
