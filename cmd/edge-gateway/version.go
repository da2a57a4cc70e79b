package main

import (
	"fmt"
	"io"

	"modellregion/internal/buildinfo"
)

// version of this program, which the platform sees in the edge's status.
var version = buildinfo.Version()

// showVersion prints the version, the commit and the compiler.
func showVersion(out io.Writer) error {
	_, err := fmt.Fprintln(out, buildinfo.Describe())
	return err
}
