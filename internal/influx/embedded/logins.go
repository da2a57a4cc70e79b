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

// PlatformLogin returns Server.Platform of the database in dir, for a command
// beside the process in which it runs. The error is fs.ErrNotExist when nothing
// was ever started there.
func PlatformLogin(dir string) (Login, error) {
	l, err := readLogins(dir)
	return l.Platform, err
}

func readLogins(dir string) (logins, error) {
	path := loginsFile(dir)
	data, err := os.ReadFile(path)
	if err != nil {
		return logins{}, fmt.Errorf("read InfluxDB logins: %w", err)
	}
	var l logins
	if err := json.Unmarshal(data, &l); err != nil {
		return logins{}, fmt.Errorf("read InfluxDB logins in %s: %w", path, err)
	}
	return l, nil
}

func loginsFile(dir string) string { return filepath.Join(dir, "logins.json") }

// loadLogins reads the users' passwords from dir, drawing them first when the
// database is new. A lost file is made anew; Start then resets the passwords.
func loadLogins(dir string) (logins, error) {
	l, err := readLogins(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	l = logins{
		Platform: Login{"platform", rand.Text()},
		Reader:   Login{"reader", rand.Text()},
		Public:   Login{"public", rand.Text()},
	}
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return logins{}, fmt.Errorf("write InfluxDB logins: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return logins{}, fmt.Errorf("make folder of InfluxDB: %w", err)
	}
	return l, durable.WriteFile(loginsFile(dir), data, 0o600)
}
