package embedded

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

type logins struct {
	Platform Login `json:"platform"`
	Reader   Login `json:"reader"`
	Public   Login `json:"public"`
}

// loadLogins reads the users' passwords from dir, drawing them first when the
// database is new. A lost file is made anew; Start then resets the passwords.
func loadLogins(dir string) (logins, error) {
	path := filepath.Join(dir, "logins.json")
	data, err := os.ReadFile(path)
	if err == nil {
		var l logins
		if err := json.Unmarshal(data, &l); err != nil {
			return logins{}, fmt.Errorf("read InfluxDB logins in %s: %w", path, err)
		}
		return l, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return logins{}, fmt.Errorf("read InfluxDB logins: %w", err)
	}
	l := logins{
		Platform: Login{"platform", rand.Text()},
		Reader:   Login{"reader", rand.Text()},
		Public:   Login{"public", rand.Text()},
	}
	if data, err = json.MarshalIndent(l, "", "  "); err != nil {
		return logins{}, fmt.Errorf("write InfluxDB logins: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return logins{}, fmt.Errorf("make folder of InfluxDB: %w", err)
	}
	return l, durable.WriteFile(path, data, 0o600)
}
