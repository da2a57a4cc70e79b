package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"modellregion/internal/influx"
)

var programs string // folder of the built programs

func TestMain(m *testing.M) {
	if role := os.Getenv(influxRole); role != "" {
		os.Exit(beInflux(role))
	}
	dir, err := os.MkdirTemp("", "modellregion-e2e-")
	if err == nil {
		build := exec.Command("go", "build", "-o", dir, "modellregion/cmd/modellregion", "modellregion/cmd/edge-gateway")
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

const patience = time.Minute

// eventually waits until ok holds, and fails the test when it never does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// process is a program that runs.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of its end, once done is closed

	mu  sync.Mutex
	out bytes.Buffer
	log bytes.Buffer
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// start runs a program; it is killed at the end of the test. Its log is shown
// when the test fails.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(programs, name)
	}
	p, err := launch(t, exec.Command(name, args...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// launch is start for a command that is made ready by its caller, who deals
// with the error.
func launch(t *testing.T, cmd *exec.Cmd) (*process, error) {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = locked{&p.mu, &p.out}, locked{&p.mu, &p.log}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			log := p.logged()
			t.Logf("%s %v:\n%s", filepath.Base(cmd.Path), cmd.Args[1:], log[max(0, len(log)-8000):])
		}
	})
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.done
}

// stop asks the program to end, as an init system does, and wants it to within
// ten seconds.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	select {
	case <-p.done:
		if p.err != nil {
			p.t.Errorf("end after SIGTERM: %v", p.err)
		}
	case <-time.After(10 * time.Second):
		p.t.Error("still there 10 s after SIGTERM")
	}
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// ended reports whether the program is over, without waiting.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// result waits for the end of a demo and returns what its last line says.
func (p *process) result() (result, error) {
	select {
	case <-p.done:
	case <-time.After(4 * time.Minute):
		return result{}, errors.New("the demo does not end")
	}
	lines := strings.Split(strings.TrimSpace(p.printed()), "\n")
	var r result
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		return r, fmt.Errorf("last line %q: %w", lines[len(lines)-1], err)
	}
	return r, p.err
}

// result is the last line of a demo.
type result struct {
	FramesSent     uint64  `json:"frames_sent"`
	UplinksSent    uint64  `json:"uplinks_sent"`
	ReadingsSent   uint64  `json:"readings_sent"`
	ReadingsStored uint64  `json:"readings_stored"`
	Lost           uint64  `json:"lost"`
	Duplicates     uint64  `json:"duplicates"`
	DeadLetters    uint64  `json:"dead_letters"`
	ElapsedS       float64 `json:"elapsed_s"`
}

// sent is the part of a result that a seed fixes.
func (r result) sent() [4]uint64 {
	return [4]uint64{r.FramesSent, r.UplinksSent, r.ReadingsSent, r.ReadingsStored}
}

var free = []string{"--http", "127.0.0.1:0", "--internal", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", "--influx", "127.0.0.1:0", "--udp", "127.0.0.1:0"}

// demo starts a demo on free ports.
func demo(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return start(t, "modellregion", append(append([]string{"demo", "--data-dir", dir}, free...), args...)...)
}

// readFile reads a JSON file of the data folder.
func readFile(t *testing.T, dir, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func endpoints(t *testing.T, dir string) map[string]string {
	t.Helper()
	var e map[string]string
	readFile(t, dir, "endpoints.json", &e)
	return e
}

// database returns a client with the login of influx.json.
func database(t *testing.T, dir string) *influx.Client {
	t.Helper()
	var l struct{ URL, Username, Password string }
	readFile(t, dir, "influx.json", &l)
	c := influx.New(influx.Config{URL: l.URL, Username: l.Username, Password: l.Password})
	t.Cleanup(c.Close)
	return c
}

// get fetches a URL; an error of the network is status 0.
func get(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, nil, err.Error()
	}
	return resp.StatusCode, resp.Header, string(body)
}

// metric returns the value of a metric, labels included in its name, and false
// when it is not shown.
func metric(t *testing.T, internal, name string) (float64, bool) {
	t.Helper()
	_, _, body := get(t, "http://"+internal+"/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(m[1], 64)
	return v, err == nil
}

// program finds a program of the system. Without it the test is skipped, and
// fails where CI has installed it.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}
