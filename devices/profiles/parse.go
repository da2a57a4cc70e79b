package profiles

import "modellregion/devices"

// Parse reads one profile and compiles its codec.
func Parse(yaml []byte) (devices.Profile, error) { return parse(yaml) }

// ParseExamples reads the examples that stand in the file of a profile.
func ParseExamples(yaml []byte) ([]Example, error) {
	f, err := parseFile(yaml)
	return f.examples, err
}
