package dashboards

import (
	"path/filepath"
	"slices"
	"strings"
)

const (
	aboutRules = `Alarmregeln der Modellregion. Grafana liest sie beim Start; danach sind sie nur hier zu ändern.`

	aboutContacts = `Wer Alarme bekommt. Geheimnisse liest Grafana aus seiner Umgebung.`

	aboutPolicies = `Welcher Alarm zu wem geht. Achtung: Grafana ersetzt damit ALLE Benachrichtigungsregeln,
auch die, die mit der Modellregion nichts zu tun haben.`
)

type fileGroup struct {
	OrgID    int         `json:"orgId"`
	Name     string      `json:"name"`
	Folder   string      `json:"folder"`
	Interval string      `json:"interval"`
	Rules    []alertRule `json:"rules"`
}

type fileContact struct {
	OrgID     int            `json:"orgId"`
	Name      string         `json:"name"`
	Receivers []fileReceiver `json:"receivers"`
}

type fileReceiver struct {
	UID      string         `json:"uid"`
	Type     string         `json:"type"`
	Settings map[string]any `json:"settings"`
}

// exportAlerting writes the definitions of alert rules and contact points in
// the form of files. There Grafana replaces $NAME in labels and in the settings
// of contact points, but neither in annotations nor in queries.
func (c Config) exportAlerting(dir string, policies bool) error {
	var groups []fileGroup
	for _, r := range c.alertRules(DataSourceUID) {
		i := slices.IndexFunc(groups, func(g fileGroup) bool { return g.Name == r.RuleGroup })
		if i < 0 {
			i = len(groups)
			groups = append(groups, fileGroup{OrgID: 1, Name: r.RuleGroup, Folder: FolderTitle, Interval: evaluateEvery})
		}
		r.FolderUID, r.RuleGroup = "", ""
		groups[i].Rules = append(groups[i].Rules, r)
	}
	if err := exportYAML(filepath.Join(dir, "modellregion-rules.yaml"), aboutRules, map[string]any{"apiVersion": 1, "groups": groups}); err != nil {
		return err
	}
	if len(c.ContactPoints) == 0 {
		return nil
	}
	var contacts []fileContact
	for _, p := range c.ContactPoints {
		f := fileContact{OrgID: 1, Name: p.title()}
		for _, way := range p.receivers() {
			f.Receivers = append(f.Receivers, fileReceiver{UID: way.UID, Type: way.Type, Settings: fileSettings(p.Name, way.Settings)})
		}
		contacts = append(contacts, f)
	}
	if err := exportYAML(filepath.Join(dir, "modellregion-contacts.yaml"), aboutContacts, map[string]any{"apiVersion": 1, "contactPoints": contacts}); err != nil {
		return err
	}
	if !policies {
		return nil
	}
	tree := map[string]any{
		"orgId": 1, "receiver": c.ContactPoints[0].title(), "group_by": []string{"grafana_folder", "alertname"}, "routes": []any{c.route()},
	}
	return exportYAML(filepath.Join(dir, "modellregion-policies.yaml"), aboutPolicies, map[string]any{"apiVersion": 1, "policies": []any{tree}})
}

// fileSettings are the settings of a way to a contact point with the names of
// environment variables in place of secrets.
func fileSettings(contact string, settings map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range settings {
		if text, ok := value.(string); ok {
			value = strings.ReplaceAll(text, "$", "$$")
		}
		if slices.Contains(secretSettings(), key) {
			value = "$__env{" + SecretVariable(contact) + "}"
		}
		out[key] = value
	}
	return out
}

// SecretVariable is the environment variable from which Grafana takes the
// secret of a contact point's webhook when it is provisioned by files.
func SecretVariable(contact string) string {
	return "MODELLREGION_CONTACT_" + strings.ToUpper(strings.ReplaceAll(contact, "-", "_")) + "_SECRET"
}
