//go:build !unix

package sensorthings

import "os"

// lock does nothing where there is no flock(2): there one process alone may
// assign.
func lock(*os.File) error { return nil }
