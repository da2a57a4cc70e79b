// Package openapi describes the public HTTP interface for programs and for
// people: /openapi.json (OpenAPI 3.1.1) and a page in German and English.
//
// It knows paths, parameters and what is answered; the shapes of JSON are made
// from the Go types that the other faces answer with, and from SensorThings'
// model, so that they cannot differ. Each operation has examples, which a test
// calls on a platform that runs. It serves no data.
package openapi
