package importer

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// Print writes the report for people: a line for each device, below it what
// failed, what is broken, and what needs a mapping.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	r.printTable(&b)
	r.printFailures(&b)
	r.printFaults(&b)
	r.printUnmapped(&b)
	r.printSkipped(&b)
	r.printSummary(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) printTable(b *strings.Builder) {
	if len(r.Devices) == 0 {
		return
	}
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tVENDOR\tDEVICE\tCODEC\tPASSED\tFAILED\tEXAMPLES")
	for _, d := range r.Devices {
		examples := fmt.Sprint(d.Codec.Examples())
		if examples == "0" {
			examples = "none"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", d.Profile.ID, printable(d.Vendor), printable(d.Model), printable(d.Codec.Name), d.Codec.Passed, len(d.Codec.Failures), examples)
	}
	_ = t.Flush() // into memory
}

func (r *Report) printFailures(b *strings.Builder) {
	n, _ := r.Failed()
	if n == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s failed:\n", count(n, "example"))
	for _, c := range r.Codecs {
		for _, f := range c.Failures {
			fmt.Fprintf(b, "  %s  %s: %s\n", printable(f.File), f.Call, printable(f.Example))
			for _, d := range f.Diffs {
				fmt.Fprintf(b, "    %s\n", printable(d.String()))
			}
		}
	}
}

func (r *Report) printFaults(b *strings.Builder) {
	if len(r.Faults) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s broken:\n", isAre(len(r.Faults)+r.More, "entry", "entries"))
	for _, f := range r.Faults {
		fmt.Fprintf(b, "  %s\n", printable(f.Error()))
	}
	if r.More > 0 {
		fmt.Fprintf(b, "  and %d more\n", r.More)
	}
}

// printUnmapped prints what an operator has to write a map for.
func (r *Report) printUnmapped(b *strings.Builder) {
	head := false
	for _, c := range r.Codecs {
		if len(c.Unmapped) == 0 {
			continue
		}
		if !head {
			b.WriteString("\nFields that are no quantity yet; a map in the profile makes them one:\n")
			head = true
		}
		list := c.Unmapped
		more := ""
		if len(list) > 20 {
			list, more = list[:20], fmt.Sprintf(" and %d more", len(list)-20)
		}
		fmt.Fprintf(b, "  %s: %s%s\n", printable(c.Name), printable(strings.Join(list, ", ")), more)
	}
}

func (r *Report) printSkipped(b *strings.Builder) {
	reasons := map[string][]string{}
	for _, s := range r.Skipped {
		reasons[s.Reason] = append(reasons[s.Reason], printable(s.File))
	}
	for i, reason := range slices.Sorted(maps.Keys(reasons)) {
		if i == 0 {
			b.WriteString("\nSkipped:\n")
		}
		list := reasons[reason]
		more := ""
		if len(list) > 5 {
			list, more = list[:5], fmt.Sprintf(" and %d more", len(list)-5)
		}
		fmt.Fprintf(b, "  %s: %s%s\n", reason, strings.Join(list, ", "), more)
	}
}

func (r *Report) printSummary(b *strings.Builder) {
	passed, failed, none := 0, 0, 0
	for _, c := range r.Codecs {
		passed += c.Passed
		failed += len(c.Failures)
		if c.Examples() == 0 {
			none++
		}
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%s: %s with %s, of which %d without examples; %s passed, %d failed; %s broken, %d skipped\n", r.Layout,
		count(len(r.Devices), "device"), count(len(r.Codecs), "codec"), none, count(passed, "example"), failed,
		isAre(len(r.Faults)+r.More, "entry", "entries"), len(r.Skipped))
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func isAre(n int, one, many string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return fmt.Sprintf("%d %s are", n, many)
}

// printable keeps what strangers write from steering the terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return ' '
		case !unicode.IsPrint(c):
			return '?'
		}
		return c
	}, s)
}
