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
	MeasurementPlatform   = "platform"    // tags role, instance, edge, gateway; once a minute, see Figures
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
	TagRole         = "role"     // RoleProcess, RoleEdge or RoleGateway
	TagInstance     = "instance" // of a process: host and port of its metrics
)

// Roles of those whom measurement platform is about.
const (
	RoleProcess = "process" // of the platform
	RoleEdge    = "edge"
	RoleGateway = "gateway"
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

// Fields of measurement platform. A process counts what came since its last
// point, so that the sum over any time and all processes is what came in it.
const (
	FieldMessages    = "messages"     // process: MQTT messages taken
	FieldUplinks     = "uplinks"      // in them
	FieldReadings    = "readings"     // that passed all checks
	FieldLetters     = "dead_letters" // what can never be stored
	FieldShed        = "shed"         // messages dropped because the queue was full; they come again
	FieldWriteErrors = "write_errors" // writes to the database that failed and were tried again
	FieldWindows     = "windows"      // of open data, computed and stored
	FieldRequests    = "requests"     // of the public, let through
	FieldRefused     = "refused"      // of the public, refused
	FieldLagMedian   = "lag_p50"      // s, from reception by a gateway until stored: half of the uplinks since the last point
	FieldLag         = "lag_p95"      // s, likewise of 95 %
	FieldQueue       = "queue"        // messages that wait now
	FieldStoreOK     = "store_ok"     // 0 while the database takes nothing
	FieldBehind      = "behind"       // s, age of what open data has
	FieldMemory      = "memory"       // bytes resident
	FieldDiskFree    = "disk_free"    // bytes, of the disk with the data folder
	FieldDiskSize    = "disk_size"    // bytes
	FieldDiskFullIn  = "disk_full_in" // s, until it is full if it goes on filling so; absent while it does not
	FieldOnline      = "online"       // edge: 1 or 0
	FieldOutbox      = "outbox"       // uplinks on its disk that are not confirmed
	FieldUndated     = "undated"      // uplinks that wait for its clock to be set
	FieldGivenUp     = "given_up"     // uplinks given up since its database was created
	FieldDiskOK      = "disk_ok"      // 0 while its disk refuses
	FieldReceived    = "received"     // gateway: packets heard since the last point
	FieldReceivedOK  = "received_ok"  // with a good CRC
	FieldSent        = "sent"         // downlinks put on the air
	FieldAcked       = "acked"        // %, share of its datagrams that were acknowledged
)
