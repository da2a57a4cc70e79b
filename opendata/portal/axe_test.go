package portal

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// axeFile is where npm ci puts the rules; see testdata/axe.
const axeFile = "testdata/axe/node_modules/axe-core/axe.min.js"

// axeRules returns the script with the rules of accessibility. The test skips
// without it, and fails under CI, unless that says that it cannot be had.
func axeRules(t *testing.T) string {
	t.Helper()
	rules, err := os.ReadFile(axeFile)
	switch {
	case err == nil:
		return string(rules)
	case os.Getenv("CI") == "true" && os.Getenv("WITHOUT_AXE") == "":
		t.Fatalf("axe-core is missing: %v", err)
	}
	t.Skip("axe-core is missing: run npm ci in testdata/axe")
	return ""
}

// finding is a rule that a page breaks, and where.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)", f.ID, f.Help)
	for i, n := range f.Nodes {
		if i == 3 {
			fmt.Fprintf(&b, "\n  and %d more", len(f.Nodes)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %.200s\n    %s", n.HTML, strings.ReplaceAll(n.Summary, "\n", " "))
	}
	return b.String()
}

// axe holds the page at hand against the rules of WCAG 2.1 AA, and those that
// axe-core itself holds for good practice.
func axe(ctx context.Context, rules string) ([]finding, error) {
	there, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`typeof axe !== "undefined"`))
	if err != nil {
		return nil, err
	}
	if !there {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](rules)); err != nil {
			return nil, err
		}
	}
	return chromedp.Run(ctx, chromedp.Evaluate[[]finding](`axe.run(document, {
		runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}, resultTypes: ["violations"], preload: false, iframes: false, performanceTimer: false,
	}).then((r) => r.violations.map((v) => ({id: v.id, help: v.help, nodes: v.nodes.map((n) => ({html: n.html, failureSummary: n.failureSummary}))})))`,
		chromedp.EvalAwaitPromise))
}
