package dashboards

import (
	"maps"
	"strings"
)

// ContactPoint is who is told of alarms, by mail, a webhook or both.
type ContactPoint struct {
	Name           string   // lower-case letters, digits and hyphens, at most MaxContactName
	Mail           []string // addresses
	Webhook        *Webhook
	Municipalities []string // ids of those whose alarms; empty: all, and those of no municipality
	Areas          []Area   // empty: all
}

// MaxContactName is how long the name of a contact point may be, in bytes.
const MaxContactName = 20

// Webhook is an address that is sent alarms as JSON, with at most one login.
type Webhook struct {
	URL                string
	Username, Password string
	Token              string // in a header Authorization: Bearer
}

const (
	contactUID   = FolderUID + "-"
	contactTitle = FolderTitle + " "
	redacted     = "[REDACTED]" // what Grafana shows of a secret
)

// receiver is a way to a contact point, as Grafana's API has it. Those with one
// name are one contact point.
type receiver struct {
	UID                   string         `json:"uid"`
	Name                  string         `json:"name"`
	Type                  string         `json:"type"`
	Settings              map[string]any `json:"settings"`
	DisableResolveMessage bool           `json:"disableResolveMessage"`
	Provenance            string         `json:"provenance,omitempty"` // in answers
}

// What a mail says. The webhook has all of it as JSON.
const (
	mailSubject = `{{ if eq .Status "firing" }}Alarm{{ else }}Entwarnung{{ end }}: {{ .CommonLabels.alertname }}{{ with .CommonLabels.municipality }} ({{ . }}){{ end }}`
	mailMessage = `{{ range .Alerts.Firing }}{{ .Annotations.summary }}
Was zu tun ist: {{ .Annotations.description }}
Leitstand: {{ .Annotations.leitstand }}

{{ end }}{{ range .Alerts.Resolved }}Vorbei: {{ .Annotations.summary }}
{{ end }}`
)

func (p *ContactPoint) title() string { return contactTitle + p.Name }

// receivers are the ways to the contact point, with their secrets.
func (p *ContactPoint) receivers() []receiver {
	var all []receiver
	add := func(kind string, settings map[string]any) {
		all = append(all, receiver{UID: contactUID + p.Name + "-" + kind, Name: p.title(), Type: kind, Settings: settings})
	}
	if len(p.Mail) > 0 {
		add("email", map[string]any{"addresses": strings.Join(p.Mail, ";"), "singleEmail": false, "subject": mailSubject, "message": mailMessage})
	}
	if w := p.Webhook; w != nil {
		settings := map[string]any{"url": w.URL, "httpMethod": "POST"}
		if w.Username != "" {
			settings["username"], settings["password"] = w.Username, w.Password
		}
		if w.Token != "" {
			settings["authorization_scheme"], settings["authorization_credentials"] = "Bearer", w.Token
		}
		add("webhook", settings)
	}
	return all
}

// secretSettings are the settings that Grafana does not show.
func secretSettings() []string { return []string{"password", "authorization_credentials"} }

// withoutSecrets returns the settings as Grafana shows them.
func withoutSecrets(settings map[string]any) map[string]any {
	shown := maps.Clone(settings)
	for _, key := range secretSettings() {
		if _, ok := shown[key]; ok {
			shown[key] = redacted
		}
	}
	return shown
}

// route is the branch of Grafana's tree of notification policies that is ours:
// alarms with our mark go to each contact point that wants them. Alarms that
// none wants go where Grafana's own policy says. It returns nil when nobody is
// to be told.
func (c Config) route() map[string]any {
	if len(c.ContactPoints) == 0 {
		return nil
	}
	ours := []any{labelMark, "=", markAlarm}
	var branches []any
	for _, p := range c.ContactPoints {
		matchers := []any{ours}
		if len(p.Municipalities) > 0 {
			matchers = append(matchers, []any{"municipality", "=~", strings.Join(p.Municipalities, "|")})
		}
		if len(p.Areas) > 0 {
			var titles []string
			for _, a := range p.Areas {
				titles = append(titles, a.title())
			}
			matchers = append(matchers, []any{labelArea, "=~", strings.Join(titles, "|")})
		}
		branches = append(branches, map[string]any{"receiver": p.title(), "object_matchers": matchers, "continue": true})
	}
	return map[string]any{
		"object_matchers": []any{ours},
		"group_by":        []any{"alertname", "municipality"}, // one message for a night of ice, not one for each bridge
		"group_wait":      "30s",
		"group_interval":  "5m",
		"repeat_interval": "4h",
		"routes":          branches,
	}
}

// isOurRoute reports whether a branch of the tree is the one that route makes.
func isOurRoute(branch any) bool {
	b, _ := branch.(map[string]any)
	for _, m := range members(b["object_matchers"]) {
		if parts := members(m); len(parts) == 3 && parts[0] == labelMark && parts[1] == "=" && parts[2] == markAlarm {
			return true
		}
	}
	return false
}
