package cluster

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

var programs string // folder of the built programs

func TestMain(m *testing.M) {
	if config := os.Getenv(nodeRole); config != "" {
		if err := beNode(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "modellregion-cluster-")
	if err == nil {
		build := exec.Command("go", "build", "-o", dir, "./cmd/modellregion", "./cmd/edge-gateway")
		build.Dir = "../.." // the product's module, not this one
		build.Stderr = os.Stderr
		err = build.Run()
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the programs:", err)
	} else {
		programs = dir
		code = m.Run()
	}
	_ = os.RemoveAll(dir) // a temporary folder; the tests have told their result
	os.Exit(code)
}

const patience = 2 * time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// process is a program that runs; it is killed at the end of the test.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of its end, once done is closed

	mu  sync.Mutex
	log bytes.Buffer
}

// Write implements io.Writer for what the program says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			log := p.logged()
			t.Logf("%s %v:\n%s", filepath.Base(cmd.Path), cmd.Args[1:], log[max(0, len(log)-6000):])
		}
	})
	return p
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return launch(t, exec.Command(filepath.Join(programs, name), args...))
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// port returns an address of loopback that stays free while nobody listens
// there: its port is below those that the system gives to connections.
func port(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 16_384+rand.IntN(16_384))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close() // only its number was wanted
		if c, err := net.ListenPacket("udp", addr); err == nil {
			_ = c.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get fetches a URL; an error of the network is status 0.
func get(url string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(data)
}

// metric returns the value of a metric, and false when it is not shown.
func metric(internal, name string) (float64, bool) {
	_, body := get("http://" + internal + "/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	return v, err == nil
}
