package influx_test

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"modellregion/internal/influx"
)

// What is written of figures; package dashboards reads them from a server.
func TestPutFigures(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got += r.FormValue("bucket") + ": " + string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	c := connect(t, influx.Config{URL: server.URL})
	at := time.Unix(60, 0)
	rows := []influx.Figures{
		{Time: at, Role: influx.RoleProcess, Instance: "host:9100", Values: map[string]float64{influx.FieldUplinks: 3, influx.FieldLag: 0.5}},
		{Time: at, Role: influx.RoleEdge, Edge: "rathaus"}, // says nothing
		{Time: at, Role: influx.RoleGateway, Edge: "rathaus", Gateway: "0200000000000000", Values: map[string]float64{influx.FieldSent: 1}},
	}
	if err := c.PutFigures(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	const want = "raw: platform,instance=host:9100,role=process lag_p95=0.5,uplinks=3 60000000000\n" +
		"platform,edge=rathaus,gateway=0200000000000000,role=gateway sent=1 60000000000\n"
	if got != want {
		t.Errorf("written\n%swant\n%s", got, want)
	}
	rows[0].Values[influx.FieldLag] = math.NaN()
	if err := c.PutFigures(t.Context(), rows); err == nil {
		t.Error("what is no number was written")
	}
}
