package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// event is something that happens and is over later.
type event struct {
	what        string
	least, most time.Duration
	taken       func() bool // what it would happen to is ill already
	do          func() (undo func())
}

// kinds are one event of each kind, drawn by chance: what it happens to, and
// the mood of a link.
func (c *chaos) kinds() []event {
	edge := c.gateways[c.random.IntN(2)]
	all := []event{
		c.killEdge(edge),
		c.kill(c.ingests[c.random.IntN(2)]), c.kill(c.open), c.kill(c.database),
		c.kill(c.broker), c.forget(),
		c.hold(c.gateways[c.random.IntN(2)].part), c.hold(c.ingests[c.random.IntN(2)]), c.hold(c.open), c.hold(c.database), c.hold(c.broker),
	}
	for _, link := range []string{"edge–broker", "broker–ingest", "ingest–InfluxDB"} {
		for _, how := range []int32{prompt, slow, drip, mute} {
			n := c.random.IntN(2)
			all = append(all, c.disturb(link, n, how))
		}
	}
	if c.disk != "" {
		all = append(all, c.fillDatabase())
	}
	if edge.disk != "" {
		all = append(all, c.fillEdge(edge))
	}
	return all
}

// kill takes a program's power, and starts it again later.
func (c *chaos) kill(p *part) event {
	return event{"kill -9 of " + p.name, time.Millisecond, 6 * time.Second, p.isIll, func() func() {
		p.ill, p.gone = true, true
		p.process.kill()
		return func() {
			p.start()
			p.ill, p.gone = false, false
		}
	}}
}

func (p *part) isIll() bool { return p.ill }

// killWithoutStore kills an ingest while there is no InfluxDB: whoever confirms
// before the write loses what it has confirmed.
func (c *chaos) killWithoutStore(p *part) event {
	e := c.kill(c.database)
	e.what, e.least = "no InfluxDB, and kill -9 of "+p.name+" meanwhile,", 4*time.Second
	e.taken = func() bool { return c.database.ill || p.ill }
	away := e.do
	e.do = func() func() {
		back := away()
		c.until(time.Now().Add(2 * time.Second))
		again := c.kill(p).do()
		return func() {
			again()
			back()
		}
	}
	return e
}

// killEdge is kill for an edge, whose gateways notice.
func (c *chaos) killEdge(g *gateway) event {
	e := c.kill(g.part)
	kill := e.do
	e.do = func() func() {
		restart := kill()
		g.ground()
		return func() {
			restart()
			g.air()
		}
	}
	return e
}

// forget kills the broker, which has lost its file when it comes back.
func (c *chaos) forget() event {
	e := c.kill(c.broker)
	e.what += ", and its file is lost,"
	kill := e.do
	e.do = func() func() {
		restart := kill()
		if err := os.Remove(c.persisted); err != nil && !os.IsNotExist(err) {
			c.t.Error(err)
		}
		return restart
	}
	return e
}

// hold stops a program where it is, as a machine does that is out of memory or
// a virtual one that is moved.
func (c *chaos) hold(p *part) event {
	return event{"SIGSTOP of " + p.name, time.Second, 8 * time.Second, p.isIll, func() func() {
		p.ill = true
		signal := func(s syscall.Signal) {
			if err := p.cmd.Process.Signal(s); err != nil {
				c.t.Error(err)
			}
		}
		signal(syscall.SIGSTOP)
		return func() {
			signal(syscall.SIGCONT)
			p.ill = false
		}
	}}
}

// disturb cuts a link, which is what prompt stands for here, or gives it a mood.
// Who is at the ends of one that was mute learns at last that the connection is
// gone.
func (c *chaos) disturb(link string, n int, how int32) event {
	r := c.links[link][n]
	lasts := 12 * time.Second
	if how == mute && c.length > time.Minute {
		lasts = 45 * time.Second // longer than a keep-alive and its patience
	}
	name := map[int32]string{prompt: "cut", slow: "slow", drip: "one byte at a time on", mute: "half-open"}[how]
	return event{fmt.Sprintf("%s %s %d", name, link, n+1), time.Second, lasts, func() bool { return r.ill }, func() func() {
		r.ill = true
		if how == prompt {
			r.cut()
		}
		r.mood.Store(how)
		return func() {
			if how == mute {
				r.cut()
			}
			r.mood.Store(prompt)
			if how == prompt || how == mute {
				r.open()
			}
			r.ill = false
		}
	}}
}

// fillDatabase fills InfluxDB's disk. Somebody has to start it again then, see
// TestOutageOfTheDisk.
func (c *chaos) fillDatabase() event {
	return event{"no room for InfluxDB", time.Second, 8 * time.Second, c.database.isIll, func() func() {
		c.database.ill = true
		free := c.full(c.disk)
		return func() {
			free()
			c.database.ill = false
			c.database.kill()
			c.database.start()
		}
	}}
}

// fillEdge fills an edge's disk. What it has taken is in its memory then, so
// that it is not killed meanwhile.
func (c *chaos) fillEdge(g *gateway) event {
	return event{"no room for " + g.name, time.Second, 8 * time.Second, g.isIll, func() func() {
		g.ill = true
		free := c.full(g.disk)
		return func() {
			free()
			g.ill = false
		}
	}}
}

// remedy undoes an event.
type remedy struct {
	at   time.Time
	what string
	undo func()
}

// until lets time go by, and undoes what is due meanwhile.
func (c *chaos) until(t time.Time) {
	c.t.Helper()
	for {
		slices.SortFunc(c.pending, func(a, b remedy) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
		next := t
		if len(c.pending) > 0 && c.pending[0].at.Before(t) {
			next = c.pending[0].at
		}
		for time.Now().Before(next) {
			<-time.After(min(time.Until(next), 200*time.Millisecond))
			c.alive()
		}
		if next.Equal(t) {
			return
		}
		r := c.pending[0]
		c.pending = c.pending[1:]
		r.undo()
		c.note("over: " + r.what)
	}
}

// note logs when something happened.
func (c *chaos) note(what string) {
	c.t.Helper()
	c.t.Logf("%s %7.2f s  %s", time.Now().Format("15:04:05.000"), time.Since(c.began).Seconds(), what)
}

// strike lets the events happen, the kinds of them in turn.
func (c *chaos) strike() {
	c.t.Helper()
	c.began = time.Now()
	every := min(10*time.Second, c.length/8)
	end := c.began.Add(c.length)
	for next := c.began.Add(every); !next.After(end); next = time.Now().Add(every) {
		c.until(next)
		if len(c.deck) == 0 {
			c.deck = c.kinds()
			c.random.Shuffle(len(c.deck), func(i, j int) { c.deck[i], c.deck[j] = c.deck[j], c.deck[i] })
			c.deck = slices.Insert(c.deck, 0, c.killWithoutStore(c.ingests[c.random.IntN(2)]))
		}
		i := slices.IndexFunc(c.deck, func(e event) bool { return !e.taken() })
		if i < 0 {
			continue
		}
		e := c.deck[i]
		c.deck = slices.Delete(c.deck, i, i+1)
		lasts := e.least + time.Duration(c.random.Int64N(int64(e.most-e.least)))
		c.note(fmt.Sprintf("%s for %.2f s", e.what, lasts.Seconds()))
		c.events++
		over := time.Now().Add(lasts)
		undo := e.do() // some let time go by, in which others are over
		c.pending = append(c.pending, remedy{over, e.what, undo})
	}
}

// heal waits until all that happened is over.
func (c *chaos) heal() {
	c.t.Helper()
	for len(c.pending) > 0 {
		c.until(c.pending[0].at.Add(time.Millisecond))
	}
}

// full keeps a disk full until the returned function ends it.
func (c *chaos) full(dir string) (free func()) {
	filler := filepath.Join(dir, "filler")
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			err := fill(filler)
			select {
			case <-stop:
				done <- errors.Join(err, os.Remove(filler))
				return
			case <-time.After(20 * time.Millisecond): // what others have freed meanwhile
			}
			if err != nil {
				<-stop
				done <- err
				return
			}
		}
	}()
	return func() {
		close(stop)
		if err := <-done; err != nil {
			c.t.Fatal(err)
		}
	}
}
