package files

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"modellregion/opendata"
)

// Reader serves the folder that a Files of another process writes, or a copy of
// it. It changes nothing in there, so that the folder may be mounted read-only.
type Reader struct{ files Files }

// OpenReader opens the folder below dir, as in Config, which must be there. Of
// the datasets it takes where a day is now whose address had no window; settled
// is Config.Settled.
func OpenReader(dir string, datasets []opendata.Dataset, settled time.Duration) (*Reader, error) {
	root, err := os.OpenRoot(filepath.Join(dir, "data"))
	if err != nil {
		return nil, fmt.Errorf("open folder of public files: %w", err)
	}
	return &Reader{Files{cfg: Config{Dir: dir, Datasets: datasets, Settled: settled}, root: root}}, nil
}

// ServeHTTP answers as Files.ServeHTTP does. A file that the other process
// replaces is seen within a second.
func (r *Reader) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.files.ServeHTTP(w, req) }

// Close lets go of the folder. ServeHTTP may not be used afterwards.
func (r *Reader) Close() error { return r.files.Close() }
