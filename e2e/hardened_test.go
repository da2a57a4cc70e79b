package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// nothingInternal: what is for operators is not on the public port, and no path
// leads to a file that is not meant to be public.
func nothingInternal(t *testing.T, dir, public, internal string) {
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/rebuild", "/backup", "/query?q=SHOW+DATABASES", "/write"} {
		if status, _, _ := get(t, "http://"+public+path); status != http.StatusNotFound {
			t.Errorf("public %s: %d", path, status)
		}
	}
	if status, _, _ := get(t, "http://"+internal+"/debug/pprof/heap"); status != http.StatusOK {
		t.Errorf("internal /debug/pprof/heap: %d, so that the above proves nothing", status)
	}
	var secrets []string
	for _, name := range []string{"influx.json", "mqtt.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`"([A-Z2-7]{26})"`).FindAllStringSubmatch(string(data), -1) {
			secrets = append(secrets, found[1])
		}
	}
	if len(secrets) < 3 {
		t.Fatalf("only %d secrets were found in %s", len(secrets), dir)
	}
	for _, up := range []string{"..", "%2e%2e", ".%2e", "..%2f..", "%252e%252e", "..\\..", "..%5c..", "....//.."} {
		for _, root := range []string{"/data/", "/data/verkehr/", "/static/", "/api/", "/catalog/", "//", "/en/"} {
			for _, target := range []string{"/influx.json", "/../influx.json", "/../../influx.json", "/../../../etc/passwd", "/registry.db"} {
				path := root + up + target
				status, answer := rawGet(t, public, path)
				if status == http.StatusOK || status == http.StatusTooManyRequests || strings.Contains(answer, "root:") || strings.Contains(answer, "SQLite format") {
					t.Errorf("%s: %d %.300s", path, status, answer)
				}
				for _, s := range secrets {
					if strings.Contains(answer, s) {
						t.Errorf("%s shows a password", path)
					}
				}
			}
		}
	}
}

// rawGet asks for a path as it stands, which http.Client would clean.
func rawGet(t *testing.T, host, path string) (status int, answer string) {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }() // everything was read
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(all), "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("%s answers %.100q: %v", path, all, err)
	}
	return status, string(all)
}
