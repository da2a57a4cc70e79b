package measure

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	for _, tc := range []struct {
		stat string
		want time.Duration
		err  string
	}{
		{"12 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0", 1750 * time.Millisecond, ""},
		{"12 (x) S 1 2 3", 0, "stat is"},
		{"", 0, "stat is"},
		{"12 (x) S 1 2 3 4 5 6 7 8 9 10 u 25", 0, "user time"},
		{"12 (x) S 1 2 3 4 5 6 7 8 9 10 1 s", 0, "system time"},
	} {
		got, err := cpuTime([]byte(tc.stat))
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%q: %v, %v; want %v, %q", tc.stat, got, err, tc.want, tc.err)
		}
	}
}

func TestReadUsage(t *testing.T) {
	u, err := ReadUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.Resident < 1<<20 || u.Peak < u.Resident {
		t.Errorf("this process has %d bytes in memory and had at most %d", u.Resident, u.Peak)
	}
	if _, err := ReadUsage(1 << 30); err == nil {
		t.Error("a process that is not there has been measured")
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	for q, want := range map[float64]float64{0: 1, 0.5: 2.5, 1: 4} {
		if got := Quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if values[0] != 4 {
		t.Error("the values were sorted in place")
	}
	if got := Quantile(nil, 0.5); got == got {
		t.Errorf("the median of nothing is %v", got)
	}
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   string
	}{
		{nil, ""},
		{[]float64{3}, "3"},
		{[]float64{12_345.6, 9_876, 1_234_567}, "12,346 (9,876–1,234,567)"},
		{[]float64{0.01234, 0.02, 0.5}, "0.02 (0.0123–0.5)"},
		{[]float64{-1234, -1234}, "-1,234"},
		{[]float64{45.67, 45.67}, "45.7"},
		{[]float64{0}, "0"},
	} {
		if got := spread(tc.values); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.values, got, tc.want)
		}
	}
}

func TestTable(t *testing.T) {
	var table Table
	table.Add("one", "frames/s", 10)
	table.Add("eight", "frames/s", 20)
	table.Add("eight", "frames/s", 30)
	table.Add("eight", "memory, MB", 5)
	var out strings.Builder
	if err := table.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"| median (min–max) | one | eight      |\n" +
		"|---               |---  |---         |\n" +
		"| frames/s         | 10  | 25 (20–30) |\n" +
		"| memory, MB       |     | 5          |\n\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}
