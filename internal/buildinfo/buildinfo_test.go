package buildinfo

import (
	"runtime/debug"
	"testing"
)

func TestDescribe(t *testing.T) {
	platform := []debug.BuildSetting{{Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm"}}
	commit := append(platform, debug.BuildSetting{Key: "vcs.revision", Value: "7e33a9f0fe0220f3c46b9db80ecc741b9c9c0085"},
		debug.BuildSetting{Key: "vcs.time", Value: "2026-11-29T23:14:27Z"})
	changed := append(commit, debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, tc := range []struct {
		name              string
		info              *debug.BuildInfo
		version, describe string
	}{
		{"nothing", nil, "dev", "dev"},
		{"go run", &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}, Settings: platform},
			"dev", "dev (no commit; go1.26.8 linux/arm)"},
		{"release", &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.1.0"}, Settings: commit},
			"v0.1.0", "v0.1.0 (commit 7e33a9f0fe02 of 2026-11-29; go1.26.8 linux/arm)"},
		{"changed", &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v0.1.0+dirty"}, Settings: changed},
			"v0.1.0+dirty", "v0.1.0+dirty (commit 7e33a9f0fe02 of 2026-11-29 with changes; go1.26.8 linux/arm)"},
	} {
		if got := version(tc.info); got != tc.version {
			t.Errorf("%s: version %q, want %q", tc.name, got, tc.version)
		}
		if got := describe(tc.info); got != tc.describe {
			t.Errorf("%s: described as %q, want %q", tc.name, got, tc.describe)
		}
	}
}
