package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"modellregion/bench/measure"
)

// shown is what the browser says of a page, in milliseconds since it was asked
// for.
type shown struct {
	Paint    float64 `json:"paint"`    // first contentful paint
	Map      float64 `json:"map"`      // until all stations are drawn
	Stations int     `json:"stations"` // on the map
	KB       float64 `json:"kb"`       // sent for the page and all that it loads, compressed
}

const readPage = `({
	paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
	map: performance.getEntriesByName("map-shown")[0].startTime,
	stations: Number(document.getElementById("map").dataset.shown),
	kb: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].reduce((sum, e) => sum + e.transferSize, 0) / 1000,
})`

// visit opens the page in a new browser, and adds what it measures.
func visit(ctx context.Context, url string, s settings, picture string, add func(row string, v float64)) error {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("find chromium: %w", err)
	}
	profile, err := os.MkdirTemp("", "bench-portal-")
	if err != nil {
		return fmt.Errorf("make a folder for the browser: %w", err)
	}
	defer os.RemoveAll(profile)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()
	defer func() { _ = chromedp.Cancel(ctx) }() // waits until it is gone, so that its folder can be removed
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 1400), chromedp.Navigate(url+"/"), chromedp.WaitReady(chromedp.CSS(`#map[data-ready]`))); err != nil {
		return fmt.Errorf("open the page: %w", err)
	}
	page, err := chromedp.Run(ctx, chromedp.Evaluate[shown](readPage))
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	if page.Stations != s.stations {
		return fmt.Errorf("the map shows %d stations, want %d", page.Stations, s.stations)
	}
	add("first paint, ms", page.Paint)
	add("map drawn, ms", page.Map)
	add("sent, kB", page.KB)
	for _, view := range []struct{ name, hash string }{{"region", "9/51.45/7.6"}, {"town", "13/51.7189/8.7575"}, {"streets", "15/51.7189/8.7575"}} {
		if err := drag(ctx, view.name, view.hash, s.steps, add); err != nil {
			return fmt.Errorf("drag the map of the %s: %w", view.name, err)
		}
	}
	if picture == "" {
		return nil
	}
	image, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("take a picture: %w", err)
	}
	return os.WriteFile(picture, image, 0o600)
}

// box is the middle of the map on the screen.
type box struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// frames begins to note when frames are drawn.
const frames = `(() => {
	window.frames_ = [];
	window.watching = true;
	const note = (t) => { window.frames_.push(t); if (window.watching) requestAnimationFrame(note); };
	requestAnimationFrame(note);
})()`

// taken ends it, and returns the times between them.
const taken = `(() => {
	window.watching = false;
	return window.frames_.slice(1).map((t, i) => t - window.frames_[i]);
})()`

// drag moves the map by the pointer, back and forth, as fast as the browser
// takes it.
func drag(ctx context.Context, name, hash string, steps int, add func(row string, v float64)) error {
	at, err := chromedp.Run(ctx, chromedp.Evaluate[box](`(() => {
		location.hash = "map=`+hash+`";
		document.getElementById("map").scrollIntoView({ block: "center" });
		const r = document.getElementById("map").getBoundingClientRect();
		return { x: r.x + r.width / 2, y: r.y + r.height / 2 };
	})()`))
	if err != nil {
		return err
	}
	send := func(kind input.DispatchMouseEventType, dx float64) error {
		_, err := chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: at.X + dx, Y: at.Y + dx/4, Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1,
		})
		return err
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](frames)); err != nil {
		return err
	}
	if err := send(input.DispatchMouseEventTypeMousePressed, 0); err != nil {
		return err
	}
	for i := range steps { // out and back by 400 px
		way := 800 * float64(i) / float64(steps)
		if way > 400 {
			way = 800 - way
		}
		if err := send(input.DispatchMouseEventTypeMouseMoved, way); err != nil {
			return err
		}
	}
	if err := send(input.DispatchMouseEventTypeMouseReleased, 0); err != nil {
		return err
	}
	between, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](taken))
	if err != nil {
		return err
	}
	if len(between) < 2 {
		return fmt.Errorf("%d frames were drawn, want more", len(between))
	}
	late := 0
	for _, ms := range between {
		if ms > 34 { // two frames of a screen with 60
			late++
		}
	}
	add(name+": frame p50, ms", measure.Quantile(between, .5))
	add(name+": frame p95, ms", measure.Quantile(between, .95))
	add(name+": frames over 34 ms, %", 100*float64(late)/float64(len(between)))
	return nil
}
