package uplink

// ServerEventKind is what a ServerEvent is about.
type ServerEventKind string

// The kinds of a ServerEvent. Others are of no use here.
const (
	ServerUp     ServerEventKind = "up"
	ServerJoin   ServerEventKind = "join"
	ServerStatus ServerEventKind = "status"
	ServerOther  ServerEventKind = "other"
)

// ServerEvent is what the application server of another network says of one
// device, as uplink/chirpstack and uplink/thethings translate it.
type ServerEvent struct {
	Kind ServerEventKind
	// Uplink has DevEUI and Time. Of ServerUp it has all the server knows but
	// Seq and Readings: those are made of Payload or Object.
	Uplink Uplink
	// Object is what the server's own codec made of the payload, as JSON; nil
	// when it has none.
	Object []byte
	// Battery in % and Margin in dB, of ServerStatus, and of ServerUp where
	// the server adds them; nil when they are not known.
	Battery, Margin *float64
}
