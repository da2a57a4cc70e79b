package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"modellregion/internal/commandlines"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The unit, the image and OpenWrt's script call the program as it wants to be
// called: all that they lack is the configuration.
func TestCommandLinesInDeploy(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	var lines [][]string
	for _, m := range regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindAllStringSubmatch(deployed(t, "systemd/edge-gateway.service"), -1) {
		for _, line := range commandlines.Shell(m[1], "edge-gateway") {
			lines = append(lines, line.Args)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^CMD (\["run".*\])$`).FindAllStringSubmatch(deployed(t, "docker/Dockerfile"), -1) {
		var args []string
		if err := json.Unmarshal([]byte(m[1]), &args); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, args)
	}
	for _, m := range regexp.MustCompile(`(?m)"\$PROGRAM" (.*"\$CONFIG")`).FindAllStringSubmatch(deployed(t, "gateways/openwrt/edge-gateway.init"), -1) {
		lines = append(lines, strings.Fields(strings.ReplaceAll(m[1], `"$CONFIG"`, "x.yaml")))
	}
	if len(lines) != 4 {
		t.Errorf("found %d command lines, want 4: %q", len(lines), lines)
	}
	for _, args := range lines {
		args[len(args)-1] = missing
		if err := run(t.Context(), args, io.Discard, io.Discard); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("edge-gateway %q: %v", args, err)
		}
	}
	if out, err := exec.Command("sh", "-n", "../../deploy/gateways/openwrt/edge-gateway.init").CombinedOutput(); err != nil {
		t.Errorf("OpenWrt's script: %v\n%s", err, out)
	}
}

// What gateways are told to send to is where the example listens.
func TestGatewaysInDeploy(t *testing.T) {
	cfg, err := loadConfig(example)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(cfg.UDP)
	if err != nil {
		t.Fatal(err)
	}
	var forwarder struct {
		Gateway struct {
			Server string `json:"server_address"`
			Up     int    `json:"serv_port_up"`
			Down   int    `json:"serv_port_down"`
		} `json:"gateway_conf"`
	}
	if err := json.Unmarshal([]byte(deployed(t, "gateways/global_conf.json")), &forwarder); err != nil {
		t.Fatal(err)
	}
	if g := forwarder.Gateway; g.Server != host || strconv.Itoa(g.Up) != port || strconv.Itoa(g.Down) != port {
		t.Errorf("the packet forwarder sends to %+v, and the edge hears %s", g, cfg.UDP)
	}
	if !json.Valid([]byte(deployed(t, "gateways/station/station.conf"))) {
		t.Error("station.conf is no JSON")
	}
	if key := deployed(t, "gateways/station/tc.key"); !regexp.MustCompile(`^Authorization: Bearer \w+\r\n$`).MatchString(key) {
		t.Errorf("tc.key %q", key)
	}
}
