package openapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// json writes the description as OpenAPI 3.1.1. Texts are German, then English.
func (d *description) json() ([]byte, error) {
	c := d.cfg
	about := "Offene Daten: Zeitfenster von Messwerten, ohne Anmeldung und für jeden Zweck nach der Lizenz des Datensatzes. Zeiten sind UTC. " +
		"/ Open data: windows of measurements, without a login and for any purpose by the licence of the dataset. Times are UTC."
	info := map[string]any{"title": both(c.Region), "version": "1", "description": about}
	if contact := map[string]any{"name": c.Publisher}; c.Publisher != "" {
		switch {
		case strings.HasPrefix(c.Contact, "http://") || strings.HasPrefix(c.Contact, "https://"):
			contact["url"] = c.Contact
		case strings.Contains(c.Contact, "@"):
			contact["email"] = c.Contact
		}
		info["contact"] = contact
	}
	server := strings.TrimRight(c.BaseURL, "/")
	if server == "" {
		server = "/"
	}
	paths := map[string]any{}
	for i := range d.operations {
		paths[d.operations[i].path] = map[string]any{"get": d.operations[i].document()}
	}
	var tags []map[string]any
	for _, g := range d.groups() {
		tags = append(tags, map[string]any{"name": g.name, "description": both(g.text)})
	}
	return json.Marshal(map[string]any{
		"openapi": "3.1.1", "info": info, "servers": []any{map[string]any{"url": server}}, "paths": paths, "tags": tags,
		"externalDocs": map[string]any{"url": germanPage, "description": "Zum Lesen / to read"},
		"components":   map[string]any{"schemas": d.schemas, "responses": refusals()},
	})
}

// groups are in order of their first operation.
func (d *description) groups() (all []group) {
	for i := range d.operations {
		if g := d.operations[i].group; len(all) == 0 || all[len(all)-1] != g {
			all = append(all, g)
		}
	}
	return all
}

// document is an Operation Object.
func (o *operation) document() map[string]any {
	out := map[string]any{"operationId": o.id, "tags": []string{o.group.name}, "summary": both(o.title), "responses": o.responses()}
	if o.text.De != "" {
		out["description"] = both(o.text)
	}
	var params []map[string]any
	for _, p := range o.params {
		one := map[string]any{"name": p.name, "in": p.in, "schema": p.schema, "description": both(p.text)}
		if p.required {
			one["required"] = true
		}
		params = append(params, one)
	}
	if len(params) > 0 {
		out["parameters"] = params
	}
	if len(o.examples) > 0 {
		out["x-examples"] = o.examples // addresses that can be called; the standard has examples of values alone
	}
	return out
}

func (o *operation) responses() map[string]any {
	content := map[string]any{}
	for _, c := range o.answers {
		media := map[string]any{}
		if c.schema != nil {
			media["schema"] = c.schema
		}
		content[c.kind] = media
	}
	all := map[string]any{
		"200": map[string]any{"description": "Gut / good", "content": content},
		"304": map[string]any{"description": "Nicht verändert, nach If-None-Match / not modified, by If-None-Match"},
	}
	if o.path == "/live" {
		delete(all, "304")
	}
	for _, status := range append([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, o.statuses...) {
		all[strconv.Itoa(status)] = map[string]any{"$ref": "#/components/responses/" + strconv.Itoa(status)}
	}
	return all
}

// refusals are the answers other than good ones, the same everywhere.
func refusals() map[string]any {
	all := map[string]any{}
	for status, words := range map[int]string{
		http.StatusSeeOther:           "Für Menschen gibt es eine Seite / there is a page for people",
		http.StatusBadRequest:         "Die Anfrage ist falsch; es steht da, was und wo / the request is wrong; it says what and where",
		http.StatusNotFound:           "Das gibt es nicht / there is no such thing",
		http.StatusNotAcceptable:      "In keiner dieser Formen / in none of these forms",
		http.StatusNotImplemented:     "Diese Option gibt es hier nicht / this option is not here",
		http.StatusTooManyRequests:    "Zu viel auf einmal; wieder nach Retry-After / too much at once; again after Retry-After",
		http.StatusServiceUnavailable: "Jetzt nicht; wieder nach Retry-After / not now; again after Retry-After",
	} {
		one := map[string]any{"description": words}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			one["headers"] = map[string]any{"Retry-After": map[string]any{"description": "Sekunden / seconds", "schema": typed("integer")}}
			one["content"] = map[string]any{jsonType: map[string]any{"schema": ref("Error")}}
		}
		all[strconv.Itoa(status)] = one
	}
	return all
}
