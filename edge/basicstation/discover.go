package basicstation

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/brocaar/lorawan"
)

// routerInfo tells a gateway where to connect, or why it may not.
type routerInfo struct {
	Router string `json:"router"`         // the gateway
	Muxs   string `json:"muxs,omitempty"` // the server; there is one
	URI    string `json:"uri,omitempty"`
	Error  string `json:"error,omitempty"`
}

const muxs = "::1"

// discover answers gateways that ask where their own endpoint is.
func (s *Server) discover(w http.ResponseWriter, req *http.Request, r Receiver) {
	drop := func(reason string, err error) {
		r.Dropped(reason, fmt.Errorf("from %s: discovery: %w", req.RemoteAddr, err))
	}
	ws, err := upgrade(w, req)
	if err != nil {
		drop(DropMalformed, err)
		return
	}
	defer ws.Close()
	defer context.AfterFunc(req.Context(), func() { ws.Close() })()
	ws.SetReadLimit(maxMessage)
	if err := ws.SetReadDeadline(time.Now().Add(helloWithin)); err != nil {
		return
	}
	// The gateway closes the connection when it has its answer.
	for {
		_, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		info, err := s.routerInfo(req, data, r)
		if err != nil {
			drop(dropReason(err), err)
		}
		if err := ws.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return
		}
		if err := ws.WriteJSON(info); err != nil {
			return
		}
	}
}

// routerInfo returns the answer; with an error it is a refusal.
func (s *Server) routerInfo(req *http.Request, data []byte, r Receiver) (routerInfo, error) {
	var question struct {
		Router *eui `json:"router"`
	}
	err := json.Unmarshal(data, &question)
	if err == nil && question.Router == nil {
		err = dropf(DropMalformed, "no router")
	}
	if err != nil {
		return routerInfo{Error: "malformed question"}, err
	}
	gateway := lorawan.EUI64(*question.Router)
	if err := s.admit(req, gateway, r); err != nil {
		return routerInfo{Router: id6(gateway), Error: "not a gateway of this network"}, err
	}
	return routerInfo{Router: id6(gateway), Muxs: muxs, URI: endpoint(req, gateway)}, nil
}

// endpoint returns where the gateway finds its endpoint: on the server it has
// found already, under the name it knows. Stations insist on a port.
func endpoint(req *http.Request, gateway lorawan.EUI64) string {
	scheme, port := "ws", "80"
	if req.TLS != nil {
		scheme, port = "wss", "443"
	}
	host := req.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":" + port
	}
	return scheme + "://" + host + "/gateway/" + gateway.String()
}
