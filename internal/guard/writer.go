package guard

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// writer knows whether an answer has begun, and tells when it does.
type writer struct {
	http.ResponseWriter
	began func()
	wrote bool
}

func (w *writer) begin() {
	if !w.wrote {
		w.wrote = true
		w.began()
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

// ReadFrom implements io.ReaderFrom: without it files go through the process's
// memory.
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, r)
}

// Flush implements http.Flusher.
func (w *writer) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush() // there is nobody to tell
}

// Hijack implements http.Hijacker, for WebSockets.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
