package main

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// grafanaConfig is what the dashboards command does in Grafana. Every program
// reads it, and only that command uses it.
type grafanaConfig struct {
	URL       string `yaml:"url"`
	TokenFile string `yaml:"token_file"` // of a service account with the role Admin

	// InfluxDB as Grafana reaches it, and a login that may read bucket raw.
	// Empty: that of influx, with the reader of the embedded database.
	InfluxURL          string `yaml:"influx_url"`
	InfluxTokenFile    string `yaml:"influx_token_file"`
	InfluxUsername     string `yaml:"influx_username"`
	InfluxPasswordFile string `yaml:"influx_password_file"`

	ContactPoints []contactConfig `yaml:"contact_points"` // none: alarms go where Grafana's own policy says
	Teams         []teamConfig    `yaml:"teams"`          // none: who may read is left to Grafana
}

// contactConfig is who is told of alarms, by mail, a webhook or both.
type contactConfig struct {
	Name                string   `yaml:"name"`
	Mail                []string `yaml:"mail"`
	Webhook             string   `yaml:"webhook"`
	WebhookTokenFile    string   `yaml:"webhook_token_file"`
	WebhookUsername     string   `yaml:"webhook_username"`
	WebhookPasswordFile string   `yaml:"webhook_password_file"`
	Municipalities      []string `yaml:"municipalities"` // empty: all
	Areas               []string `yaml:"areas"`          // of alarmAreas; empty: all
}

// teamConfig is a team of Grafana and what it may read.
type teamConfig struct {
	Name         string `yaml:"name"`
	Municipality string `yaml:"municipality"` // empty: all of the region
}

// alarmAreas are those of dashboards.Areas, which a program with the ingest
// alone does not have.
func alarmAreas() []string { return []string{"traffic", "energy", "road", "radio", "platform"} }

// contactName leaves room in Grafana's limit of 40 for what stands around it.
var contactName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

// checkGrafana finds what is wrong with the key grafana.
func (c *config) checkGrafana(need need) {
	g := &c.Grafana
	towns := map[string]bool{}
	for _, m := range c.Region.Municipalities {
		towns[m.ID] = true
	}
	need(g.URL == "" || isLink(g.URL, "http", "https"), "grafana.url", "%q, want http:// or https://host, like https://grafana.musterstadt.example", redacted(g.URL))
	need(g.InfluxURL == "" || isLink(g.InfluxURL, "http", "https"), "grafana.influx_url", "%q, want http:// or https://host:port, like http://influxdb:8086", redacted(g.InfluxURL))
	need(g.InfluxTokenFile == "" || g.InfluxUsername == "", "grafana", "want either influx_token_file, for InfluxDB 2 and 3, or influx_username with influx_password_file, for 1.8")
	need((g.InfluxUsername == "") == (g.InfluxPasswordFile == ""), "grafana.influx_password_file", "must be given with influx_username, and influx_username with it")
	need(g.URL == "" || c.Influx.URL == "" || g.InfluxTokenFile+g.InfluxUsername != "", "grafana.influx_token_file",
		"must be given, like /etc/modellregion/influx-reader-token: a login for Grafana that may read bucket raw and nothing else; or influx_username")
	seen := map[string]bool{}
	for i := range g.ContactPoints {
		p := &g.ContactPoints[i]
		at := fmt.Sprintf("grafana.contact_points[%d]", i)
		need(contactName.MatchString(p.Name), at+".name", "%.64q, want up to 20 lower-case letters, digits and hyphens like bauhof", p.Name)
		need(!seen[p.Name], at+".name", "%q is there twice", p.Name)
		seen[p.Name] = true
		p.check(need, at)
		for j, id := range p.Municipalities {
			need(towns[id], fmt.Sprintf("%s.municipalities[%d]", at, j), "%.64q is not in region.municipalities", id)
		}
	}
	teams := map[teamConfig]bool{}
	for i, t := range g.Teams {
		at := fmt.Sprintf("grafana.teams[%d]", i)
		need(t.Name != "" && len(t.Name) <= 100 && strings.TrimSpace(t.Name) == t.Name, at+".name", "%.64q, want the name of a team in Grafana like Stadt Soest", t.Name)
		need(t.Municipality == "" || towns[t.Municipality], at+".municipality", "%.64q is not in region.municipalities", t.Municipality)
		need(!teams[t], at, "%q is there twice", t.Name)
		teams[t] = true
	}
}

// check finds what is wrong with the ways to a contact point.
func (p *contactConfig) check(need need, at string) {
	need(len(p.Mail) > 0 || p.Webhook != "", at, "want mail, like [bauhof@musterstadt.example], or webhook, like https://alarm.musterstadt.example/")
	for j, address := range p.Mail {
		parsed, err := mail.ParseAddress(address)
		need(err == nil && parsed.Address == address && !strings.ContainsAny(address, ";,<>\""), fmt.Sprintf("%s.mail[%d]", at, j),
			"%.100q, want an address like bauhof@musterstadt.example", address)
	}
	need(p.Webhook == "" || isLink(p.Webhook, "http", "https"), at+".webhook", "%q, want http:// or https://host/path, with user and password in keys of their own", redacted(p.Webhook))
	need(p.Webhook != "" || p.WebhookTokenFile+p.WebhookUsername+p.WebhookPasswordFile == "", at+".webhook", "must be given with a login for it, like https://alarm.musterstadt.example/")
	need(p.WebhookTokenFile == "" || p.WebhookUsername == "", at, "want either webhook_token_file or webhook_username with webhook_password_file")
	need((p.WebhookUsername == "") == (p.WebhookPasswordFile == ""), at+".webhook_password_file", "must be given with webhook_username, and webhook_username with it")
	for j, area := range p.Areas {
		need(slices.Contains(alarmAreas(), area), fmt.Sprintf("%s.areas[%d]", at, j), "%.64q, want one of %s", area, strings.Join(alarmAreas(), ", "))
	}
}
