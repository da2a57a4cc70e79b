package portal

import (
	"fmt"
	"image"
	"image/color"
	pixels "image/draw"
	"math"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"modellregion/devices"
	"modellregion/uplink"
)

// Size of a picture, which is what services show of a page.
const pictureWidth, pictureHeight = 1200, 630

// The colours are those of the dark theme of base.css.
var (
	paintBack  = color.RGBA{0x0d, 0x2c, 0x3b, 0xff}
	paintInk   = color.RGBA{0xff, 0xff, 0xff, 0xff}
	paintQuiet = color.RGBA{0xb9, 0xd3, 0xdc, 0xff}
	paintDark  = color.RGBA{0x0c, 0x15, 0x1b, 0xff}
	paintTones = map[uplink.Domain]color.RGBA{
		uplink.Traffic: {0x6c, 0xb6, 0xf3, 0xff}, uplink.Energy: {0xef, 0xa8, 0x4a, 0xff},
		uplink.Road: {0xc5, 0xa5, 0xef, 0xff}, uplink.Environment: {0x55, 0xcf, 0xae, 0xff},
	}
)

// fonts are the Go fonts (3-clause BSD licence, as Go), which have the letters
// of both languages.
type fonts struct{ regular, bold *opentype.Font }

func loadFonts() (fonts, error) {
	regular, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return fonts{}, fmt.Errorf("read font of pictures: %w", err)
	}
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return fonts{}, fmt.Errorf("read font of pictures: %w", err)
	}
	return fonts{regular, bold}, nil
}

// painter draws one picture. What goes wrong first stays in err.
type painter struct {
	img   *image.RGBA
	fonts fonts
	err   error
}

func newPainter(f fonts) *painter {
	p := &painter{img: image.NewRGBA(image.Rect(0, 0, pictureWidth, pictureHeight)), fonts: f}
	pixels.Draw(p.img, p.img.Bounds(), image.NewUniform(paintBack), image.Point{}, pixels.Src)
	return p
}

// text writes a line with its base at y, cut to a width, and returns where it
// ends. Negative widths mean: centred at x.
func (p *painter) text(f *opentype.Font, size float64, x, y, width int, c color.Color, text string) int {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		p.err = fmt.Errorf("set text of a picture: %w", err)
		return x
	}
	defer face.Close()
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(c), Face: face}
	runes := []rune(text)
	for width > 0 && d.MeasureString(text).Ceil() > width && len(runes) > 1 {
		runes = runes[:len(runes)-1]
		text = string(runes) + "…"
	}
	if width < 0 {
		x -= d.MeasureString(text).Ceil() / 2
	}
	d.Dot = fixed.P(x, y)
	d.DrawString(text)
	return d.Dot.X.Ceil()
}

// spot is a point of a picture.
type spot struct{ x, y float32 }

// polygon fills what is within the points.
func (p *painter) polygon(c color.Color, points ...spot) {
	if len(points) < 3 {
		return
	}
	r := vector.NewRasterizer(pictureWidth, pictureHeight)
	r.MoveTo(points[0].x, points[0].y)
	for _, one := range points[1:] {
		r.LineTo(one.x, one.y)
	}
	r.ClosePath()
	r.Draw(p.img, p.img.Bounds(), image.NewUniform(c), image.Point{})
}

// line draws from point to point. All of it is one shape: where two pieces
// meet, nothing is painted twice.
func (p *painter) line(c color.Color, width float32, points []spot) {
	r := vector.NewRasterizer(pictureWidth, pictureHeight)
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		dx, dy := b.x-a.x, b.y-a.y
		n := float32(math.Hypot(float64(dx), float64(dy)))
		if n == 0 {
			continue
		}
		dx, dy = dx/n*width/2, dy/n*width/2
		a.x, a.y, b.x, b.y = a.x-dx/2, a.y-dy/2, b.x+dx/2, b.y+dy/2 // a little longer, so that bends close
		r.MoveTo(a.x-dy, a.y+dx)
		r.LineTo(b.x-dy, b.y+dx)
		r.LineTo(b.x+dy, b.y-dx)
		r.LineTo(a.x+dy, a.y-dx)
		r.ClosePath()
	}
	r.Draw(p.img, p.img.Bounds(), image.NewUniform(c), image.Point{})
}

// glyph draws the mark of a domain: the shape and letter that it has on the map.
func (p *painter) glyph(d uplink.Domain, letter string, x, y, size float32) {
	tone := paintTones[d]
	place := func(px, py float32) spot { return spot{x + px*size/24, y + py*size/24} }
	switch d {
	case uplink.Energy:
		p.polygon(tone, place(2, 2), place(22, 2), place(22, 22), place(2, 22))
	case uplink.Road:
		p.polygon(tone, place(12, .6), place(23.4, 12), place(12, 23.4), place(.6, 12))
	case uplink.Environment:
		p.polygon(tone, place(6.6, 1.8), place(17.4, 1.8), place(23, 12), place(17.4, 22.2), place(6.6, 22.2), place(1, 12))
	default:
		p.disc(tone, place(12, 12), 10.5*size/24)
	}
	p.text(p.fonts.bold, float64(size)*.52, int(x+size/2), int(y+size*.68), -1, paintDark, letter)
}

func (p *painter) disc(c color.Color, middle spot, radius float32) {
	const k = .5523 // of a circle in four curves
	r := vector.NewRasterizer(pictureWidth, pictureHeight)
	x, y, o := middle.x, middle.y, radius*k
	r.MoveTo(x+radius, y)
	r.CubeTo(x+radius, y+o, x+o, y+radius, x, y+radius)
	r.CubeTo(x-o, y+radius, x-radius, y+o, x-radius, y)
	r.CubeTo(x-radius, y-o, x-o, y-radius, x, y-radius)
	r.CubeTo(x+o, y-radius, x+radius, y-o, x+radius, y)
	r.ClosePath()
	r.Draw(p.img, p.img.Bounds(), image.NewUniform(c), image.Point{})
}

// Where the course of a day stands in a picture.
const courseLeft, courseRight, courseTop, courseBottom = 660, pictureWidth - 72, 270, 500

// course draws the lines of a day, the first channel in the tone.
func (p *painter) course(a *asked, rows []devices.Aggregate, tone color.Color) {
	if len(rows) == 0 {
		return
	}
	low, high := extent(a.q, rows, nil)
	x := func(t time.Time) float32 {
		return courseLeft + (courseRight-courseLeft)*float32(t.Sub(a.span.Start))/float32(a.span.End.Sub(a.span.Start))
	}
	y := func(v float64) float32 { return courseBottom - (courseBottom-courseTop)*float32((v-low)/(high-low)) }
	p.line(paintQuiet, 2, []spot{{courseLeft, courseBottom + 8}, {courseRight, courseBottom + 8}})
	var points []spot
	f, now, c := scaleOf(a.q).factor, time.Now(), tone
	for i := range rows {
		row := &rows[i]
		if i > 0 && (rows[i-1].Channel != row.Channel || row.Start.After(a.window.End(rows[i-1].Start))) {
			p.line(c, 5, points)
			points = points[:0]
			if rows[i-1].Channel != row.Channel {
				c = paintQuiet
			}
		}
		if end := a.window.End(row.Start); !amounts(a.q) || !end.After(now) {
			points = append(points, spot{x(row.Start.Add(end.Sub(row.Start) / 2)), y(row.Value() * f)})
		}
	}
	p.line(c, 5, points)
}
