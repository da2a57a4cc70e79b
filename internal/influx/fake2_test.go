package influx_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// fake2 is the part of the API of InfluxDB 2.7 that sets up a server, as its
// description (domain/oss.yml of the client) and its source have it: look-ups
// by name that find nothing answer 404, a token that may not do something gets
// 401, and an infinite bucket has a rule all the same.
type fake2 struct {
	version  string
	buckets  map[string]int64  // seconds that each keeps, 0 for ever; its id is "id-" and its name
	mappings map[string]string // database to bucket; the id is "dbrp-" and the database
	virtual  bool              // each bucket has a mapping of itself
	readOnly bool              // the token
	changes  int
}

const fakeOrg, fakeOrgID = "modellregion", "0a0b0c0d0e0f0001"

func (f *fake2) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Influxdb-Build", "OSS")
	w.Header().Set("X-Influxdb-Version", f.version)
	if r.URL.Path == "/ping" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Header.Get("Authorization") != "Token secret" {
		f.fail(w, http.StatusUnauthorized, "unauthorized", "unauthorized access")
		return
	}
	if f.readOnly && r.Method != http.MethodGet {
		f.fail(w, http.StatusUnauthorized, "unauthorized", "write:orgs/"+fakeOrgID+"/buckets is unauthorized")
		return
	}
	switch path, q := r.URL.Path, r.URL.Query(); {
	case q.Get("org") != "" && q.Get("org") != fakeOrg:
		f.fail(w, http.StatusNotFound, "not found", fmt.Sprintf("organization name %q not found", q.Get("org")))
	case path == "/api/v2/orgs":
		f.answer(w, http.StatusOK, map[string]any{"orgs": []any{map[string]string{"id": fakeOrgID, "name": fakeOrg}}})
	case path == "/api/v2/buckets" && r.Method == http.MethodGet:
		if _, ok := f.buckets[q.Get("name")]; !ok {
			f.fail(w, http.StatusNotFound, "not found", fmt.Sprintf("bucket %q not found", q.Get("name")))
			return
		}
		f.answer(w, http.StatusOK, map[string]any{"buckets": []any{f.bucket(q.Get("name"))}})
	case strings.HasPrefix(path, "/api/v2/buckets"):
		f.changeBucket(w, r)
	case path == "/api/v2/dbrps":
		f.dbrps(w, r)
	default:
		f.fail(w, http.StatusNotFound, "not found", "path not found")
	}
}

func (f *fake2) changeBucket(w http.ResponseWriter, r *http.Request) {
	var body struct {
		OrgID, Name    string
		RetentionRules []struct{ EverySeconds int64 }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		f.fail(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	name, status := body.Name, http.StatusCreated
	if r.Method == http.MethodPatch {
		name, status = strings.TrimPrefix(r.URL.Path, "/api/v2/buckets/id-"), http.StatusOK
	} else if body.OrgID != fakeOrgID {
		f.fail(w, http.StatusBadRequest, "invalid", "organization id must be provided")
		return
	}
	if _, ok := f.buckets[name]; ok != (r.Method == http.MethodPatch) {
		f.fail(w, http.StatusUnprocessableEntity, "conflict", fmt.Sprintf("bucket with name %s already exists", name))
		return
	}
	f.changes++
	if len(body.RetentionRules) > 0 { // of a PATCH without a rule nothing follows
		f.buckets[name] = body.RetentionRules[0].EverySeconds
	} else if r.Method == http.MethodPost {
		f.buckets[name] = 0
	}
	f.answer(w, status, f.bucket(name))
}

func (f *fake2) dbrps(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		db, list := r.URL.Query().Get("db"), []any{}
		if bucket, ok := f.mappings[db]; ok {
			list = append(list, f.mapping("dbrp-"+db, db, db, bucket, true, false))
		}
		if _, ok := f.buckets[db]; ok && f.virtual {
			list = append(list, f.mapping("id-"+db, db, "autogen", db, f.mappings[db] != db, true))
		}
		f.answer(w, http.StatusOK, map[string]any{"content": list})
		return
	}
	var body struct {
		OrgID, BucketID, Database string
		RetentionPolicy           string `json:"retention_policy"`
		Default                   bool
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.OrgID != fakeOrgID || body.RetentionPolicy == "" {
		f.fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("DBRP provided is invalid: %+v %v", body, err))
		return
	}
	if _, ok := f.mappings[body.Database]; ok {
		f.fail(w, http.StatusUnprocessableEntity, "conflict", "another DBRP mapping with same orgID, db, and rp exists")
		return
	}
	f.changes++
	bucket := strings.TrimPrefix(body.BucketID, "id-")
	f.mappings[body.Database] = bucket
	f.answer(w, http.StatusCreated, f.mapping("dbrp-"+body.Database, body.Database, body.RetentionPolicy, bucket, true, false))
}

func (f *fake2) bucket(name string) map[string]any {
	return map[string]any{
		"id": "id-" + name, "orgID": fakeOrgID, "type": "user", "name": name, "createdAt": "2026-11-24T10:00:00.123456789Z",
		"retentionRules": []any{map[string]any{"type": "expire", "everySeconds": f.buckets[name], "shardGroupDurationSeconds": 86400}},
		"links":          map[string]string{"self": "/api/v2/buckets/id-" + name}, "labels": []any{},
	}
}

func (f *fake2) mapping(id, db, policy, bucket string, isDefault, virtual bool) map[string]any {
	return map[string]any{
		"id": id, "orgID": fakeOrgID, "bucketID": "id-" + bucket, "database": db, "retention_policy": policy, "default": isDefault, "virtual": virtual,
	}
}

func (f *fake2) fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Platform-Error-Code", code)
	f.answer(w, status, map[string]string{"code": code, "message": message})
}

func (f *fake2) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client sees that it ends
}
