package broker

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/gorilla/websocket"
)

// socketPatience is how long a browser may take for a message.
const socketPatience = 30 * time.Second

// errLogin ends a connection with a user name where there are none.
var errLogin = errors.New("MQTT over WebSocket is for anonymous readers alone")

// ServeHTTP serves anonymous readers over WebSocket (MQTT 3.1.1 §6), which is
// the only way for browsers. Who logs in is refused: passwords do not belong on
// the public port. How many connections a client may have is the server's to
// bound, since their addresses are often those of a proxy.
func (b *Broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.readers == nil {
		http.NotFound(w, r)
		return
	}
	upgrader := websocket.Upgrader{
		HandshakeTimeout: loginTimeout, ReadBufferSize: 1024, WriteBufferSize: 1024, Subprotocols: []string{"mqtt"},
		CheckOrigin: func(*http.Request) bool { return true }, // what is read here is open to every page
	}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		b.listener.rejected.Add(1)
		return // it has been answered
	}
	ws.SetReadLimit(publicPacket + 8)
	if c := b.listener.add(&socket{Conn: ws.NetConn(), ws: ws}); c != nil {
		b.listener.serve(c, func(c *conn) error {
			switch anonymous, err := c.peek(); {
			case err != nil:
				return err
			case !anonymous:
				return errLogin
			}
			return b.listener.read(c, netip.Addr{})
		})
	}
}

// socket is a WebSocket as a stream of bytes, of one reading and one writing
// goroutine.
type socket struct {
	net.Conn // below the WebSocket
	ws       *websocket.Conn
	message  io.Reader // what is left of the last one
}

// Read implements net.Conn. Packets need not be aligned with messages.
func (s *socket) Read(p []byte) (int, error) {
	for {
		if s.message == nil {
			kind, message, err := s.ws.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("MQTT in a message that is not binary")
			}
			s.message = message
		}
		n, err := s.message.Read(p)
		if errors.Is(err, io.EOF) {
			s.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (s *socket) Write(p []byte) (int, error) {
	if err := s.ws.SetWriteDeadline(time.Now().Add(socketPatience)); err != nil {
		return 0, err
	}
	if err := s.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// SetDeadline implements net.Conn for reading. Write has a limit of its own,
// which the reading goroutine may not set.
func (s *socket) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }
