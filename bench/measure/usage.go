package measure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Usage is what a process has cost since its start. See proc(5).
type Usage struct {
	CPU      time.Duration // in user and system mode, of all threads, in steps of 10 ms
	Resident int64         // bytes in memory now
	Peak     int64         // most bytes that were in memory
	Written  int64         // bytes handed to the disk; 0 in a folder that is none
}

// tick is the unit of time in /proc/PID/stat on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// ReadUsage returns what a running process of the same user has cost.
func ReadUsage(pid int) (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Usage{}, fmt.Errorf("read CPU time: %w", err)
	}
	var u Usage
	if u.CPU, err = cpuTime(stat); err != nil {
		return Usage{}, fmt.Errorf("read CPU time of process %d: %w", pid, err)
	}
	for _, f := range []struct {
		file, name string
		unit       int64
		dst        *int64
	}{
		{"status", "VmRSS", 1 << 10, &u.Resident},
		{"status", "VmHWM", 1 << 10, &u.Peak},
		{"io", "write_bytes", 1, &u.Written},
	} {
		var n int64
		if _, err := fmt.Sscan(field(filepath.Join(dir, f.file), f.name), &n); err != nil {
			return Usage{}, fmt.Errorf("read %s of process %d: %w", f.name, pid, err)
		}
		*f.dst = n * f.unit
	}
	return u, nil
}

// cpuTime adds the 14th and 15th field of /proc/PID/stat. The second is the
// program's name in brackets, which may hold spaces and brackets.
func cpuTime(stat []byte) (time.Duration, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat is %.100q", stat)
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("user time: %w", err)
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("system time: %w", err)
	}
	return time.Duration(user+system) * tick, nil
}
