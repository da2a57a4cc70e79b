package influx

import (
	"context"
	"fmt"
	"time"

	"modellregion/devices"
	"modellregion/uplink"
)

// bytesPerReport is about what a report with four readings takes.
const bytesPerReport = 400

// Write stores the reports of a batch with their receptions and doubts in one
// request, and in a second the marks that tell the aggregation which windows
// they touch. A nil error means that all of it survives a crash of both sides;
// writing it again changes nothing. Every error is, or wraps, a
// *devices.WriteError (writeError says which is which): the server may have
// all, none or a part of the batch then.
func (c *Client) Write(ctx context.Context, batch []devices.Report) error {
	l, used := c.lines.Get().(*lines)
	if !used || cap(l.buf) < len(batch)*bytesPerReport {
		l = &lines{buf: make([]byte, 0, len(batch)*bytesPerReport)}
	}
	l.buf, l.err = l.buf[:0], nil
	marks := map[mark]bool{}
	var last mark
	for i := range batch {
		l.report(&batch[i])
		if l.err != nil {
			return fmt.Errorf("encode report of device %s: %w", batch[i].Device, l.err)
		}
		if m := (mark{batch[i].Domain, batch[i].Time.Unix() / secondsPerWindow}); m != last {
			marks[m], last = true, m
		}
	}
	c.pairs.RLock()
	defer c.pairs.RUnlock()
	if err := c.send(ctx, Raw, l); err != nil {
		return err
	}
	c.lines.Put(l)
	// The marks follow in a request of their own: within one, the server
	// writes days in any order, and a mark seen before its readings would
	// have the window computed without them for ever.
	return c.send(ctx, Raw, encodeMarks(marks, c.now()))
}

// report adds a line for each channel, for each reception and for each doubt.
func (l *lines) report(r *devices.Report) {
	for i := range r.Readings {
		channel := r.Readings[i].Channel
		if hasChannel(r.Readings[:i], channel) {
			continue
		}
		l.begin(string(r.Domain))
		l.tag(TagChannel, channel)
		l.eui(TagDevice, r.Device)
		l.tag(TagMunicipality, r.Municipality)
		l.tag(TagStation, r.Station)
		for j := i; j < len(r.Readings); j++ {
			if r.Readings[j].Channel == channel {
				l.number(r.Readings[j].Quantity.Name, r.Readings[j].Value)
			}
		}
		l.end(r.Time)
	}
	for i := range r.RX {
		l.begin(MeasurementRadio)
		l.eui(TagDevice, r.Device)
		l.eui(TagGateway, r.RX[i].Gateway)
		l.number(FieldRSSI, float64(r.RX[i].RSSIdBm))
		l.number(FieldSNR, r.RX[i].SNRdB)
		l.number(FieldDR, float64(r.DR))
		l.number(FieldFCnt, float64(r.FCnt))
		if r.Lost > 0 { // each value costs the server two microseconds
			l.number(FieldLost, float64(r.Lost))
		}
		l.end(r.Time)
	}
	for i := range r.Doubts {
		l.doubt(r, &r.Doubts[i])
	}
}

func hasChannel(readings []devices.Reading, channel string) bool {
	for i := range readings {
		if readings[i].Channel == channel {
			return true
		}
	}
	return false
}

func (l *lines) doubt(r *devices.Report, d *devices.Doubt) {
	l.begin(MeasurementQuality)
	l.tag(TagChannel, d.Channel)
	l.eui(TagDevice, r.Device)
	l.tag(TagMark, string(d.Mark))
	l.tag(TagMunicipality, r.Municipality)
	if d.Quantity != nil {
		l.tag(TagQuantity, d.Quantity.Name)
	}
	l.tag(TagStation, r.Station)
	l.number(FieldPrevious, d.Previous)
	l.number(FieldValue, d.Value)
	l.end(r.Time)
}

// PlaceDevices stores where devices are, at the given time.
func (c *Client) PlaceDevices(ctx context.Context, list []devices.Device, at time.Time) error {
	for len(list) > 0 {
		n := min(len(list), lineBatch)
		var l lines
		for i := range list[:n] {
			l.place(&list[i], at)
		}
		if err := c.send(ctx, Raw, &l); err != nil {
			return fmt.Errorf("keep places of devices: %w", err)
		}
		list = list[n:]
	}
	return nil
}

func (l *lines) place(d *devices.Device, at time.Time) {
	l.begin(MeasurementPlace)
	l.eui(TagDevice, d.EUI)
	l.tag(TagDomain, string(d.Domain))
	l.tag(TagMunicipality, d.Municipality)
	l.tag(TagName, d.Name)
	l.tag(TagStation, d.Station)
	l.number(FieldLat, d.Place.Lat)
	l.number(FieldLon, d.Place.Lon)
	l.end(at)
}

// mark names a window of a domain that got readings: its begin divided by
// devices.DirtyWindow, since 1970.
type mark struct {
	domain uplink.Domain
	window int64
}

// secondsPerWindow is the length of a window.
const secondsPerWindow = int64(devices.DirtyWindow / time.Second)

// encodeMarks writes a mark for each window, and for the one after it, whose
// meter differences begin with the last reading before it. Its time is the
// second of arrival plus the number of the window as nanoseconds, so that the
// marks of one second for one window are one point; the field "at" holds the
// rest of the second and so differs from one write to the next.
func encodeMarks(marks map[mark]bool, now time.Time) *lines {
	all := make(map[mark]bool, 2*len(marks))
	for m := range marks {
		all[m] = true
		if next := m.window + 1; next*secondsPerWindow <= now.Unix() {
			all[mark{m.domain, next}] = true
		}
	}
	var l lines
	second := now.Truncate(time.Second)
	for m := range all {
		l.begin(MeasurementDirty)
		l.tag(TagDomain, string(m.domain))
		l.number(FieldAt, float64(now.Sub(second)))
		l.number(FieldWindow, float64(m.window*secondsPerWindow))
		l.end(second.Add(time.Duration(m.window % int64(time.Second))))
	}
	return &l
}
