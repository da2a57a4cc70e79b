package openapi

import (
	"encoding"
	"maps"
	"reflect"
	"strings"
	"time"
)

// schema is a JSON Schema (2020-12), the dialect of OpenAPI 3.1.
type schema = map[string]any

func ref(name string) schema { return schema{"$ref": "#/components/schemas/" + name} }

func listOf(items schema) schema { return schema{"type": "array", "items": items} }

func typed(name string) schema { return schema{"type": name} }

func instantSchema() schema { return schema{"type": "string", "format": "date-time"} }

// shape is an object with members that are always there, and those that are
// there when there is something to tell.
func shape(always, sometimes map[string]schema) schema {
	all := maps.Clone(sometimes)
	if all == nil {
		all = map[string]schema{}
	}
	required := []string{}
	for name, s := range always {
		all[name] = s
		required = append(required, name)
	}
	return object(all, required)
}

func object(properties map[string]schema, required []string) schema {
	out := schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = sorted(required)
	}
	return out
}

// schemaOf describes how encoding/json writes a type: the kinds that answers
// are made of. It is no library's, since those for it bring more than the
// seventy lines that they save (docs/adr/0027-openapi.md).
func schemaOf(t reflect.Type) schema {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return instantSchema()
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return typed("string")
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Bool:
		return typed("boolean")
	case reflect.String:
		return typed("string")
	case reflect.Float32, reflect.Float64:
		return typed("number")
	case reflect.Slice, reflect.Array:
		items := schemaOf(t.Elem())
		if t.Elem().Kind() == reflect.Pointer && t.Elem().Elem().Kind() != reflect.Struct {
			items["type"] = []string{items["type"].(string), "null"} // a number that may be missing
		}
		return listOf(items)
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		properties, required := map[string]schema{}, []string(nil)
		fields(t, properties, &required)
		return object(properties, required)
	default: // the whole numbers; other kinds are not in answers
		return typed("integer")
	}
}

// fields adds the members of a struct and of those embedded in it.
func fields(t reflect.Type, properties map[string]schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			fields(inner, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = schemaOf(f.Type)
		if !strings.Contains(options, "omit") {
			*required = append(*required, name)
		}
	}
}
