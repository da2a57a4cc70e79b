package derived

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"modellregion/devices"
)

var update = flag.Bool("update", false, "print the table of derived quantities into the handbook")

// TestHandbook wants the table of both pages to be the one of the program, and
// the pages to have the same examples.
func TestHandbook(t *testing.T) {
	const begin, end = "<!-- quantities -->\n", "<!-- /quantities -->"
	lines := map[string]int{}
	for path, head := range map[string]string{
		"../../docs/handbuch/abgeleitetes.md": "| Größe | was sie ist | Einheit | aus | Zustände, ab Code 0 |\n|---|---|---|---|---|\n",
		"../../docs/handbook/derived.md":      "| quantity | what it is | unit | from | states, from code 0 on |\n|---|---|---|---|---|\n",
	} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		table := head
		for _, q := range devices.Quantities() {
			if Inputs(q.Name) == nil {
				continue
			}
			text := q.En
			if strings.Contains(path, "handbuch") {
				text = q.De
			}
			table += fmt.Sprintf("| `%s` | %s | %s | `%s` | %s |\n", q.Name, text, q.Symbol(), strings.Join(Inputs(q.Name), "`, `"), strings.Join(q.Categories, ", "))
		}
		before, rest, ok1 := strings.Cut(string(page), begin)
		old, after, ok2 := strings.Cut(rest, end)
		if !ok1 || !ok2 {
			t.Fatalf("%s has no place for the table", path)
		}
		if *update {
			if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if old != table {
			t.Errorf("%s has another table than the program: go test ./opendata/derived -update", path)
		}
		lines[path] = strings.Count(before+after, "\n|")
	}
	if de, en := lines["../../docs/handbuch/abgeleitetes.md"], lines["../../docs/handbook/derived.md"]; de != en {
		t.Errorf("%d lines of tables in German, %d in English", de, en)
	}
}
