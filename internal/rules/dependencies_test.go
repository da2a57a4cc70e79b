package rules

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDependenciesAreExplained: each direct dependency has its line.
func TestDependenciesAreExplained(t *testing.T) {
	base := root(t)
	table, err := os.ReadFile(filepath.Join(base, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = base
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if len(mod.Require) == 0 {
		t.Fatal("go.mod requires nothing: the test is broken")
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(table), "`"+r.Path+"`") {
			t.Errorf("docs/dependencies.md does not say why %s is needed", r.Path)
		}
	}
}
