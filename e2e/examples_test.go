package e2e

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// operation is what /openapi.json says of one path.
type operation struct {
	OperationID string
	Responses   map[string]struct {
		Content map[string]struct{ Schema map[string]any }
	}
	Examples []string `json:"x-examples"`
}

// examples calls every example of /openapi.json and holds each answer against
// what is said of it.
func examples(t *testing.T, host string) {
	var doc struct {
		Servers []struct{ URL string }
		Paths   map[string]struct{ Get operation }
	}
	if !fetchJSON(t, host+"/openapi.json", &doc) || len(doc.Servers) != 1 || doc.Servers[0].URL != host {
		t.Fatalf("the description is of %v", doc.Servers)
	}
	schemas := newSchemas(t, host)
	called := 0
	for path, item := range doc.Paths {
		if len(item.Get.Examples) == 0 && path != "/sta/v1.1/Observations({id})" {
			t.Errorf("%s has no example", path)
		}
		for _, example := range item.Get.Examples {
			called++
			t.Run(item.Get.OperationID+example, func(t *testing.T) { call(t, host, example, path, item.Get, schemas) })
		}
	}
	if called < 40 {
		t.Errorf("%d examples", called)
	}
}

// call asks until the platform has what is asked for, as the files of a day that
// has just begun.
func call(t *testing.T, host, example, path string, o operation, schemas *schemas) {
	var kind string
	var body []byte
	patiently(t, "200", func() bool {
		status, header, got := begin(t, host+example)
		kind, _, _ = mime.ParseMediaType(header.Get("Content-Type"))
		body = got
		if _, described := o.Responses[strconv.Itoa(status)]; !described {
			t.Fatalf("status %d is not described", status)
		}
		return status == http.StatusOK
	})
	content, described := o.Responses["200"].Content[kind]
	switch {
	case !described:
		t.Fatalf("%s is not described, only %v", kind, o.Responses["200"].Content)
	case len(body) == 0:
		t.Fatal("an empty answer")
	case content.Schema == nil:
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v in %.200s", err, body)
	}
	if err := schemas.compile(t, path, kind).Validate(value); err != nil {
		t.Errorf("%v in %.400s", err, body)
	}
}

// begin reads an answer, or of one that does not end the first bytes.
func begin(t *testing.T, address string) (int, http.Header, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or never ends
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		some := make([]byte, 16)
		n, err := io.ReadFull(resp.Body, some)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, some[:n]
	}
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, all
}

// schemas are those of the description, made strict: what an answer has beyond
// what is described is a mistake here, and may come later for everybody else.
type schemas struct{ compiler *jsonschema.Compiler }

func newSchemas(t *testing.T, host string) *schemas {
	t.Helper()
	_, _, body := begin(t, host+"/openapi.json")
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	strict(value)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", value); err != nil {
		t.Fatal(err)
	}
	return &schemas{c}
}

func (s *schemas) compile(t *testing.T, path, kind string) *jsonschema.Schema {
	t.Helper()
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace
	schema, err := s.compiler.Compile("openapi.json#/paths/" + escape(path) + "/get/responses/200/content/" + escape(kind) + "/schema")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// strict allows objects no members but those that are described.
func strict(value any) {
	switch v := value.(type) {
	case map[string]any:
		_, described := v["properties"].(map[string]any)
		if _, said := v["additionalProperties"]; v["type"] == "object" && described && !said {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			strict(inner)
		}
	case []any:
		for _, inner := range v {
			strict(inner)
		}
	}
}
