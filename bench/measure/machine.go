package measure

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// PrintMachine writes what every figure depends on: the date, the processor,
// the system, and how busy it was already.
func PrintMachine(w io.Writer) error {
	memory := field("/proc/meminfo", "MemTotal")
	_, err := fmt.Fprintf(w, "%s, %s, %d cores, %s memory, Linux %s, %s %s, load %s\n\n",
		time.Now().Format(time.DateOnly), field("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory,
		text("/proc/sys/kernel/osrelease"), runtime.Version(), runtime.GOARCH, text("/proc/loadavg"))
	return err
}

// field returns what stands behind the name and a colon in a file of /proc.
func field(path, name string) string {
	for line := range strings.Lines(text(path)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// text returns a file of /proc, or "unknown": a figure without it is still one.
func text(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}
