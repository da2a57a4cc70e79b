package dashboards

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"modellregion/internal/durable"
	"modellregion/internal/influx"
)

// ExportOptions adapt the files to one installation.
type ExportOptions struct {
	PublicURL string // see Options
	// ProvisioningDir is the absolute path under which Grafana will find the
	// exported folder "provisioning"; empty is that of Grafana's packages,
	// /etc/grafana/provisioning.
	ProvisioningDir string
}

// Export writes into dir what Grafana provisions itself from:
//
//	provisioning/datasources/modellregion.yaml
//	provisioning/dashboards/modellregion.yaml
//	provisioning/dashboards/modellregion/*.json
//
// The data source takes address, user and password of InfluxDB from the
// environment of Grafana. Files of these names are replaced, each at once, so
// that a Grafana that watches them never reads half of one; others are left.
func Export(dir string, o ExportOptions) error {
	if o.ProvisioningDir == "" {
		o.ProvisioningDir = "/etc/grafana/provisioning"
	}
	all, err := All(Options{PublicURL: o.PublicURL})
	if err != nil {
		return err
	}
	provisioning := filepath.Join(dir, "provisioning")
	names := map[string]string{
		"Source": DataSourceName, "SourceUID": DataSourceUID, "Database": influx.Raw,
		"Folder": FolderTitle, "FolderUID": FolderUID,
		"Path": o.ProvisioningDir + "/dashboards/modellregion",
	}
	for folder, text := range map[string]string{"datasources": dataSourceYAML, "dashboards": providerYAML} {
		var content bytes.Buffer
		if err := template.Must(template.New(folder).Parse(text)).Execute(&content, names); err != nil {
			return fmt.Errorf("render %s for Grafana: %w", folder, err)
		}
		if err := replace(filepath.Join(provisioning, folder, "modellregion.yaml"), content.Bytes()); err != nil {
			return err
		}
	}
	for _, d := range all {
		if err := replace(filepath.Join(provisioning, "dashboards", "modellregion", d.UID+".json"), d.JSON); err != nil {
			return err
		}
	}
	return nil
}

const dataSourceYAML = `# Datenquelle für Grafana: InfluxDB mit InfluxQL. Grafana liest diese Werte aus
# seiner Umgebung; das Passwort kann auch aus einer Datei kommen: $__file{/pfad}.
# Das Zeichen $ darf in keinem der Werte stehen, Grafana würde es ersetzen.
apiVersion: 1
datasources:
  - name: {{printf "%q" .Source}}
    uid: {{printf "%q" .SourceUID}}
    type: influxdb
    access: proxy
    url: "$__env{MODELLREGION_INFLUX_URL}"
    user: "$__env{MODELLREGION_INFLUX_USERNAME}"
    database: {{printf "%q" .Database}}
    editable: false
    jsonData:
      dbName: {{printf "%q" .Database}}
      httpMode: POST
    secureJsonData:
      password: "$__env{MODELLREGION_INFLUX_PASSWORD}"
`

const providerYAML = `# Dashboards der Modellregion; Grafana liest geänderte Dateien von selbst neu.
apiVersion: 1
providers:
  - name: {{printf "%q" .Folder}}
    folder: {{printf "%q" .Folder}}
    folderUid: {{printf "%q" .FolderUID}}
    type: file
    allowUiUpdates: false
    updateIntervalSeconds: 30
    options:
      path: {{printf "%q" .Path}}
`

// replace writes the file, readable for all, as a whole or not at all.
func replace(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("create folder for %s: %w", name, err)
	}
	return durable.WriteFile(name, content, 0o644)
}
