//go:build !ingestonly

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"modellregion/internal/commandlines"
	"modellregion/internal/mqtt"
	"modellregion/internal/strictyaml"
)

const deployed = "../../deploy/"

func deployedFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(deployed + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// installed returns the path of a program of Debian's, and skips without it.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing, which .ci/run installs", name)
	}
	if err != nil {
		t.Skipf("%s is missing", name)
	}
	return path
}

// composed is what compose.yaml has that this program has to know.
type composed struct {
	Services map[string]struct {
		Image      string   `yaml:"image"`
		Entrypoint []string `yaml:"entrypoint"`
		Command    []string `yaml:"command"`
		Secrets    []string `yaml:"secrets"`
		Volumes    []string `yaml:"volumes"`
		ReadOnly   bool     `yaml:"read_only"`
		CapDrop    []string `yaml:"cap_drop"`
		Security   []string `yaml:"security_opt"`
		Restart    string   `yaml:"restart"`
		User       string   `yaml:"user"`
		Check      struct {
			Test []string `yaml:"test"`
		} `yaml:"healthcheck"`
	} `yaml:"services"`
	Secrets map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

func compose(t *testing.T) (c composed) {
	t.Helper()
	if err := strictyaml.DecodeLoose([]byte(deployedFile(t, "compose/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) < 6 {
		t.Fatalf("compose.yaml has %d services: the test is broken", len(c.Services))
	}
	return c
}

// manifest is a document of the Kubernetes manifest, likewise.
type manifest struct {
	Kind string            `yaml:"kind"`
	Data map[string]string `yaml:"data"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Args   []string `yaml:"args"`
					Mounts []struct {
						Path string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				} `yaml:"containers"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

func kubernetes(t *testing.T) (all []manifest) {
	t.Helper()
	for i, text := range strings.Split(deployedFile(t, "kubernetes/modellregion.yaml"), "\n---\n") {
		var m manifest
		if err := strictyaml.DecodeLoose([]byte(text), &m); err != nil {
			t.Errorf("document %d: %v", i+1, err)
		}
		all = append(all, m)
	}
	return all
}

// Whatever runs the program calls it as it wants to be called.
func TestCommandLinesInDeploy(t *testing.T) {
	found := 0
	takes := func(where string, args []string) {
		found++
		if err := parses(t, args); err != nil {
			t.Errorf("%s: modellregion %q: %v", where, args, err)
		}
	}
	units, err := filepath.Glob(deployed + "systemd/*.service")
	if err != nil {
		t.Fatal(err)
	}
	exec := regexp.MustCompile(`(?m)^Exec\w+=(?:/bin/sh -c ['"])?(.*)$`)
	for _, unit := range units {
		for _, m := range exec.FindAllStringSubmatch(deployedFile(t, "systemd/"+filepath.Base(unit)), -1) {
			for _, line := range commandlines.Shell(m[1], "modellregion") {
				takes(unit, line.Args)
			}
		}
	}
	for name, s := range compose(t).Services {
		if s.Image != "modellregion" {
			continue
		}
		if len(s.Entrypoint) > 0 {
			takes("compose "+name, append(s.Entrypoint[1:], "/backups/new")) // with what its user adds
		} else {
			takes("compose "+name, s.Command)
		}
		if len(s.Check.Test) > 0 {
			takes("health of "+name, s.Check.Test[2:])
		}
	}
	for _, m := range kubernetes(t) {
		for _, c := range m.Spec.Template.Spec.Containers {
			takes("kubernetes", c.Args)
		}
	}
	for _, m := range regexp.MustCompile(`CMD (\[.*\])`).FindAllStringSubmatch(deployedFile(t, "docker/Dockerfile"), -1) {
		var args []string
		if err := json.Unmarshal([]byte(m[1]), &args); err != nil {
			t.Errorf("Dockerfile: %s: %v", m[1], err)
		}
		args = slices.DeleteFunc(args, func(s string) bool { return s == "/usr/bin/modellregion" })
		if args[0] != "run" { // of edge-gateway
			takes("Dockerfile", args)
		}
	}
	if found < 15 {
		t.Errorf("found %d command lines: the test is broken", found)
	}
}

// Each configuration is good, and its secrets are there for who reads it.
func TestConfigurationsInDeploy(t *testing.T) {
	secret := regexp.MustCompile(`(?m)^ +\w+_file: (\S+)`)
	reachable := func(where, text string, mounts []string) {
		for _, m := range secret.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(mounts, func(mount string) bool { return m[1] == mount || strings.HasPrefix(m[1], mount+"/") }) {
				t.Errorf("%s: %s is in none of %q", where, m[1], mounts)
			}
		}
	}
	c, text := compose(t), deployedFile(t, "compose/region.yaml")
	if _, err := loadConfig(deployed + "compose/region.yaml"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"platform", "ingest", "dashboards"} {
		var mounts []string
		for _, v := range c.Services[name].Volumes {
			mounts = append(mounts, strings.Split(v, ":")[1])
		}
		for _, s := range c.Services[name].Secrets {
			mounts = append(mounts, "/run/secrets/"+s)
		}
		reachable("compose "+name, text, mounts)
	}
	var region string
	var mounts [][]string
	for _, m := range kubernetes(t) {
		region += m.Data["region.yaml"]
		for _, c := range m.Spec.Template.Spec.Containers {
			var of []string
			for _, mount := range c.Mounts {
				of = append(of, mount.Path)
			}
			mounts = append(mounts, of)
		}
	}
	if _, err := loadConfig(file(t, "region.yaml", region)); err != nil || len(mounts) != 2 {
		t.Errorf("kubernetes: %v, %q", err, mounts)
	}
	for _, of := range mounts {
		reachable("kubernetes", region, of)
	}
}

// Every container has as few rights as it can, and every file that is mounted
// or packed is there or made by setup.sh.
func TestWhatDeployNeedsIsThere(t *testing.T) {
	c, setup := compose(t), deployedFile(t, "compose/setup.sh")
	there := func(where, path string) {
		t.Helper()
		made := strings.TrimPrefix(path, "./")
		if _, err := os.Stat(filepath.Join(deployed, "compose", path)); err != nil && !strings.Contains(setup, " "+made) && !strings.Contains(setup, " "+filepath.Base(made)) {
			t.Errorf("%s: %v, and setup.sh does not make it", where, err)
		}
	}
	for name, s := range c.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.Security, "no-new-privileges:true") || s.Restart == "" || !strings.HasPrefix(s.User, "${RUN_AS") {
			t.Errorf("service %s has more rights than it needs", name)
		}
		if s.Image != "modellregion" && !regexp.MustCompile(`:\d+\.\d+\.\d+$`).MatchString(s.Image) {
			t.Errorf("service %s: image %s has no version", name, s.Image)
		}
		for _, v := range s.Volumes {
			there(name, strings.Split(v, ":")[0])
		}
		for _, secret := range s.Secrets {
			there(name, c.Secrets[secret].File)
		}
	}
	for _, name := range []string{"modellregion", "modellregion-edge"} {
		var pack struct {
			Contents []struct{ Src string }
			Scripts  map[string]string
		}
		if err := strictyaml.DecodeLoose([]byte(deployedFile(t, "packages/"+name+".yaml")), &pack); err != nil || len(pack.Contents) < 4 || len(pack.Scripts) != 3 {
			t.Errorf("package %s: %v, %d files, %d scripts", name, err, len(pack.Contents), len(pack.Scripts))
		}
		for _, content := range pack.Contents {
			pack.Scripts[content.Src] = content.Src
		}
		for _, path := range pack.Scripts {
			if _, err := os.Stat(deployed + "../" + path); err != nil && !strings.HasPrefix(path, "${") { // what build.sh makes
				t.Errorf("package %s: %v", name, err)
			}
		}
	}
}

// systemd finds nothing wrong with the units, and little that they could do.
func TestUnitsOfDeploy(t *testing.T) {
	analyze := installed(t, "systemd-analyze")
	dir := t.TempDir()
	files, err := filepath.Glob(deployed + "systemd/*.[st][ei][rm]*")
	if err != nil || len(files) != 5 {
		t.Fatalf("%d units (%v)", len(files), err)
	}
	args := []string{"verify"}
	for _, path := range files {
		text := strings.NewReplacer("/usr/bin/modellregion", "/bin/true", "/usr/bin/edge-gateway", "/bin/true").Replace(deployedFile(t, "systemd/"+filepath.Base(path)))
		copied := filepath.Join(dir, strings.Replace(filepath.Base(path), "@", "@9091", 1))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, copied)
		if strings.HasSuffix(copied, ".service") {
			if out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=30", copied).CombinedOutput(); err != nil {
				t.Errorf("%s is exposed: %v\n%s", path, err, out)
			}
		}
	}
	// Units of the machine are read too, of which it may warn.
	out, err := exec.Command(analyze, args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Mosquitto takes the shipped configuration with what edges mosquitto writes, lets
// the platform in, and keeps over a restart what it has to.
func TestMosquittoOfCompose(t *testing.T) {
	binary, dir := installed(t, "mosquitto"), t.TempDir()
	password := file(t, "password", "0123456789abcdef0123")
	config := region(t, "data_dir: /var/lib/modellregion", "data_dir: "+dir, "  listen: 127.0.0.1:1883", "  url: ssl://127.0.0.1:8884\n  password_file: "+password)
	if _, _, err := call(t, "edges", "mosquitto", "-c", config, "--names", "127.0.0.1", filepath.Join(dir, "files")); err != nil {
		t.Fatal(err)
	}
	ports := make([]any, 2)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(path string, edit ...string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "files", filepath.Base(path)), []byte(strings.NewReplacer(edit...).Replace(string(data))), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	replace(filepath.Join(dir, "files", "mosquitto.conf"), "listener 8883", fmt.Sprintf("listener %v 127.0.0.1", ports[0]), "listener 8884", fmt.Sprintf("listener %v 127.0.0.1", ports[1]))
	shipped := filepath.Join(dir, "mosquitto.conf")
	text := strings.NewReplacer("/mosquitto/data/", dir+"/", "/mosquitto/modellregion", filepath.Join(dir, "files")).Replace(deployedFile(t, "compose/mosquitto.conf")) + "user root\n"
	if err := os.WriteFile(shipped, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(dir, "files", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	broker := func() (stop func()) {
		var log sharedLog
		cmd := exec.Command(binary, "-c", shipped)
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop = func() {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
			_ = cmd.Wait()
			if t.Failed() {
				t.Log(log.String())
			}
		}
		t.Cleanup(stop)
		waitFor(t, "Mosquitto listens", func() bool {
			c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%v", ports[1]), &tls.Config{RootCAs: roots})
			return err == nil && c.Close() == nil
		})
		return stop
	}
	platform := func() (*mqtt.Client, chan string) {
		up, got := make(chan struct{}, 1), make(chan string, 4)
		c, err := mqtt.New(mqtt.Config{
			URL: fmt.Sprintf("ssl://127.0.0.1:%v", ports[1]), Username: platformUser, Password: "0123456789abcdef0123", ClientID: "platform",
			TLS: &tls.Config{RootCAs: roots}, OnUp: func(context.Context) { wake(up) },
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Subscribe("modellregion/v1/rathaus/devices", 1, func(_ context.Context, m mqtt.Message) { got <- string(m.Payload) })
		goOn(t, c.Run)
		select {
		case <-up:
		case <-time.After(20 * time.Second):
			t.Fatal("Mosquitto does not let the platform in")
		}
		return c, got
	}
	stop := broker()
	client, got := platform()
	if err := client.Publish(t.Context(), mqtt.Message{Topic: "modellregion/v1/rathaus/devices", Payload: []byte("list"), QoS: 1, Retained: true}); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "list" {
		t.Errorf("got %q", text)
	}
	stop()
	broker()
	select { // its subscription is made again, and answered with what was kept
	case text := <-got:
		if text != "list" {
			t.Errorf("after a restart: %q", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("after a restart the retained message is gone")
	}
}
