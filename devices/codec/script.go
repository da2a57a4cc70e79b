package codec

import (
	"fmt"

	"modellregion/devices"
	"modellregion/devices/codec/javascript"
)

// script is the Decoder of kind "javascript".
type script struct {
	program *javascript.Program
	output  *outputMap
}

func compileScript(c devices.Codec) (Decoder, error) {
	m, err := compileOutputMap(c.Map)
	if err != nil {
		return nil, fmt.Errorf("javascript: %w", err)
	}
	p, err := javascript.Compile(c.Source)
	if err != nil {
		return nil, fmt.Errorf("javascript: %w", err)
	}
	return &script{p, m}, nil
}

// Decode implements Decoder.
func (s *script) Decode(in *Input, out *Output) error {
	out.reset()
	result, err := s.run(in, out)
	if err == nil {
		s.output.apply(result.Data, result.Normalized, out, func(string) {})
	}
	return err
}

func (s *script) explain(in *Input, out *Output) error {
	result, err := s.run(in, out)
	if err == nil {
		s.output.explain(result.Data, result.Normalized, out)
	}
	return err
}

func (s *script) run(in *Input, out *Output) (javascript.Output, error) {
	result, err := s.program.DecodeUplink(javascript.Input{Bytes: in.Payload, FPort: in.Port, RecvTime: in.Time, Variables: in.Variables})
	if err != nil {
		return javascript.Output{}, fmt.Errorf("port %d: %w", in.Port, err)
	}
	out.Warnings = append(out.Warnings, result.Warnings...)
	return result, nil
}

// Fast implements Decoder. A script takes some 30 µs, a bad one until it is
// stopped.
func (*script) Fast() bool { return false }

// Close implements Decoder.
func (s *script) Close() { s.program.Close() }
