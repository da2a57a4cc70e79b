// Package buildinfo knows what a program can tell of its own build: the version,
// the commit and the compiler, as the Go command wrote them into it. A release
// needs no flags of the linker for that, so two builds of a commit are the same.
package buildinfo

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Unknown is the version of a program that was not built from a commit, as by
// go run or go test.
const Unknown = "dev"

// Version returns the version of this program: its tag, like v0.1.0; between two
// tags one that the Go command makes of the commit (v0.1.1-0.20261130…); +dirty
// when files were changed; or Unknown.
func Version() string {
	info, _ := debug.ReadBuildInfo()
	return version(info)
}

// Describe returns the version and what it was built from, in one line.
func Describe() string {
	info, _ := debug.ReadBuildInfo()
	return describe(info)
}

func version(info *debug.BuildInfo) string {
	if info == nil || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return Unknown
	}
	return info.Main.Version
}

func describe(info *debug.BuildInfo) string {
	if info == nil {
		return Unknown
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	commit := "no commit"
	if revision := set["vcs.revision"]; revision != "" {
		day, _, _ := strings.Cut(set["vcs.time"], "T")
		commit = fmt.Sprintf("commit %.12s of %s", revision, day)
		if set["vcs.modified"] == "true" {
			commit += " with changes"
		}
	}
	return fmt.Sprintf("%s (%s; %s %s/%s)", version(info), commit, info.GoVersion, set["GOOS"], set["GOARCH"])
}
