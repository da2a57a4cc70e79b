package javascript

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// MaxRuntimes is how many calls of a Program run at once; more wait.
	MaxRuntimes = 4
	// MaxSource is the longest source, in bytes.
	MaxSource = 256 << 10
)

// Program is a compiled TS013 codec. Its methods may be called from several
// goroutines; each uses a runtime of its own, of which at most MaxRuntimes
// exist. Close frees them; a call after it is an error.
type Program struct {
	script script
	names  []string
	slots  chan struct{} // one per call that runs

	mu     sync.Mutex
	idle   []*machine
	closed bool
}

// Input is an uplink, or a downlink to be decoded.
type Input struct {
	Bytes     []byte // decrypted FRMPayload
	FPort     uint8
	RecvTime  time.Time         // what the codec takes for the present; ms, UTC
	Variables map[string]string // of the device
}

// Compile loads a codec. It refuses one that is longer than MaxSource, has a
// syntax error (with its line), throws or runs too long while it is loaded, or
// has no function that decodes uplinks. Functions by the names of older
// conventions count: Decoder(bytes, port) and Encoder(object, port) of The
// Things Network's, Decode(fPort, bytes, variables) and Encode(fPort, object,
// variables) of ChirpStack's third version. An Encoder is told port 1.
//
// The codec is a script in sloppy mode, so that undeclared variables work.
// Functions may be exported by exports, module.exports or, when it is no
// script without that, by export declarations. Its top level is evaluated
// once; if it asks for the time it is evaluated in every call.
func Compile(source string) (*Program, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("codec has %d bytes, more than %d", len(source), MaxSource)
	}
	if !utf8.ValidString(source) {
		return nil, errors.New("codec is not UTF-8")
	}
	p, err := compile(source)
	var syntax *codecError
	if errors.As(err, &syntax) && syntax.syntax {
		if script := withoutExports(source); script != source {
			if exported, again := compile(script); again == nil {
				return exported, nil
			}
		}
	}
	return p, err
}

func compile(source string) (*Program, error) {
	s, err := compileScript(source)
	if err != nil {
		return nil, err
	}
	m, err := newMachine(s)
	if err != nil {
		return nil, err
	}
	p := &Program{script: s, names: strings.Fields(m.names), slots: make(chan struct{}, MaxRuntimes)}
	if !p.Has("decodeUplink") {
		m.close()
		return nil, errors.New("codec has no function decodeUplink, Decoder or Decode")
	}
	if i := slices.Index(p.names, "clock"); i >= 0 { // no function, but what bind noticed
		m.close()
		p.names = slices.Delete(p.names, i, i+1)
		p.script.reload = true
		if m, err = newMachine(p.script); err != nil {
			return nil, err
		}
	}
	p.idle = []*machine{m}
	return p, nil
}

// Has tells whether the codec has decodeUplink, encodeDownlink, decodeDownlink
// or normalizeUplink, or an older function that stands for it.
func (p *Program) Has(function string) bool {
	return slices.Contains(p.names, function)
}

// DecodeUplink decodes an uplink. An error wraps ErrTime, ErrMemory or ErrStack
// when the codec wanted too much; any other says what the codec complained
// about or what it did not return. The next call works in any case.
func (p *Program) DecodeUplink(in Input) (Output, error) {
	return p.decode(opDecodeUplink, in)
}

// DecodeDownlink decodes the payload of a downlink, like DecodeUplink.
func (p *Program) DecodeDownlink(in Input) (Output, error) {
	if !p.Has("decodeDownlink") {
		return Output{}, errors.New("codec has no function decodeDownlink")
	}
	return p.decode(opDecodeDownlink, in)
}

func (p *Program) decode(op operation, in Input) (Output, error) {
	input, err := in.json()
	if err != nil {
		return Output{}, err
	}
	result, err := p.do(op, input)
	if err != nil {
		return Output{}, err
	}
	return parseOutput(result)
}

// EncodeDownlink encodes a command. The codec has no clock: it is 1970.
func (p *Program) EncodeDownlink(data map[string]any, variables map[string]string) (Downlink, error) {
	if !p.Has("encodeDownlink") {
		return Downlink{}, errors.New("codec has no function encodeDownlink or Encoder")
	}
	if variables == nil {
		variables = map[string]string{}
	}
	input, err := json.Marshal(map[string]any{"data": data, "variables": variables})
	if err != nil {
		return Downlink{}, fmt.Errorf("data of a command: %w", err)
	}
	result, err := p.do(opEncodeDownlink, input)
	if err != nil {
		return Downlink{}, err
	}
	return parseDownlink(result)
}

// Close frees the runtimes, those in use when their calls end.
func (p *Program) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, m := range p.idle {
		m.close()
	}
	p.idle = nil
}

// do runs an operation in a runtime that is free, or in a new one.
func (p *Program) do(op operation, input []byte) (string, error) {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	m, err := p.acquire()
	if err != nil {
		return "", err
	}
	defer p.release(m)
	return m.do(op, input)
}

func (p *Program) acquire() (*machine, error) {
	p.mu.Lock()
	closed, n := p.closed, len(p.idle)
	var m *machine
	if n > 0 {
		m = p.idle[n-1]
		p.idle = p.idle[:n-1]
	}
	p.mu.Unlock()
	switch {
	case closed:
		return nil, errors.New("codec is closed")
	case m != nil:
		return m, nil
	}
	return newMachine(p.script)
}

func (p *Program) release(m *machine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || m.broken {
		m.close()
		return
	}
	p.idle = append(p.idle, m)
}

// json returns what the codec's function gets, recvTime in ms.
func (in Input) json() ([]byte, error) {
	b := make([]byte, 0, 96+4*len(in.Bytes))
	b = append(b, `{"bytes":[`...)
	for i, x := range in.Bytes {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(x), 10)
	}
	b = append(b, `],"fPort":`...)
	b = strconv.AppendUint(b, uint64(in.FPort), 10)
	b = append(b, `,"recvTime":`...)
	b = strconv.AppendInt(b, in.RecvTime.UnixMilli(), 10)
	b = append(b, `,"variables":`...)
	if len(in.Variables) == 0 {
		return append(b, `{}}`...), nil
	}
	variables, err := json.Marshal(in.Variables)
	if err != nil {
		return nil, fmt.Errorf("variables of a device: %w", err)
	}
	return append(append(b, variables...), '}'), nil
}

// withoutExports makes a script of a module: it takes the word export, and
// lists of what is exported, off the lines that start with it. Line numbers
// stay.
func withoutExports(source string) string {
	lines := strings.SplitAfter(source, "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, "export ")
		if !ok {
			continue
		}
		rest = strings.TrimPrefix(strings.TrimLeft(rest, " "), "default ")
		if strings.HasPrefix(rest, "{") && strings.Contains(rest, "}") && !strings.Contains(rest, " as ") {
			_, rest, _ = strings.Cut(rest, "}")
		}
		lines[i] = rest
	}
	return strings.Join(lines, "")
}
