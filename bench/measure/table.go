package measure

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Table collects the figures of several runs and prints, for each, the median
// and the extremes.
type Table struct {
	cases  []string // columns, in order of appearance
	rows   []string
	values map[[2]string][]float64
}

// Add notes what one run of a case has given.
func (t *Table) Add(column, row string, value float64) {
	if t.values == nil {
		t.values = map[[2]string][]float64{}
	}
	if !slices.Contains(t.cases, column) {
		t.cases = append(t.cases, column)
	}
	if !slices.Contains(t.rows, row) {
		t.rows = append(t.rows, row)
	}
	key := [2]string{column, row}
	t.values[key] = append(t.values[key], value)
}

// Print writes the table in Markdown, which is also legible as it is.
func (t *Table) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintf(tw, "| median (min–max)\t| %s\t|\n", strings.Join(t.cases, "\t| "))
	fmt.Fprintf(tw, "|---%s|\n", strings.Repeat("\t|---", len(t.cases))+"\t")
	for _, row := range t.rows {
		fmt.Fprintf(tw, "| %s\t", row)
		for _, column := range t.cases {
			fmt.Fprintf(tw, "| %s\t", spread(t.values[[2]string{column, row}]))
		}
		fmt.Fprintln(tw, "|")
	}
	fmt.Fprintln(tw)
	return tw.Flush()
}

// spread says "median (min–max)"; nothing for no values, and the value alone
// when all are the same.
func spread(values []float64) string {
	if len(values) == 0 {
		return ""
	}
	lo, mid, hi := digits(slices.Min(values)), digits(Quantile(values, 0.5)), digits(slices.Max(values))
	if lo == hi {
		return mid
	}
	return mid + " (" + lo + "–" + hi + ")"
}

// digits writes a figure with three significant digits or all of its whole
// ones.
func digits(v float64) string {
	decimals := 0
	if v != 0 {
		decimals = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	s := strconv.FormatFloat(v, 'f', min(decimals, 6), 64)
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		return whole + "." + fraction
	}
	return whole
}

// Quantile returns the value below which a share q of the values lies, 0 to 1,
// or NaN without values.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Micros returns d in microseconds.
func Micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Millis returns d in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// MB returns bytes in millions of bytes.
func MB(bytes int64) float64 { return float64(bytes) / 1e6 }
