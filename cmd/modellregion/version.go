package main

import (
	"fmt"

	"modellregion/internal/buildinfo"
)

// version of this program, which dashboards and backups name too.
var version = buildinfo.Version()

type versionCmd struct{}

// Run prints the version, the commit and the compiler.
func (versionCmd) Run(t *terminal) error {
	_, err := fmt.Fprintln(t.out, buildinfo.Describe())
	return err
}
