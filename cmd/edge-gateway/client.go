package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// client asks the gateway that runs with a configuration.
type client struct {
	config string // path of the file
	addr   string // of the internal port, host:port
}

const (
	dialWithin   = 5 * time.Second
	answerWithin = 15 * time.Second // longer than lookWithin
	maxAnswer    = 300              // bytes of an answer that are shown in an error
)

func newClient(config string) (*client, error) {
	cfg, err := loadConfig(config)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(cfg.Internal)
	if err != nil {
		return nil, fmt.Errorf("%s: internal: %w", config, err)
	}
	if port == "0" {
		return nil, fmt.Errorf("%s: internal is %s: with port 0 the gateway takes any free one, and cannot be asked", config, cfg.Internal)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return &client{config: config, addr: net.JoinHostPort(host, port)}, nil
}

// get asks for a path and returns the answer, whose body the caller closes. Its
// errors say what to look at.
//
// It does so without http.Client, which would make the program larger by half a
// megabyte: HTTP/2, proxies, cookies and redirects.
func (c *client) get(ctx context.Context, path string) (*http.Response, error) {
	resp, err := c.ask(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("no gateway answers at %s: %w\nDoes \"edge-gateway run %s\" run? Is %s its address, \"internal\" in %s?",
			c.addr, err, c.config, c.addr, c.config)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	err = errors.Join(err, resp.Body.Close())
	return nil, errors.Join(fmt.Errorf("%s answers %q: %q\nIs that the edge-gateway of %s, whose \"internal\" it is, and of this version?",
		c.addr, resp.Status, strings.TrimSpace(string(said)), c.config), err)
}

// ask sends a request and returns the answer, whose body ends with ctx.
func (c *client) ask(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+path, nil)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads gets the error
	resp, err := exchange(conn, req)
	if err != nil {
		stop()
		return nil, errors.Join(err, conn.Close())
	}
	resp.Body = body{resp.Body, conn, stop}
	return resp, nil
}

// exchange sends a request and reads the head of the answer.
func exchange(conn net.Conn, req *http.Request) (*http.Response, error) {
	if err := conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return nil, err
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, err
	}
	return resp, conn.SetDeadline(time.Time{})
}

// body is that of an answer, with its connection.
type body struct {
	io.ReadCloser
	conn net.Conn
	stop func() bool // waiting for the context
}

// Close closes the connection. What is left of the answer is not read.
func (b body) Close() error {
	b.stop()
	return b.conn.Close()
}

// each calls take with each line of an answer. An error that is errEnded is the
// connection's; others are take's, or there is something else at the address.
func (c *client) each(body io.Reader, take func(line json.RawMessage) error) error {
	lines := json.NewDecoder(body)
	for {
		var line json.RawMessage
		err := lines.Decode(&line)
		if err == io.EOF {
			return nil
		}
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			return fmt.Errorf("%s answers with something else than lines of JSON: is that an edge-gateway? %w", c.addr, err)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errEnded, err)
		}
		if err := take(line); err != nil {
			return err
		}
	}
}

// errEnded is the end of a connection in the middle of an answer.
var errEnded = errors.New("the connection has ended")
