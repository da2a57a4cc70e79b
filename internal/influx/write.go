package influx

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/influxdata/influxdb-client-go/v2/api"
	ihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"modellregion/devices"
	"modellregion/uplink"
)

const maxMessage = 4 << 10 // bytes of a dead letter that are kept

// Write stores the reports of a batch, their receptions, and the marks that
// tell the aggregation which windows they touch. A nil error means that they
// survive a crash of both sides; writing them again changes nothing. After a
// *devices.RefusedError the named reports can never be stored and all others
// are; after any other error the batch has to be written again.
func (c *Client) Write(ctx context.Context, batch []devices.Report) error {
	err := c.writeReports(ctx, batch)
	if !rejected(err) && !tooLarge(err) {
		return err
	}
	var refused devices.RefusedError
	if err := c.bisect(ctx, batch, 0, err, &refused); err != nil {
		return err
	}
	if len(refused.Reports) > 0 {
		return &refused
	}
	return nil
}

// bisect writes the halves of a batch that was rejected with cause, down to
// the single reports that are at fault. offset is the index of batch[0] in the
// whole batch.
func (c *Client) bisect(ctx context.Context, batch []devices.Report, offset int, cause error, refused *devices.RefusedError) error {
	if len(batch) == 1 {
		refused.Reports = append(refused.Reports, devices.RefusedReport{Index: offset, Err: cause})
		return nil
	}
	half := len(batch) / 2
	for _, part := range []struct {
		batch  []devices.Report
		offset int
	}{{batch[:half], offset}, {batch[half:], offset + half}} {
		err := c.writeReports(ctx, part.batch)
		if rejected(err) || tooLarge(err) {
			err = c.bisect(ctx, part.batch, part.offset, err, refused)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) writeReports(ctx context.Context, batch []devices.Report) error {
	var enc lineprotocol.Encoder
	enc.SetPrecision(lineprotocol.Nanosecond)
	marks := map[mark]bool{}
	for i := range batch {
		encodeReport(&enc, &batch[i])
		if err := enc.Err(); err != nil {
			return &unencodable{fmt.Errorf("encode report of device %s: %w", batch[i].Device, err)}
		}
		marks[mark{batch[i].Domain, batch[i].Time.Truncate(devices.DirtyWindow)}] = true
	}
	if err := c.send(ctx, c.raw, Raw, &enc); err != nil {
		return err
	}
	// The marks follow in a request of their own: within one, the server
	// writes days in any order, and a mark seen before its readings would
	// have the window computed without them for ever.
	enc.Reset()
	encodeMarks(&enc, marks, c.now())
	return c.send(ctx, c.raw, Raw, &enc)
}

// send writes what enc holds to a bucket in one request.
func (c *Client) send(ctx context.Context, bucket api.WriteAPIBlocking, name string, enc *lineprotocol.Encoder) error {
	if err := enc.Err(); err != nil {
		return &unencodable{fmt.Errorf("encode points for bucket %s: %w", name, err)}
	}
	if len(enc.Bytes()) == 0 {
		return nil
	}
	if err := bucket.WriteRecord(ctx, string(enc.Bytes())); err != nil {
		return fmt.Errorf("write to bucket %s: %w", name, err)
	}
	return nil
}

// unencodable is a point that has no form in line protocol.
type unencodable struct{ error }

func (u *unencodable) Unwrap() error { return u.error }

// rejected reports whether the server, or line protocol, will never take the
// points as they are. A wrong password (401, 403) or a missing bucket (404) is
// a fault of the installation, not of the points.
func rejected(err error) bool {
	var bad *unencodable
	if errors.As(err, &bad) {
		return true
	}
	var status *ihttp.Error
	return errors.As(err, &status) && (status.StatusCode == http.StatusBadRequest || status.StatusCode == http.StatusUnprocessableEntity)
}

func tooLarge(err error) bool {
	var status *ihttp.Error
	return errors.As(err, &status) && status.StatusCode == http.StatusRequestEntityTooLarge
}

// encodeReport writes a line for each channel and one for each reception.
func encodeReport(enc *lineprotocol.Encoder, r *devices.Report) {
	device := r.Device.String()
	var done []string
	for _, first := range r.Readings {
		if slices.Contains(done, first.Channel) {
			continue
		}
		done = append(done, first.Channel)
		enc.StartLine(string(r.Domain))
		addTag(enc, TagChannel, first.Channel) // tags in alphabetical order
		addTag(enc, TagDevice, device)
		addTag(enc, TagMunicipality, r.Municipality)
		addTag(enc, TagStation, r.Station)
		for _, reading := range r.Readings {
			if reading.Channel == first.Channel {
				addField(enc, reading.Quantity.Name, reading.Value)
			}
		}
		enc.EndLine(r.Time)
	}
	for i := range r.RX {
		enc.StartLine(MeasurementRadio)
		addTag(enc, TagDevice, device)
		addTag(enc, TagGateway, r.RX[i].Gateway.String())
		addField(enc, FieldRSSI, float64(r.RX[i].RSSIdBm))
		addField(enc, FieldSNR, r.RX[i].SNRdB)
		addField(enc, FieldDR, float64(r.DR))
		addField(enc, FieldFCnt, float64(r.FCnt))
		addField(enc, FieldLost, float64(r.Lost))
		enc.EndLine(r.Time)
	}
}

func addTag(enc *lineprotocol.Encoder, name, value string) {
	if value != "" {
		enc.AddTag(name, value)
	}
}

// addField adds a number; everything but a dead letter's text is a float, for
// a field's type is fixed by its first point. One that is not finite makes the
// line unencodable.
func addField(enc *lineprotocol.Encoder, name string, value float64) {
	v, ok := lineprotocol.FloatValue(value)
	if !ok {
		v = lineprotocol.Value{}
	}
	enc.AddField(name, v)
}

const letterBatch = 1000 // letters of one request, each of at most maxMessage bytes

// Bury stores dead letters. Storing one again changes nothing: its time within
// the second is drawn from what it says. A letter that the server refuses
// is written once more under the present time and quoted; those it refuses
// even so are named in a *devices.RefusedError.
func (c *Client) Bury(ctx context.Context, letters []devices.DeadLetter) error {
	var refused devices.RefusedError
	for first := 0; first < len(letters); first += letterBatch {
		part := letters[first:min(first+letterBatch, len(letters))]
		if err := c.buryPart(ctx, part, first, &refused); err != nil {
			return err
		}
	}
	if len(refused.Reports) > 0 {
		return &refused
	}
	return nil
}

// buryPart writes letters in one request and, when that is refused, its halves
// down to the letter at fault. offset is the index of letters[0] in the whole.
func (c *Client) buryPart(ctx context.Context, letters []devices.DeadLetter, offset int, refused *devices.RefusedError) error {
	err := c.writeLetters(ctx, letters)
	if !rejected(err) && !tooLarge(err) {
		return err
	}
	if half := len(letters) / 2; half > 0 {
		return errors.Join(
			c.buryPart(ctx, letters[:half], offset, refused),
			c.buryPart(ctx, letters[half:], offset+half, refused),
		)
	}
	plain := letters[0]
	plain.Time, plain.Message = c.now(), strconv.QuoteToASCII(plain.Message)
	err = c.writeLetters(ctx, []devices.DeadLetter{plain})
	if rejected(err) || tooLarge(err) {
		refused.Reports = append(refused.Reports, devices.RefusedReport{Index: offset, Err: err})
		return nil
	}
	return err
}

func (c *Client) writeLetters(ctx context.Context, letters []devices.DeadLetter) error {
	var enc lineprotocol.Encoder
	enc.SetPrecision(lineprotocol.Nanosecond)
	for _, l := range letters {
		message := l.Message[:min(len(l.Message), maxMessage)]
		for !utf8.ValidString(message) && len(message) == maxMessage {
			message = message[:len(message)-1]
		}
		value, ok := lineprotocol.StringValue(message)
		if !ok { // not UTF-8: kept as its quoted form
			value, _ = lineprotocol.StringValue(strconv.QuoteToASCII(message))
		}
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(l.Message)) // never fails
		enc.StartLine(MeasurementDeadLetter)
		addTag(&enc, TagEdge, l.Edge)
		addTag(&enc, TagReason, l.Reason)
		enc.AddField(FieldMessage, value)
		enc.EndLine(l.Time.Truncate(time.Second).Add(time.Duration(hash.Sum64() % uint64(time.Second))))
	}
	return c.send(ctx, c.raw, Raw, &enc)
}

// PlaceDevices stores where devices are, at the given time.
func (c *Client) PlaceDevices(ctx context.Context, list []devices.Device, at time.Time) error {
	var enc lineprotocol.Encoder
	enc.SetPrecision(lineprotocol.Nanosecond)
	for _, d := range list {
		enc.StartLine(MeasurementPlace)
		addTag(&enc, TagDevice, d.EUI.String())
		addTag(&enc, TagDomain, string(d.Domain))
		addTag(&enc, TagMunicipality, d.Municipality)
		addTag(&enc, TagName, d.Name)
		addTag(&enc, TagStation, d.Station)
		addField(&enc, FieldLat, d.Place.Lat)
		addField(&enc, FieldLon, d.Place.Lon)
		enc.EndLine(at)
	}
	return c.send(ctx, c.raw, Raw, &enc)
}

// mark names a window of a domain that got readings.
type mark struct {
	domain uplink.Domain
	window time.Time
}

// encodeMarks writes a mark for each window, and for the one after it, whose
// meter differences begin with the last reading before it. Its time is the
// second of arrival plus the number of the window as nanoseconds, so that the
// marks of one second for one window are one point; the field "at" holds the
// rest of the second and so differs from one write to the next.
func encodeMarks(enc *lineprotocol.Encoder, marks map[mark]bool, now time.Time) {
	all := make(map[mark]bool, len(marks))
	for m := range marks {
		all[m] = true
		if next := m.window.Add(devices.DirtyWindow); next.Before(now) {
			all[mark{m.domain, next}] = true
		}
	}
	second := now.Truncate(time.Second)
	for m := range all {
		number := m.window.Unix() / int64(devices.DirtyWindow/time.Second)
		enc.StartLine(MeasurementDirty)
		addTag(enc, TagDomain, string(m.domain))
		addField(enc, FieldAt, float64(now.Sub(second)))
		addField(enc, FieldWindow, float64(m.window.Unix()))
		enc.EndLine(second.Add(time.Duration(number % int64(time.Second))))
	}
}
