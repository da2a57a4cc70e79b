package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"modellregion/bench/measure"
)

// platformProgram is the name under which the platform is built for this
// machine.
const platformProgram = "modellregion"

// measureSizes builds the programs into dir as for a release, and prints how
// large they are.
func measureSizes(ctx context.Context, dir string, out io.Writer) error {
	var table measure.Table
	for _, p := range []struct{ command, arch, arm, row string }{
		{"modellregion", "amd64", "", "platform, linux/amd64"},
		{"edge-gateway", "arm", "7", "edge-gateway, linux/arm v7"},
		{"edge-gateway", "arm64", "", "edge-gateway, linux/arm64"},
		{"edge-gateway", "amd64", "", "edge-gateway, linux/amd64"},
	} {
		path := filepath.Join(dir, p.command+"-"+p.arch)
		if err := build(ctx, path, p.command, p.arch, p.arm); err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("size of a program: %w", err)
		}
		table.Add("size, MB", p.row, measure.MB(info.Size()))
	}
	if err := build(ctx, filepath.Join(dir, platformProgram), "modellregion", runtime.GOARCH, ""); err != nil {
		return err
	}
	return table.Print(out)
}

// build builds a command of ours without symbols and without C.
func build(ctx context.Context, path, command, arch, arm string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "modellregion/cmd/"+command)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if arm != "" {
		cmd.Env = append(cmd.Env, "GOARM="+arm)
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s for %s: %w\n%s", command, arch, err, text)
	}
	return nil
}
