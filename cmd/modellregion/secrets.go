package main

import (
	"encoding/json"
	"fmt"

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

// writeJSON replaces a file in one step, readable by its owner alone.
func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return durable.WriteFile(path, append(data, '\n'), 0o600)
}
