package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"modellregion/uplink"
)

// What the platform is called in Grafana. The uids are fixed, so that links
// and bookmarks survive every update.
const (
	FolderUID      = "modellregion"
	FolderTitle    = "Modellregion"
	DataSourceUID  = "modellregion_influx" // no "-": Grafana 9 answers 404 to proxy/uid/ with one
	DataSourceName = "Modellregion InfluxDB"
	tag            = "modellregion"
)

// Options adapt the dashboards to one installation.
type Options struct {
	DataSourceUID string // of an InfluxQL data source on bucket raw; empty is DataSourceUID
	PublicURL     string // of the open-data portal, linked from every dashboard; empty leaves the link out
}

// Dashboard is one rendered dashboard. JSON is indented, ends with a newline
// and is the same for the same options.
type Dashboard struct {
	UID    string // at most 40 characters, what Grafana allows
	Title  string
	Folder string
	JSON   []byte
}

// All renders the dashboards in the order in which the domains are shown.
func All(o Options) ([]Dashboard, error) {
	if o.DataSourceUID == "" {
		o.DataSourceUID = DataSourceUID
	}
	var all []Dashboard
	for _, b := range []board{traffic(), energy(), road(), environment()} {
		rendered, err := b.render(o)
		if err != nil {
			return nil, fmt.Errorf("render dashboard %s: %w", b.uid, err)
		}
		all = append(all, Dashboard{UID: b.uid, Title: b.title, Folder: FolderTitle, JSON: rendered})
	}
	return all, nil
}

// board describes one dashboard: its rows are its table of contents.
type board struct {
	uid, title, about string
	domain            uplink.Domain
	refresh, from     string // "1m", "now-6h"
	rows              []row
}

// row is a headed group of panels. A collapsed one runs its queries only when
// it is opened.
type row struct {
	title     string
	collapsed bool
	panels    []panel
}

func (b board) render(o Options) ([]byte, error) {
	source := common.DataSourceRef{Type: new("influxdb"), Uid: &o.DataSourceUID}
	builder := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.about).
		Tags([]string{tag, string(b.domain)}).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Refresh(b.refresh).
		Time(b.from, "now").
		WeekStart("monday").
		WithVariable(variable(source, "municipality", "Kommune", municipalities(b.domain))).
		WithVariable(variable(source, "station", "Station", stations(b.domain)))
	for _, r := range b.rows {
		section := dashboard.NewRowBuilder(r.title).Collapsed(r.collapsed)
		if !r.collapsed {
			builder.WithRow(section)
		}
		for _, p := range r.panels {
			built := p.on(b.uid, source)
			if r.collapsed {
				section.WithPanel(built)
			} else {
				builder.WithPanel(built)
			}
		}
		if r.collapsed {
			builder.WithRow(section)
		}
	}
	d, err := builder.Build()
	if err != nil {
		return nil, err
	}
	d.Links = links(o.PublicURL)
	identify(&d)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// variable is a choice of several values or all. The all value is a regular
// expression: listing a thousand stations would make each query as long.
func variable(source common.DataSourceRef, name, label, query string) *dashboard.QueryVariableBuilder {
	all := []string{"$__all"}
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(source).
		Query(dashboard.StringOrMap{String: &query}).
		Multi(true).
		IncludeAll(true).
		AllValue(Every).
		Current(dashboard.VariableOption{
			Selected: new(true),
			Text:     dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value:    dashboard.StringOrArrayOfString{ArrayOfString: all},
		}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalCaseInsensitiveAsc)
}

// links lead from each dashboard to the others, with the same municipality and
// time, and to the public page.
func links(publicURL string) []dashboard.DashboardLink {
	all := []dashboard.DashboardLink{{
		Title:       "Leitstand",
		Type:        dashboard.DashboardLinkTypeDashboards,
		Icon:        "external link",
		Tags:        []string{tag},
		IncludeVars: true,
		KeepTime:    true,
	}}
	if publicURL != "" {
		all = append(all, dashboard.DashboardLink{
			Title:       "Offene Daten",
			Type:        dashboard.DashboardLinkTypeLink,
			Icon:        "external link",
			Tooltip:     "Was die Öffentlichkeit von diesen Messwerten sieht",
			Url:         &publicURL,
			Tags:        []string{},
			TargetBlank: true,
		})
	}
	return all
}

// identify gives every panel its position as id: Grafana would draw ids of its
// own, and a dashboard that was applied would then differ from the code.
func identify(d *dashboard.Dashboard) {
	var id uint32
	next := func() uint32 { id++; return id }
	for i := range d.Panels {
		if p := d.Panels[i].Panel; p != nil {
			p.Id = new(next())
			continue
		}
		r := d.Panels[i].RowPanel
		r.Id = next()
		for j := range r.Panels {
			r.Panels[j].Id = new(next())
		}
	}
}
