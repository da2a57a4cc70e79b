package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"modellregion/internal/influx"
	"modellregion/internal/influx/embedded"
)

// influxRole in the environment makes this test program be the InfluxDB that it
// describes, an influxPlan in JSON: in a process of its own it can be killed.
const influxRole = "MODELLREGION_E2E_INFLUX"

type influxPlan struct {
	Dir, Addr string
	Disk      int64 // bytes of a disk of its own for Dir; 0: none
}

const exitNoMount = 3 // this machine lets nobody mount anything

// beInflux is the program in that role. It prints the server's logins.
func beInflux(plan string) (exitCode int) {
	var p influxPlan
	err := json.Unmarshal([]byte(plan), &p)
	switch {
	case err != nil:
	case p.Disk > 0:
		err = serveDisk(p)
	default:
		err = serveInflux(p)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errNoMount):
		exitCode = exitNoMount
	default:
		exitCode = 1
	}
	fmt.Fprintln(os.Stderr, err)
	return exitCode
}

func serveInflux(p influxPlan) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := embedded.Start(ctx, embedded.Options{Dir: p.Dir, Addr: p.Addr, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	err = json.NewEncoder(os.Stdout).Encode(s)
	<-ctx.Done()
	return errors.Join(err, s.Close())
}

var errNoMount = errors.New("not permitted to mount")

// What a disk is told, and what it says.
const (
	fillDisk      = syscall.SIGUSR1 // to the last byte, and keep it so
	freeDisk      = syscall.SIGUSR2
	restartInflux = syscall.SIGHUP // without a warning
	diskIsFull    = "full"
)

// serveDisk mounts a small disk that vanishes with this process, and serves an
// InfluxDB on it in another.
func serveDisk(p influxPlan) error {
	// Its own mounts stay its own.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("%w: keep mounts apart: %w", errNoMount, err)
	}
	if err := syscall.Mount("tmpfs", p.Dir, "tmpfs", 0, fmt.Sprintf("size=%d", p.Disk)); err != nil {
		return fmt.Errorf("%w a tmpfs: %w", errNoMount, err)
	}
	orders := make(chan os.Signal, 8)
	signal.Notify(orders, fillDisk, freeDisk, restartInflux, syscall.SIGTERM)
	server, err := influxCommand(influxPlan{Dir: filepath.Join(p.Dir, "influx"), Addr: p.Addr})
	if err != nil {
		return err
	}
	server.Stdout = os.Stdout
	if err := server.Start(); err != nil {
		return err
	}
	filler := filepath.Join(p.Dir, "filler")
	var tick <-chan time.Time
	said := false
	for {
		select {
		case <-tick: // what others have freed meanwhile
			if err := fill(filler); err != nil {
				return err
			}
			if !said {
				said = true
				fmt.Println(diskIsFull)
			}
		case order := <-orders:
			switch order {
			case fillDisk:
				tick = time.Tick(10 * time.Millisecond)
			case freeDisk:
				tick = nil
				err = os.Remove(filler)
			case restartInflux:
				_ = server.Process.Kill()
				_ = server.Wait() // it was killed
				server, err = influxCommand(influxPlan{Dir: filepath.Join(p.Dir, "influx"), Addr: p.Addr})
				if err == nil {
					err = server.Start()
				}
			default:
				_ = server.Process.Kill()
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// fill appends to a file until its disk is full.
func fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		return err
	}
	defer func() { _ = f.Close() }() // it holds nothing of value
	for size := 1 << 20; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

func influxCommand(p influxPlan) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	// With -race this program would end for races of InfluxDB's own, which are not
	// ours to find: the programs under test run without it too.
	cmd.Env = append(os.Environ(), influxRole+"="+string(plan), "GORACE=report_bugs=0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

// influxd is an InfluxDB in a process of its own, always on the same folder and
// address.
type influxd struct {
	t    *testing.T
	plan influxPlan
	embedded.Server
	*process
}

func openInflux1(t *testing.T, disk int64) influxServer {
	t.Helper()
	d := &influxd{t: t, plan: influxPlan{Dir: t.TempDir(), Addr: lastingPort(t), Disk: disk}}
	d.start()
	return d
}

// start starts the server and waits until it answers.
func (d *influxd) start() {
	d.t.Helper()
	cmd, err := influxCommand(d.plan)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.plan.Disk > 0 { // whoever has a name space of users may mount in one of mounts
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	d.process, err = launch(d.t, cmd)
	d.mayMount(err)
	eventually(d.t, "InfluxDB answers", func() bool {
		if d.ended() {
			d.mayMount(d.err)
			d.t.Fatalf("InfluxDB ended: %v\n%s", d.err, d.logged())
		}
		return strings.HasSuffix(d.printed(), "\n")
	})
	if err := json.NewDecoder(strings.NewReader(d.printed())).Decode(&d.Server); err != nil {
		d.t.Fatal(err)
	}
}

// mayMount ends the test when err is of a system that lets nobody mount. That
// is how a container is locked up, which no installation changes: so the test
// is skipped in CI too, by its name. Where a disk could be mounted nothing is
// skipped.
func (d *influxd) mayMount(err error) {
	d.t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case d.plan.Disk > 0 && (errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL)):
		d.t.Skipf("name spaces of users and mounts are not permitted here: %v", err)
	case errors.As(err, &exit) && exit.ExitCode() == exitNoMount:
		d.t.Skipf("mounts are not permitted here: %s", d.logged())
	case !errors.As(err, &exit):
		d.t.Fatal(err)
	}
}

func (d *influxd) away() { d.kill() }
func (d *influxd) back() { d.start() }

// order gives a disk a signal.
func (d *influxd) order(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// access is the login of the administrator.
func (d *influxd) access() influx.Config {
	return influx.Config{URL: "http://" + d.plan.Addr, Username: d.Platform.Username, Password: d.Platform.Password}
}

const (
	ingestUser     = "ingest"
	ingestPassword = "e2e-influx-0123456789"
)

func (d *influxd) login() influx.Config {
	d.t.Helper()
	d.admin("CREATE USER " + ingestUser + " WITH PASSWORD '" + ingestPassword + "'")
	d.admin("GRANT ALL ON raw TO " + ingestUser)
	d.admin("GRANT ALL ON open TO " + ingestUser)
	return influx.Config{URL: d.access().URL, Username: ingestUser, Password: ingestPassword}
}

func (d *influxd) deny()  { d.admin("SET PASSWORD FOR " + ingestUser + " = 'another'") }
func (d *influxd) allow() { d.admin("SET PASSWORD FOR " + ingestUser + " = '" + ingestPassword + "'") }

// admin runs a statement as administrator.
func (d *influxd) admin(statement string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.access().URL+"/query", strings.NewReader(url.Values{"q": {statement}}.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(d.Platform.Username, d.Platform.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK || strings.Contains(string(body), `"error"`) {
		d.t.Fatalf("%s: %s %s %v", statement, resp.Status, body, err)
	}
}
