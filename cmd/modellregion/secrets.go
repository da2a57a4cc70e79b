package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"modellregion/internal/durable"
)

// platformUser is the platform's own MQTT user.
const platformUser = "platform"

// mqttLogins is mqtt.json in the data folder: who may use the embedded broker.
// It is drawn once and kept; an edge's gateway is given its password.
type mqttLogins struct {
	URL       string            `json:"url"`
	Passwords map[string]string `json:"passwords"` // by user name: "platform" and every edge
}

// loadMQTTLogins reads mqtt.json and adds a password for each user that has
// none.
func loadMQTTLogins(dir string, users []string) (mqttLogins, error) {
	var l mqttLogins
	data, err := os.ReadFile(filepath.Join(dir, "mqtt.json"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return l, fmt.Errorf("read MQTT passwords: %w", err)
	default:
		if err := json.Unmarshal(data, &l); err != nil {
			return l, fmt.Errorf("read MQTT passwords in %s: %w", filepath.Join(dir, "mqtt.json"), err)
		}
	}
	if l.Passwords == nil {
		l.Passwords = map[string]string{}
	}
	for _, u := range append(users, platformUser) {
		if l.Passwords[u] == "" {
			l.Passwords[u] = rand.Text()
		}
	}
	return l, nil
}

// writeJSON replaces a file in one step, readable by its owner alone.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return durable.WriteFile(path, append(data, '\n'), 0o600)
}
