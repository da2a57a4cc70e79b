package commandlines

import (
	"fmt"
	"strings"
	"testing"
)

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"    m serve region.yaml\n":                           "1:serve region.yaml",
		"Run m serve, or `m serve x`.\n\nm serve x\n":         "",
		"```sh\nm a\nm b   # why\n```\nm c\n":                 "2:a 3:b",
		"    m a \\\n      --flag 1 \\\n      x\n    m b\n":   "1:a --flag 1 x 4:b",
		"    m check 'a b' && m run \"c # d\"\n":              "1:check [a b] 1:run [c # d]",
		"    (umask 077; m add X > f.yaml 2>err) | m in -\n":  "1:add X 1:in -",
		"    sudo -u m /usr/bin/m a\n    K=v m b\n    m: c\n": "1:a 2:b",
		"    go run ./cmd/m demo --help\n    go test ./m\n":   "1:demo --help",
		"    echo m a\n    mm a\n    # m a\n    sudo m a#b\n": "4:a#b",
		"~~~\nm a\n```\nm b\n~~~\n":                           "2:a 4:b",
		"    m a --flag= --other=\"x y\" ''\n":                "1:a --flag= [--other=x y] []",
	} {
		var got []string
		for _, line := range Markdown(text, "m") {
			for i, arg := range line.Args {
				if arg == "" || strings.Contains(arg, " ") {
					line.Args[i] = "[" + arg + "]"
				}
			}
			got = append(got, fmt.Sprintf("%d:%s", line.Number, strings.Join(line.Args, " ")))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: found %q, want %q", text, strings.Join(got, " "), want)
		}
	}
}
