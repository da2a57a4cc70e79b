package files

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"modellregion/devices"
	"modellregion/opendata"
)

// grace is how long after its end a day is still running: the readings of its
// last minutes are on their way.
const grace = 10 * time.Minute

func over(end, now time.Time) bool { return !now.Before(end.Add(grace)) }

// settle writes what is owed of a dataset and describes it. With latest it
// writes the latest values too.
func (f *Files) settle(ctx context.Context, s *set, latest bool) error {
	now := time.Now()
	v := f.view(s.d)
	for day := range s.open {
		if over(day.Span().End, now) {
			s.owed[day] = true
		}
	}
	days := slices.SortedFunc(maps.Keys(s.owed), func(x, y opendata.Day) int { return x.Span().Start.Compare(y.Span().Start) })
	for _, day := range days {
		running := !over(day.Span().End, now)
		if running && s.resting(day.String(), now) {
			continue
		}
		began := time.Now()
		if err := f.writeDay(ctx, s, v, day, !running); err != nil {
			return err
		}
		s.rest(day.String(), time.Since(began), time.Now())
		delete(s.owed, day)
	}
	if err := f.settleMonths(ctx, s, v, now); err != nil {
		return err
	}
	changed := len(s.stale) > 0
	s.latestOwed = s.latestOwed || latest && s.d.Households == nil // households are never live
	if s.latestOwed && !s.resting(latestName, now) {
		began := time.Now()
		e, new, err := f.write(ctx, v, period{
			name: latestName, folder: s.d.ID, window: s.d.Base(), formats: allFormats,
		}, s.latest)
		if err != nil {
			return err
		}
		s.rest(latestName, time.Since(began), time.Now())
		s.latest, s.latestOwed, changed = e, false, changed || new
	}
	if !changed {
		return nil
	}
	return f.describe(s)
}

// writeDay writes the files of a day in all windows and the index of its month.
// A window that the dataset has no more but that has files is written too: the
// files would otherwise keep what is to be withdrawn.
func (f *Files) writeDay(ctx context.Context, s *set, v *view, day opendata.Day, complete bool) error {
	m, err := f.readMonth(s.d.ID, monthOf(day))
	if err != nil {
		return err
	}
	windows := slices.Clone(s.d.Windows)
	for _, e := range m.Entries {
		if w := opendata.Window(length(e.Window)); e.Period == day.String() && !slices.Contains(windows, w) {
			windows = append(windows, w)
		}
	}
	changed := false
	for _, w := range windows {
		if err := f.mkdir(s.d.ID + "/" + w.String()); err != nil {
			return err
		}
		old := m.find(w.String(), day.String())
		if !complete && !s.anew && old != nil && old.Rows > f.limit(maxRunning) {
			continue
		}
		p := period{
			name: day.String(), folder: s.d.ID + "/" + w.String(), window: w, complete: complete, formats: allFormats,
			rows: f.read(v, w, day.Span()),
		}
		e, new, err := f.write(ctx, v, p, old)
		if err != nil {
			return fmt.Errorf("day %s of dataset %s: %w", day, s.d.ID, err)
		}
		if new {
			m.put(e)
			changed = true
		}
	}
	if changed {
		if err := f.writeMonth(m); err != nil {
			return err
		}
		s.take(m)
		s.stale[m.Month] = true
	}
	if s.legacy[day] && m.find(s.d.Base().String(), day.String()) != nil {
		if err := f.removeAll(s.d.ID + "/" + day.String() + ".csv"); err != nil {
			return err
		}
		delete(s.legacy, day)
	}
	return nil
}

// settleMonths writes the files of months in which a day that is over changed,
// and of months that are over since they were written last.
func (f *Files) settleMonths(ctx context.Context, s *set, v *view, now time.Time) error {
	for _, name := range slices.Sorted(maps.Keys(s.months)) {
		sum := s.months[name]
		span := monthSpan(name)
		ended := over(span.End, now) && slices.ContainsFunc(sum.Whole, func(e *entry) bool { return !e.Complete })
		if !sum.due && !ended || s.resting(name, now) {
			continue
		}
		began := time.Now()
		if err := f.writeWhole(ctx, s, v, name, now); err != nil {
			return fmt.Errorf("month %s of dataset %s: %w", name, s.d.ID, err)
		}
		s.rest(name, time.Since(began), time.Now())
	}
	return nil
}

func monthSpan(name string) devices.Span {
	first, _ := opendata.ParseDay(name + "-01") // isMonth has seen it
	next := opendata.Day{Year: first.Year, Month: first.Month + 1, Day: 1}
	return devices.Span{Start: first.Span().Start, End: next.Span().Start}
}

// writeWhole writes the files of a month: of its days that are over.
func (f *Files) writeWhole(ctx context.Context, s *set, v *view, name string, now time.Time) error {
	m, err := f.readMonth(s.d.ID, name)
	if err != nil {
		return err
	}
	span := monthSpan(name)
	complete := over(span.End, now)
	if today := opendata.DayOf(now.Add(-grace)).Span().Start; today.Before(span.End) {
		span.End = today
	}
	rows, until := map[string]int{}, map[string]time.Time{}
	for _, e := range m.Entries {
		if !e.isMonth() && e.Complete {
			rows[e.Window] += e.Rows
			if e.Last.After(until[e.Window]) {
				until[e.Window] = e.Last
			}
		}
	}
	for _, window := range sortedKeys(rows) {
		e := &entry{Period: name, Window: window, written: written{Complete: complete, Rows: rows[window]}}
		w, limit, old := opendata.Window(length(window)), f.limit(maxMonth), m.find(window, name)
		made, err := (*entry)(nil), errTooLarge
		if rows[window] <= limit {
			made, _, err = f.write(ctx, v, period{
				name: name, folder: s.d.ID + "/" + window, window: w, complete: complete, formats: monthFormats(w), limit: limit,
				rows: f.read(v, w, span),
			}, old)
		}
		switch {
		case errors.Is(err, errTooLarge):
			for _, format := range monthFormats(w) {
				e.Missing = append(e.Missing, tooMany(format, limit))
			}
			err = f.withdraw(s.d.ID, old)
		case made != nil:
			e = made
		}
		if err != nil {
			return err
		}
		e.Until = until[window]
		m.put(e)
	}
	if err := f.writeMonth(m); err != nil {
		return err
	}
	s.take(m)
	s.stale[name] = true
	return nil
}

// withdraw takes the files of an entry away.
func (f *Files) withdraw(dataset string, e *entry) error {
	if e == nil {
		return nil
	}
	for _, file := range e.Files {
		if err := f.removeAll(dataset + "/" + file.Path); err != nil {
			return err
		}
		if file.Format == string(plainCSV) {
			if err := f.remove(dataset + "/" + file.Path + "-metadata.json"); err != nil {
				return err
			}
		}
	}
	return nil
}

// monthFormats are the formats of a month: those that take millions of rows
// and, where the window leaves fewer, XLSX.
func monthFormats(w opendata.Window) []format {
	if w >= opendata.Hour {
		return []format{plainCSV, germanCSV, inParquet, inXLSX}
	}
	return []format{plainCSV, germanCSV, inParquet}
}
