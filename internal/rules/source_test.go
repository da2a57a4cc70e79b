package rules

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestPackageNamesAndComments(t *testing.T) {
	for path, p := range load(t) {
		if p.doc == "" {
			t.Errorf("%s has no package comment: say what it knows and what it leaves to others", path)
		}
		if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "models", "service", "services"}, p.name) {
			t.Errorf("package %s is called %s, which says nothing: name it after what it knows", path, p.name)
		}
	}
}

// exits are the functions that end the process; only main may.
var exits = map[string][]string{
	"os":  {"Exit"},
	"log": {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"},
}

func TestNoInitAndNoExit(t *testing.T) {
	for path, p := range load(t) {
		for _, file := range p.files {
			tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				continue
			}
			mayExit := p.name == "main" && file == "main.go"
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Recv == nil && n.Name.Name == "init" {
						t.Errorf("%s/%s has a func init: what runs before main cannot be tested, ordered or left out", path, file)
					}
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && !mayExit && slices.Contains(exits[x.Name], n.Sel.Name) {
						t.Errorf("%s/%s uses %s.%s: return an error, main reports it", path, file, x.Name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestFileSizes keeps generated and downloaded things out of the repository.
func TestFileSizes(t *testing.T) {
	const most = 1 << 20
	base := root(t)
	ignored := []string{".git", "bin", "dist", "data"} // as in .gitignore, at the root
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(base, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(ignored, rel) || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(rel, ".test") || strings.HasSuffix(rel, ".out") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > most {
			t.Errorf("%s has %d bytes, at most %d are for a repository", rel, info.Size(), most)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGatewayModules pins what a gateway carries: a new module there is a
// decision, made by running the tests of this package with -update.
func TestGatewayModules(t *testing.T) {
	const golden = "testdata/edge-gateway-deps.txt"
	out := golist(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/edge-gateway")
	mods := strings.Fields(string(out))
	slices.Sort(mods)
	got := strings.Join(slices.Compact(mods), "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("cmd/edge-gateway is made of these modules:\n%swant:\n%sIf that is meant: go test ./internal/rules -update", got, want)
	}
}
