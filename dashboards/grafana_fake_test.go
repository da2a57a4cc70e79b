package dashboards

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// fakeAlerting is the provisioning API of Grafana's alerting, and as much of
// its Alertmanager as a trial needs: it really sends webhooks.
type fakeAlerting struct {
	rules    []map[string]any
	contacts []map[string]any
	tree     map[string]any
}

func newFakeAlerting() fakeAlerting {
	return fakeAlerting{
		contacts: []map[string]any{{"uid": "", "name": "grafana-default-email", "type": "email", "settings": map[string]any{"addresses": "<example@email.com>"}}},
		tree:     map[string]any{"receiver": "grafana-default-email", "group_by": []any{"grafana_folder", "alertname"}},
	}
}

func (a *fakeAlerting) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v1/provisioning/alert-rules", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, a.rules) })
	mux.HandleFunc("GET /api/v1/provisioning/alert-rules/{uid}", a.getRule)
	mux.HandleFunc("POST /api/v1/provisioning/alert-rules", a.postRule)
	mux.HandleFunc("PUT /api/v1/provisioning/alert-rules/{uid}", a.putRule)
	mux.HandleFunc("DELETE /api/v1/provisioning/alert-rules/{uid}", a.deleteRule)
	mux.HandleFunc("GET /api/v1/provisioning/contact-points", a.getContacts)
	mux.HandleFunc("POST /api/v1/provisioning/contact-points", a.postContact)
	mux.HandleFunc("PUT /api/v1/provisioning/contact-points/{uid}", a.putContact)
	mux.HandleFunc("DELETE /api/v1/provisioning/contact-points/{uid}", a.deleteContact)
	mux.HandleFunc("GET /api/v1/provisioning/policies", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, a.tree) })
	mux.HandleFunc("PUT /api/v1/provisioning/policies", a.putTree)
	mux.HandleFunc("POST /api/alertmanager/grafana/config/api/v1/receivers/test", a.try)
}

// provenance is what a write makes of a thing: without the header the API alone
// may change it from then on.
func provenance(r *http.Request) string {
	if r.Header.Get("X-Disable-Provenance") != "" {
		return ""
	}
	return "api"
}

// locked refuses a change of origin, as Grafana does.
func locked(w http.ResponseWriter, r *http.Request, have map[string]any) bool {
	stored, _ := have["provenance"].(string)
	if stored == "" || stored == provenance(r) {
		return false
	}
	say(w, 500, fmt.Sprintf("cannot change provenance from '%s' to '%s'", stored, provenance(r)))
	return true
}

func (a *fakeAlerting) getRule(w http.ResponseWriter, r *http.Request) {
	i := with(a.rules, "uid", r.PathValue("uid"))
	if i < 0 {
		w.WriteHeader(404) // with nothing in it
		return
	}
	answerJSON(w, 200, a.rules[i])
}

func (a *fakeAlerting) wrong(w http.ResponseWriter, v map[string]any, self int) bool {
	refIDs := map[string]bool{}
	for _, d := range members(v["data"]) {
		refIDs[fmt.Sprint(d.(map[string]any)["refId"])] = true
	}
	switch {
	case v["title"] == "" || v["ruleGroup"] == "" || v["folderUID"] == "":
		say(w, 400, "invalid alert rule: no title, group or folder")
	case !refIDs[fmt.Sprint(v["condition"])]:
		say(w, 400, fmt.Sprintf("invalid alert rule: condition %v does not exist", v["condition"]))
	case slices.IndexFunc(a.rules, func(m map[string]any) bool { return m["title"] == v["title"] && m["folderUID"] == v["folderUID"] }) != self &&
		with(a.rules, "title", v["title"]) >= 0:
		say(w, 400, "a conflicting alert rule is found: rule title under the same organisation and folder should be unique")
	default:
		return false
	}
	return true
}

func (a *fakeAlerting) postRule(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	if a.wrong(w, v, -1) {
		return
	}
	v["id"], v["orgID"], v["provenance"] = len(a.rules)+1, 1, provenance(r)
	a.rules = append(a.rules, v)
	answerJSON(w, 201, v)
}

func (a *fakeAlerting) putRule(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	i := with(a.rules, "uid", r.PathValue("uid"))
	if i < 0 {
		w.WriteHeader(404)
		return
	}
	if locked(w, r, a.rules[i]) || a.wrong(w, v, i) {
		return
	}
	v["id"], v["orgID"], v["provenance"] = a.rules[i]["id"], 1, provenance(r)
	a.rules[i] = v
	answerJSON(w, 200, v)
}

func (a *fakeAlerting) deleteRule(w http.ResponseWriter, r *http.Request) {
	i := with(a.rules, "uid", r.PathValue("uid"))
	if i >= 0 {
		if locked(w, r, a.rules[i]) {
			return
		}
		a.rules = slices.Delete(a.rules, i, i+1)
	}
	w.WriteHeader(204)
}

func (a *fakeAlerting) getContacts(w http.ResponseWriter, _ *http.Request) {
	shown := []map[string]any{}
	for _, c := range a.contacts {
		c = maps.Clone(c)
		c["settings"] = withoutSecrets(c["settings"].(map[string]any))
		shown = append(shown, c)
	}
	answerJSON(w, 200, shown)
}

func invalidContact(w http.ResponseWriter, v map[string]any) bool {
	settings, _ := v["settings"].(map[string]any)
	switch {
	case v["type"] == "email" && settings["addresses"] == nil:
		say(w, 400, "invalid object specification: could not find addresses in settings")
	case v["type"] == "webhook" && settings["url"] == nil:
		say(w, 400, "invalid object specification: required field 'url' is not specified")
	default:
		return false
	}
	return true
}

func (a *fakeAlerting) postContact(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	if invalidContact(w, v) {
		return
	}
	v["provenance"] = provenance(r)
	a.contacts = append(a.contacts, v)
	answerJSON(w, 202, v)
}

func (a *fakeAlerting) putContact(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	i := with(a.contacts, "uid", r.PathValue("uid"))
	if i < 0 {
		say(w, 404, "contact point not found")
		return
	}
	if locked(w, r, a.contacts[i]) || invalidContact(w, v) {
		return
	}
	v["provenance"] = provenance(r)
	a.contacts[i] = v
	answerJSON(w, 202, map[string]any{"message": "contactpoint updated"})
}

func (a *fakeAlerting) deleteContact(w http.ResponseWriter, r *http.Request) {
	i := with(a.contacts, "uid", r.PathValue("uid"))
	if i < 0 {
		say(w, 404, "contact point not found")
		return
	}
	name := a.contacts[i]["name"]
	left := slices.Delete(slices.Clone(a.contacts), i, i+1)
	if with(left, "name", name) < 0 && usedBy(a.tree, name) {
		say(w, 409, fmt.Sprintf("contact point '%s' is currently used by a notification policy", name))
		return
	}
	a.contacts = left
	answerJSON(w, 202, map[string]any{"message": "contactpoint deleted"})
}

func usedBy(branch map[string]any, name any) bool {
	if branch["receiver"] == name {
		return true
	}
	return slices.ContainsFunc(members(branch["routes"]), func(b any) bool { return usedBy(b.(map[string]any), name) })
}

// putTree replaces the whole tree, as Grafana does.
func (a *fakeAlerting) putTree(w http.ResponseWriter, r *http.Request) {
	v := read(w, r)
	if locked(w, r, a.tree) {
		return
	}
	var unknown string
	var check func(branch map[string]any)
	check = func(branch map[string]any) {
		if name, ok := branch["receiver"].(string); ok && with(a.contacts, "name", name) < 0 {
			unknown = name
		}
		for _, b := range members(branch["routes"]) {
			check(b.(map[string]any))
		}
	}
	if check(v); unknown != "" {
		say(w, 400, fmt.Sprintf("invalid object specification: receiver '%s' does not exist", unknown))
		return
	}
	if p := provenance(r); p != "" {
		v["provenance"] = p
	}
	a.tree = v
	answerJSON(w, 202, map[string]any{"message": "policies updated"})
}

// try sends a trial to each receiver of the request.
func (a *fakeAlerting) try(w http.ResponseWriter, r *http.Request) {
	var v struct {
		Alert     struct{ Labels, Annotations map[string]string }
		Receivers []struct {
			Name    string
			Configs []trialReceiver `json:"grafana_managed_receiver_configs"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		say(w, 400, "bad request data")
		return
	}
	status := 200
	var receivers []any
	for _, rc := range v.Receivers {
		var configs []any
		for _, c := range rc.Configs {
			result := map[string]any{"name": c.Name, "uid": c.UID, "status": "ok"}
			if c.Type == "webhook" {
				all := maps.Clone(c.Settings)
				maps.Copy(all, c.SecureSettings)
				if err := sendWebhook(rc.Name, all, []notified{{Status: "firing", Labels: v.Alert.Labels, Annotations: v.Alert.Annotations}}); err != nil {
					result["status"], result["error"] = "failed", err.Error()
					status = 400
				}
			}
			configs = append(configs, result)
		}
		receivers = append(receivers, map[string]any{"name": rc.Name, "grafana_managed_receiver_configs": configs})
	}
	answerJSON(w, status, map[string]any{"alert": v.Alert, "receivers": receivers})
}

// notified is an alarm within a webhook.
type notified struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// sendWebhook sends what Grafana's webhook notifier documents.
func sendWebhook(receiver string, settings map[string]any, alarms []notified) error {
	body, err := json.Marshal(map[string]any{
		"receiver": receiver, "status": "firing", "orgId": 1, "alerts": alarms, "version": "1", "truncatedAlerts": 0,
		"groupLabels": map[string]string{"alertname": alarms[0].Labels["alertname"]}, "state": "alerting",
	})
	if err != nil {
		return err
	}
	method, _ := settings["httpMethod"].(string)
	req, err := http.NewRequest(cmp.Or(method, "POST"), fmt.Sprint(settings["url"]), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if user, ok := settings["username"].(string); ok {
		req.SetBasicAuth(user, fmt.Sprint(settings["password"]))
	}
	if scheme, ok := settings["authorization_scheme"].(string); ok {
		req.Header.Set("Authorization", strings.TrimSpace(fmt.Sprint(scheme, " ", settings["authorization_credentials"])))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("webhook response status %s", resp.Status)
	}
	return nil
}
