package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Pixels of a plan: of a unit of Grafana's grid across and down, of a gap, and
// of a row's title.
const (
	planUnit, planDown   = 32, 10
	planGap, planHeading = 3, 26
)

// planPanel is what a plan shows of a panel.
type planPanel struct {
	Type, Title string
	Collapsed   bool
	GridPos     struct{ X, Y, W, H int }
	Panels      []planPanel // of a row that is collapsed
}

// The handbook shows what is where on each dashboard: its panels to scale, how
// they draw and what they are called.
func TestPlans(t *testing.T) {
	pages := ""
	for _, path := range []string{"../docs/handbuch/dashboards.md", "../docs/handbook/dashboards.md"} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages += string(page)
	}
	for _, d := range all(t) {
		name := filepath.Join("..", "docs", "images", strings.Replace(d.UID, "modellregion", "leitstand", 1)+".svg")
		got := plan(t, d)
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the dashboard looks like; go test ./dashboards -update draws it anew", name)
		}
		if n := strings.Count(pages, "(../images/"+filepath.Base(name)+")"); n != 2 {
			t.Errorf("%s is shown %d times in the handbook, want once in each language", name, n)
		}
	}
}

func plan(t *testing.T, d Dashboard) []byte {
	t.Helper()
	var doc struct{ Panels []planPanel }
	if err := json.Unmarshal(d.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	var body strings.Builder
	y, row, end := 0, 0, 0 // pixels; the grid's line where the row begins; pixels
	for _, p := range doc.Panels {
		if p.Type == "row" {
			y = end + planGap*2
			row, end = p.GridPos.Y+1, y+planHeading
			mark := "▾ "
			var inside []string
			if p.Collapsed {
				mark = "▸ "
			}
			for _, hidden := range p.Panels {
				inside = append(inside, hidden.Title)
			}
			fmt.Fprintf(&body, `<text x="2" y="%d"><tspan class="row">%s</tspan> %s</text>`+"\n",
				y+17, html.EscapeString(mark+p.Title), html.EscapeString(cut(strings.Join(inside, ", "), 122-9*utf8.RuneCountInString(p.Title)/7)))
			continue
		}
		g := p.GridPos
		top := y + planHeading + (g.Y-row)*planDown
		x, w, h := g.X*planUnit, g.W*planUnit-planGap, g.H*planDown-planGap
		fmt.Fprintf(&body, `<rect class="panel" x="%d" y="%d" width="%d" height="%d" rx="3"/>`, x, top, w, h)
		fmt.Fprintf(&body, `<text x="%d" y="%d">%s</text>`, x+6, top+13, html.EscapeString(cut(p.Title, (w-10)/6)))
		fmt.Fprintf(&body, `<path class="%s" d="%s"/>`+"\n", p.Type, drawn(t, p.Type, x+8, top+19, w-16, h-25))
		end = max(end, top+h)
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">
<style>
svg{color-scheme:light dark}
rect.page{fill:#f4f5f5}rect.panel{fill:#fff;stroke:#d3d6da}
text{font:10.5px system-ui,sans-serif;fill:#24292e}.row{font-weight:600;font-size:12px}
path{fill:none;stroke:#3d71d9;stroke-width:1.5}path.geomap,path.stat{stroke-width:6;stroke-linecap:round}path.bargauge,path.barchart,path.state-timeline{stroke-width:5}path.table{stroke:#9fa7b3;stroke-width:1}
@media(prefers-color-scheme:dark){rect.page{fill:#111217}rect.panel{fill:#181b1f;stroke:#34383e}text{fill:#d8d9da}path{stroke:#6e9fff}path.table{stroke:#6b7280}}
</style>
<rect class="page" width="%[1]d" height="%[2]d"/>
%[4]s</svg>
`, 24*planUnit, end+planGap, html.EscapeString(d.Title), body.String())
}

// cut is text of at most n letters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:n-1]), " ,") + "…"
}

// drawn is the path that stands for what a panel of a type draws in a box.
func drawn(t *testing.T, kind string, x, y, w, h int) string {
	t.Helper()
	heights := []int{35, 50, 40, 65, 85, 60, 75, 45, 30, 55, 70, 50} // %
	var d strings.Builder
	switch kind {
	case "stat":
		fmt.Fprintf(&d, "M%d %dh%d", x, y+h/2, w/3)
	case "timeseries":
		for i, height := range heights {
			fmt.Fprintf(&d, "%c%d %d", "ML"[min(i, 1)], x+i*w/(len(heights)-1), y+h-h*height/100)
		}
	case "barchart":
		for i, height := range heights {
			fmt.Fprintf(&d, "M%d %dv%d", x+4+i*(w-8)/(len(heights)-1), y+h, -h*height/100)
		}
	case "bargauge":
		for line := 0; line*9 < h-4; line++ {
			fmt.Fprintf(&d, "M%d %dh%d", x, y+4+line*9, w*6/(line+7))
		}
	case "state-timeline":
		for line := 0; line*9 < h-2; line++ {
			for i := range 4 {
				fmt.Fprintf(&d, "M%d %dh%d", x+i*w/4+(line*17+i*11)%(w/8), y+3+line*9, w/10)
			}
		}
	case "table":
		for line := 0; line*10 < h; line++ {
			fmt.Fprintf(&d, "M%d %dh%dm%d 0h%dm%d 0h%d", x, y+3+line*10, w/2, w/12, w/6, w/12, w/6)
		}
	case "geomap":
		for i, height := range heights {
			fmt.Fprintf(&d, "M%d %dh.1", x+w/10+(i*7%12)*w/15, y+h*height/100)
		}
	default:
		t.Fatalf("a panel of type %q is not drawn", kind)
	}
	return d.String()
}
