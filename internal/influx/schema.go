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
// station (or the area by which it is grouped), channel and window ("1m",
// "10m", "15m", "1h", "1d", "1w"); its time is the begin of the window. A point
// has all quantities, each with the fields of its kind below, after its name
// and a point: "voltage.mean". Beside them a gauge has voltage.p5 … p99 for the
// percentiles of its dataset, and a category surface_state.share_dry … for the
// share of the time that it was so, 0 to 1.
const (
	FieldCount      = "count"      // of the point: readings in the window of each quantity, or countedEach; of a quantity: its own
	FieldCoverage   = "coverage"   // likewise: received ÷ expected readings, 0 to 1
	FieldMean       = "mean"       // gauge
	FieldMin        = "min"        // gauge; does not count when count is 1: it is the mean
	FieldMax        = "max"        // gauge; likewise
	FieldSum        = "sum"        // count; meter: what it has counted
	FieldMode       = "mode"       // category: the code that took most of the time
	FieldSuppressed = "suppressed" // 1: a privacy rule forbids to tell; no other field of the quantity counts

	percentilePrefix = "p"
	sharePrefix      = "share_"

	countedEach = -1 // the quantities differ: count and coverage of each count
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
