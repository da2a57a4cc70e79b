package dashboards

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"modellregion/internal/durable"
)

// ExportOptions adapt the files to one installation.
type ExportOptions struct {
	// ProvisioningDir is the absolute path under which Grafana will find the
	// exported folder "provisioning"; empty is that of Grafana's packages,
	// /etc/grafana/provisioning.
	ProvisioningDir string
	// Policies writes the notification policies too. From a file Grafana
	// replaces all that it has, those of others as well.
	Policies bool
}

// Export writes into dir what Grafana provisions itself from:
//
//	provisioning/datasources/modellregion.yaml
//	provisioning/dashboards/modellregion.yaml
//	provisioning/dashboards/modellregion/*.json, and a folder for each municipality that has one
//	provisioning/alerting/modellregion-rules.yaml, and -contacts and -policies
//
// Of c it takes what concerns these; URL is only linked to from alarms. Secrets
// are not written: Grafana takes them, and the address of InfluxDB, from its
// environment. Files of these names are replaced, each at once, so that a
// Grafana that watches them never reads half of one; others are left.
func Export(dir string, c Config, o ExportOptions) error {
	o.ProvisioningDir = cmp.Or(o.ProvisioningDir, "/etc/grafana/provisioning")
	all, err := All(Options{PublicURL: c.PublicURL, Datasets: c.Datasets})
	if err != nil {
		return err
	}
	provisioning := filepath.Join(dir, "provisioning")
	if err := exportYAML(filepath.Join(provisioning, "datasources", "modellregion.yaml"), aboutSource, c.sourceFile()); err != nil {
		return err
	}
	var providers []fileProvider
	for _, s := range c.scopes() {
		inFolder, err := s.dashboards(all)
		if err != nil {
			return err
		}
		for _, d := range inFolder {
			if err := replace(filepath.Join(provisioning, "dashboards", s.uid, d.UID+".json"), d.JSON); err != nil {
				return err
			}
		}
		providers = append(providers, fileProvider{
			Name: s.title, Folder: s.title, FolderUID: s.uid, Type: "file", Seconds: 30,
			Options: map[string]string{"path": o.ProvisioningDir + "/dashboards/" + s.uid},
		})
	}
	boards := struct {
		APIVersion int            `json:"apiVersion"`
		Providers  []fileProvider `json:"providers"`
	}{1, providers}
	if err := exportYAML(filepath.Join(provisioning, "dashboards", "modellregion.yaml"), aboutBoards, boards); err != nil {
		return err
	}
	return c.exportAlerting(filepath.Join(provisioning, "alerting"), o.Policies)
}

type fileProvider struct {
	Name           string            `json:"name"`
	Folder         string            `json:"folder"`
	FolderUID      string            `json:"folderUid"`
	Type           string            `json:"type"`
	AllowUIUpdates bool              `json:"allowUiUpdates"`
	Seconds        int               `json:"updateIntervalSeconds"`
	Options        map[string]string `json:"options"`
}

const (
	aboutSource = `Datenquellen für Grafana: InfluxDB mit InfluxQL. Grafana liest Adresse und Anmeldung
aus seiner Umgebung; ein Geheimnis kann auch aus einer Datei kommen: $__file{/pfad}.
Das Zeichen $ darf in keinem der Werte stehen, Grafana würde es ersetzen.`
	aboutBoards = `Dashboards der Modellregion; Grafana liest geänderte Dateien von selbst neu.`
)

type fileSource struct {
	Name           string         `json:"name"`
	UID            string         `json:"uid"`
	Type           string         `json:"type"`
	Access         string         `json:"access"`
	URL            string         `json:"url"`
	User           string         `json:"user,omitempty"`
	Database       string         `json:"database"`
	Editable       bool           `json:"editable"`
	JSONData       map[string]any `json:"jsonData"`
	SecureJSONData map[string]any `json:"secureJsonData"`
}

// sourceFile is the data sources, with a token where c has one and else with
// user and password.
func (c Config) sourceFile() any {
	const user, password = "$__env{MODELLREGION_INFLUX_USERNAME}", "$__env{MODELLREGION_INFLUX_PASSWORD}"
	db := InfluxDB{URL: "$__env{MODELLREGION_INFLUX_URL}", Username: user, Password: password}
	if c.InfluxDB.Token != "" {
		db.Username, db.Password, db.Token = "", "", "$__env{MODELLREGION_INFLUX_TOKEN}"
	}
	var all []fileSource
	for _, source := range c.InfluxDB.sources() {
		s := source.settings(db)
		all = append(all, fileSource{
			Name: s.Name, UID: s.UID, Type: s.Type, Access: s.Access, URL: s.URL, User: *s.User, Database: *s.Database,
			JSONData: s.JSONData.(map[string]any), SecureJSONData: s.SecureJSONData.(map[string]any),
		})
	}
	return struct {
		APIVersion  int          `json:"apiVersion"`
		Datasources []fileSource `json:"datasources"`
	}{1, all}
}

// exportYAML writes a value that has a form in JSON as YAML, below a comment.
func exportYAML(name, about string, v any) error {
	body, err := yamlOf(v)
	if err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	head := "# " + strings.ReplaceAll(about, "\n", "\n# ") + "\n"
	return replace(name, append([]byte(head), body...))
}

// replace writes the file, readable for all, as a whole or not at all.
func replace(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("create folder for %s: %w", name, err)
	}
	return durable.WriteFile(name, content, 0o644)
}

// yamlOf writes what a value is in JSON as YAML in blocks. Texts are quoted as
// in JSON, which YAML 1.2 contains.
func yamlOf(v any) ([]byte, error) {
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	var y yamlWriter
	dec := json.NewDecoder(strings.NewReader(plain.String()))
	dec.UseNumber()
	if err := y.value(dec, "", false); err != nil {
		return nil, err
	}
	return []byte(strings.TrimPrefix(y.String(), "\n")), nil
}

type yamlWriter struct{ strings.Builder }

// value writes the next value of a document after the colon that leads to it,
// or, in a list, after its dash.
func (y *yamlWriter) value(dec *json.Decoder, indent string, inList bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, composed := token.(json.Delim)
	if !composed {
		text := strings.Builder{}
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(token); err != nil {
			return err
		}
		y.WriteString(" " + text.String()) // with its end of line
		return nil
	}
	if !dec.More() {
		y.WriteString(map[json.Delim]string{'{': " {}\n", '[': " []\n"}[open])
		_, err := dec.Token()
		return err
	}
	begin := "\n" + indent
	if inList {
		begin = " " // the first member stands beside the dash
	}
	for ; dec.More(); begin = indent {
		y.WriteString(begin)
		if open == '[' {
			y.WriteString("-")
		} else {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			y.WriteString(key.(string) + ":")
		}
		if err := y.value(dec, indent+"  ", open == '['); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
