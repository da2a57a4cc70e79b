package influx

// Buckets. The public side is given credentials for Open alone.
const (
	Raw  = "raw"  // what the devices said; RawRetention
	Open = "open" // what the public may have; kept for ever
)

// Measurements of bucket raw beside the four domains, each of which is a
// measurement of that name with one float field per quantity and the tags
// device, station, municipality and channel. A tag without value is absent.
const (
	MeasurementRadio      = "radio"       // tags device, gateway; fields rssi, snr, dr, f_cnt, lost when it is not 0
	MeasurementQuality    = "quality"     // tags device, station, municipality, channel, mark, quantity; fields value, previous: see devices.Doubt
	MeasurementPlace      = "place"       // tags device, station, municipality, domain, name; fields lat, lon
	MeasurementHealth     = "health"      // tags sender, id, edge, domain, station, municipality; fields silent (1 or 0), interval (s), last_heard (Unix seconds)
	MeasurementDeadLetter = "dead_letter" // tags edge, reason; fields message, why, device, topic (texts), cut (1), settled (devices.Settled); time: see letterTime
	MeasurementDirty      = "dirty"       // tag domain; fields window: begin of a window that got readings, Unix seconds; at: see encodeMarks
	MeasurementCursor     = "cursor"      // in bucket open: field cursor, arrival until which dirty windows are dealt with, Unix microseconds
)

// In bucket open a dataset is a measurement of that name with the tags
// station, quantity, channel and window ("15m") and those of these fields
// that its quantity's kind has; its time is the begin of the window.
const (
	FieldCount    = "count"    // readings in the window
	FieldMean     = "mean"     // gauge
	FieldMin      = "min"      // gauge
	FieldMax      = "max"      // gauge
	FieldSum      = "sum"      // count; meter: last minus first
	FieldMode     = "mode"     // category: most frequent code
	FieldCoverage = "coverage" // received ÷ expected readings, 0 to 1
)

// Tags.
const (
	TagDevice       = "device"  // DevEUI, 16 lower-case hexadecimal digits
	TagStation      = "station" // public identifier of the place
	TagMunicipality = "municipality"
	TagChannel      = "channel" // lane, phase, direction, depth; absent when there is one
	TagGateway      = "gateway"
	TagDomain       = "domain"
	TagName         = "name"
	TagEdge         = "edge"
	TagReason       = "reason"
	TagMark         = "mark"   // devices.Mark
	TagSender       = "sender" // devices.Sender
	TagID           = "id"     // DevEUI, gateway EUI or name of an edge
	TagQuantity     = "quantity"
	TagWindow       = "window"
)

// Fields of the measurements above.
const (
	FieldRSSI      = "rssi"
	FieldSNR       = "snr"
	FieldDR        = "dr"
	FieldFCnt      = "f_cnt"
	FieldLost      = "lost"
	FieldValue     = "value"
	FieldPrevious  = "previous"
	FieldLat       = "lat"
	FieldLon       = "lon"
	FieldSilent    = "silent"
	FieldInterval  = "interval"
	FieldLastHeard = "last_heard"
	FieldMessage   = "message"
	FieldWhy       = "why"
	FieldDevice    = "device"
	FieldTopic     = "topic"
	FieldCut       = "cut"
	FieldSettled   = "settled"
	FieldWindow    = "window"
	FieldAt        = "at"
	FieldCursor    = "cursor"
)
