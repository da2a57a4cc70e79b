package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"modellregion/internal/mqtt"
)

// asked fetches an address with a method and headers, without following where
// it leads.
func asked(t *testing.T, method, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp, body.String()
}

// The public interfaces of a demo, by their standards and as their users ask.
func TestInterfacesOfADemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "60")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	at := endpoints(t, dir)
	host := "http://" + at["http"]
	patiently(t, "two pages in SensorThings", func() bool {
		var all page
		n, ok := metric(t, at["internal"], "modellregion_sensorthings_datastreams")
		return ok && n > 100 && fetchJSON(t, host+"/sta/v1.1/Things?$count=true&$top=1", &all) && all.Count > 25
	})
	t.Run("SensorThings", func(t *testing.T) { sensorThings(t, host) })
	t.Run("topics", func(t *testing.T) { topics(t, host, at["mqtt"]) })
	t.Run("catalogue", func(t *testing.T) { catalogue(t, host) })
	t.Run("examples", func(t *testing.T) { examples(t, host) })
	t.Run("headers", func(t *testing.T) { headers(t, host) })
	t.Run("nothing internal", func(t *testing.T) { nothingInternal(t, dir, at["http"], at["internal"]) })
	documented(t, "http://"+at["internal"]+"/metrics")
	p.stop()
}

// region is what Masterportal shows on a map of the state.
const region = "st_within(Locations/location,geography'POLYGON((5.8 50.3,9.5 50.3,9.5 52.6,5.8 52.6,5.8 50.3))')"

// thing is as much of one as is looked at.
type thing struct {
	ID          int `json:"@iot.id"`
	Name        string
	Datastreams []struct {
		ID           int `json:"@iot.id"`
		Observations []struct {
			Result         any
			PhenomenonTime string
		}
	}
}

type page struct {
	Count int    `json:"@iot.count"`
	Next  string `json:"@iot.nextLink"`
	Value []thing
}

func sensorThings(t *testing.T, host string) {
	sta := host + "/sta/v1.1"
	q := url.Values{
		"$filter": {region}, "$count": {"true"}, "$top": {"25"},
		"$expand": {"Locations,Datastreams($expand=ObservedProperty,Observations($orderby=phenomenonTime desc;$top=1))"},
	}
	// Walk all pages as Masterportal does.
	next, seen, pages, results := sta+"/Things?"+q.Encode(), map[int]bool{}, 0, 0
	for ; next != ""; pages++ {
		var one page
		if !fetchJSON(t, next, &one) || pages > 5 || one.Next != "" && !regexp.MustCompile(`\$top=25&\$skip=\d+`).MatchString(one.Next) {
			t.Fatalf("page %d, %s: %+v", pages, next, one)
		}
		for _, th := range one.Value {
			if seen[th.ID] {
				t.Errorf("Thing %d is there twice", th.ID)
			}
			seen[th.ID] = true
			for _, d := range th.Datastreams {
				results += len(d.Observations)
			}
		}
		if next = one.Next; next == "" && len(seen) != one.Count {
			t.Errorf("%d Things on %d pages, and a count of %d", len(seen), pages, one.Count)
		}
	}
	if pages < 2 || results < 100 {
		t.Errorf("%d pages with %d newest Observations", pages, results)
	}
	var some page
	filter := url.Values{"$filter": {"substringof('aachen',properties/municipality) and Datastreams/ObservedProperty/properties/quantity eq 'speed_mean'"}, "$count": {"true"}}
	if !fetchJSON(t, sta+"/Things?"+filter.Encode(), &some) || some.Count == 0 || some.Count == len(seen) {
		t.Errorf("Things of Aachen that measure speed: %+v", some)
	}
	for query, want := range map[string]string{
		"/Things?$filter=name%20eq": "Zeichen", "/Things(9223372036854775807)": "gibt es hier nicht", "/Observations?$select=nothing": "nothing",
	} {
		resp, body := asked(t, http.MethodGet, sta+query)
		if resp.StatusCode != 400 && resp.StatusCode != 404 || !strings.Contains(body, `"message":`) || !strings.Contains(body, want) {
			t.Errorf("%s: %s %s", query, resp.Status, body)
		}
	}
}

// topics reads Observations without a login, over TCP and as browsers do.
func topics(t *testing.T, host, broker string) {
	_, _, root := get(t, host+"/sta/v1.1")
	if !strings.Contains(root, strings.Replace(host, "http", "ws", 1)+"/mqtt") || !strings.Contains(root, "mqtt://"+broker) {
		t.Errorf("the root does not tell of the topics: %s", root)
	}
	client, err := mqtt.New(mqtt.Config{URL: "tcp://" + broker, ClientID: "anybody"})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[string][]byte{}
	const one, every, few = "v1.1/Datastreams(1)/Observations", "v1.1/Observations", "v1.1/Datastreams(1)/Observations?$select=phenomenonTime,result"
	for _, topic := range []string{one, every, few, "v1.1/Datastreams(1)", "v1.1/Datastreams(1)/phenomenonTime"} {
		client.Subscribe(topic, 0, func(_ context.Context, m mqtt.Message) {
			mu.Lock()
			defer mu.Unlock()
			got[m.Topic] = m.Payload
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- client.Run(ctx) }()
	patiently(t, "a message on each topic", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == 5
	})
	mu.Lock()
	for topic, members := range map[string][]string{
		one: {"@iot.id", "@iot.selfLink", "phenomenonTime", "result", "Datastream@iot.navigationLink"}, every: {"@iot.id", "result", "resultTime"},
		"v1.1/Datastreams(1)": {"@iot.id", "name", "unitOfMeasurement"}, "v1.1/Datastreams(1)/phenomenonTime": {"phenomenonTime"},
	} {
		for _, name := range members {
			if !bytes.Contains(got[topic], []byte(`"`+name+`":`)) {
				t.Errorf("%s has no %s: %s", topic, name, got[topic])
			}
		}
	}
	var selected map[string]any
	if err := json.Unmarshal(got[few], &selected); err != nil || len(selected) != 2 || selected["result"] == nil {
		t.Errorf("%s: %s (%v)", few, got[few], err)
	}
	mu.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	overWebSocket(t, host, one)
}

// overWebSocket subscribes to one topic and waits for what is retained.
func overWebSocket(t *testing.T, host, topic string) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}}
	ws, _, err := dialer.DialContext(t.Context(), strings.Replace(host, "http", "ws", 1)+"/mqtt", http.Header{"Origin": {"https://map.example.de"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	connect := []byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04some")
	subscribe := append([]byte{0x82, byte(5 + len(topic)), 0, 1, 0, byte(len(topic))}, topic+"\x00"...)
	for _, packet := range [][]byte{connect, subscribe} {
		if err := ws.WriteMessage(websocket.BinaryMessage, packet); err != nil {
			t.Fatal(err)
		}
	}
	if err := ws.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for !bytes.Contains(all, []byte(`"result":`)) {
		_, data, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("%v after %q", err, all)
		}
		all = append(all, data...)
	}
}

// catalogue fetches all forms, and all files that one of them tells of.
func catalogue(t *testing.T, host string) {
	var turtle string
	patiently(t, "files in the catalogue", func() bool {
		status, _, body := get(t, host+"/catalog.ttl")
		turtle = body
		return status == 200 && strings.Contains(body, "/data/verkehr/latest.csv>")
	})
	for form, kind := range map[string]string{"ttl": "text/turtle", "rdf": "application/rdf+xml", "jsonld": "application/ld+json"} {
		plain := []string{"Accept-Encoding", "identity"} // Go asks for gzip otherwise, of GET alone
		resp, body := asked(t, http.MethodGet, host+"/catalog."+form, plain...)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), kind) || !strings.Contains(body, host+"/catalog/dataset/verkehr") || !strings.Contains(body, host+"/sta/v1.1") {
			t.Errorf("%s: %s %v", form, resp.Status, resp.Header)
		}
		if head, _ := asked(t, http.MethodHead, host+"/catalog."+form, plain...); head.StatusCode != 200 || head.Header.Get("Etag") != resp.Header.Get("Etag") {
			t.Errorf("HEAD %s: %s", form, head.Status)
		}
	}
	if resp, _ := asked(t, http.MethodGet, host+"/catalog", "Accept", "text/html"); resp.StatusCode != 303 || !strings.HasSuffix(resp.Header.Get("Location"), "/datasets") {
		t.Errorf("for people: %s %s", resp.Status, resp.Header.Get("Location"))
	}
	files := regexp.MustCompile(`dcat:(?:downloadURL|accessURL|endpointURL|endpointDescription) <([^>]*)>`).FindAllStringSubmatch(turtle, -1)
	addresses := map[string]bool{}
	for _, m := range files {
		addresses[m[1]] = true
	}
	if len(addresses) < 20 {
		t.Errorf("the catalogue tells of %d addresses", len(addresses))
	}
	for address := range addresses {
		if resp, _ := asked(t, http.MethodHead, address); resp.StatusCode != 200 {
			t.Errorf("%s, of the catalogue: %s", address, resp.Status)
		}
	}
}

// headers: every answer is safe in a browser, may be read by any page, and
// nothing can be written.
func headers(t *testing.T, host string) {
	for _, path := range []string{
		"/", "/en/", "/static/base.css", "/api/", "/en/api/", "/api/style.css", "/openapi.json", "/api/v1/stations", "/data/", "/data/index.json", "/data/verkehr/latest.csv", "/data/nirgends.csv",
		"/catalog.ttl", "/catalog/dataset/nirgends", "/sta/v1.1", "/sta/v1.1/Things(1)", "/sta/v1.1/Nothing", "/live?dataset=nirgends", "/nirgends",
	} {
		resp, body := asked(t, http.MethodGet, host+path)
		h := resp.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "strict-origin-when-cross-origin" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") ||
			!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Set-Cookie") != "" || h.Get("Server") != "" {
			t.Errorf("%s has the headers %v", path, h)
		}
		isPage := strings.HasPrefix(h.Get("Content-Type"), "text/html")
		if resp.StatusCode == 200 && !isPage && !strings.HasPrefix(path, "/static/") && h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s cannot be read by a page from elsewhere: %v", path, h)
		}
		if strings.Contains(body, "024d52") {
			t.Errorf("%s shows a DevEUI", path)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			resp, _ := asked(t, method, host+path)
			if allow := resp.Header.Get("Allow"); resp.StatusCode != 405 || !strings.Contains(allow, "GET") || strings.Contains(allow, method) {
				t.Errorf("%s %s: %s, allowed is %q", method, path, resp.Status, allow)
			}
		}
	}
	if resp, body := asked(t, http.MethodGet, host+"/sta/v1.1/Things?$filter="+strings.Repeat("a", 10_000)); resp.StatusCode != 414 {
		t.Errorf("a long URL: %s %.200s", resp.Status, body)
	}
}

// heard is what a listener of the live stream has got.
type heard struct {
	kind, id string
	data     map[string]any
}

// listen reads n events of a dataset, after the one with that id.
func listen(t *testing.T, address, after string, n int) (events []heard) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it never ends by itself
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %s %v", address, resp.Status, resp.Header)
	}
	var e heard
	for lines := bufio.NewScanner(resp.Body); len(events) < n && lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				t.Errorf("%s: %v", value, err)
			}
		case "":
			if e.kind != "" {
				events = append(events, e)
			}
			e = heard{}
		}
	}
	if len(events) < n {
		t.Fatalf("%s: %d events within %v, want %d", address, len(events), patience, n)
	}
	return events
}

// A demo that rushes through the last hours closes windows all the time. They
// are heard, each once, and who was away goes on where it was.
func TestLiveOfADemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := demo(t, dir, "--sensors", "40", "--speed", "240", "--for", "30s")
	eventually(t, "ready", func() bool { return strings.Contains(p.printed(), "ready after") })
	host := "http://" + endpoints(t, dir)["http"]
	first := listen(t, host+"/live?dataset=verkehr&dataset=energienetz", "", 20)
	second := listen(t, host+"/live?dataset=verkehr&dataset=energienetz", first[9].id, 10)
	for i, e := range first {
		if e.kind != "window" && e.kind != "preliminary" || e.data["quantity"] == nil || e.data["start"] == nil || e.data["station"] == nil || e.data["unit"] == nil {
			t.Errorf("event %d: %+v", i, e)
		}
		if set := fmt.Sprint(e.data["dataset"]); set != "verkehr" && set != "energienetz" {
			t.Errorf("an event of dataset %s", set)
		}
	}
	if !slices.EqualFunc(first[10:], second, func(a, b heard) bool { return a.id == b.id && fmt.Sprint(a.data) == fmt.Sprint(b.data) }) {
		t.Errorf("after %s came %v, and to the first %v", first[9].id, second, first[10:])
	}
	p.kill()
}
