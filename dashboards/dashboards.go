package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"modellregion/opendata"
	"modellregion/uplink"
)

// What the platform is called in Grafana. The uids are fixed, so that links
// and bookmarks survive every update. Each bucket has a data source of its own,
// for a query of InfluxDB 3 reads one database.
const (
	FolderUID          = "modellregion"
	FolderTitle        = "Modellregion"
	DataSourceUID      = "modellregion_influx" // of bucket raw; no "-": Grafana 9 answers 404 to proxy/uid/ with one
	DataSourceName     = "Modellregion InfluxDB"
	OpenDataSourceUID  = "modellregion_open" // of bucket open
	OpenDataSourceName = "Modellregion Offene Daten"
	tag                = "modellregion"
)

// Options adapt the dashboards to one installation.
type Options struct {
	DataSourceUID     string // of an InfluxQL data source on bucket raw; empty is DataSourceUID
	OpenDataSourceUID string // of one on bucket open; empty is OpenDataSourceUID
	PublicURL         string // of the open-data portal, linked from every dashboard; empty leaves the links out

	// Datasets are those of the region; nil: opendata.Defaults. A pointer, so that
	// Options can be compared.
	Datasets *[]opendata.Dataset
}

// Dashboard is one rendered dashboard. JSON is indented, ends with a newline
// and is the same for the same options.
type Dashboard struct {
	UID    string // at most 40 characters, what Grafana allows
	Title  string
	Folder string
	JSON   []byte
}

// All renders the dashboards: the domains in the order in which they are
// shown, each before those that it leads to, then the radio network and the
// platform.
func All(o Options) ([]Dashboard, error) {
	if o.DataSourceUID == "" {
		o.DataSourceUID = DataSourceUID
	}
	if o.OpenDataSourceUID == "" {
		o.OpenDataSourceUID = OpenDataSourceUID
	}
	if o.Datasets == nil {
		o.Datasets = new(opendata.Defaults())
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	var all []Dashboard
	for _, b := range []board{traffic(o), counter(o), energy(o), transformer(o), road(o), environment(o), radio(), platform(o)} {
		rendered, err := b.render(o)
		if err != nil {
			return nil, fmt.Errorf("render dashboard %s: %w", b.uid, err)
		}
		all = append(all, Dashboard{UID: b.uid, Title: b.title, Folder: FolderTitle, JSON: rendered})
	}
	return all, nil
}

// dataset returns the id of the region's dataset with the quantity in windows
// of that length. A region without one has the panels without values.
func (o Options) dataset(quantity string, window opendata.Window) string {
	for _, list := range [][]opendata.Dataset{*o.Datasets, opendata.Defaults()} {
		for _, d := range list {
			for _, q := range d.Quantities {
				for _, w := range d.Windows {
					if q == quantity && w == window && d.Households == nil {
						return d.ID
					}
				}
			}
		}
	}
	return "none"
}

// The uids of the dashboards, by which they lead to each other.
const (
	uidTraffic     = "modellregion-verkehr"
	uidCounter     = "modellregion-zaehlstelle"
	uidEnergy      = "modellregion-energienetz"
	uidTransformer = "modellregion-transformator"
	uidRoad        = "modellregion-strassenzustand"
	uidEnvironment = "modellregion-umwelt"
	uidRadio       = "modellregion-funknetz"
	uidPlatform    = "modellregion-plattform"
)

// board describes one dashboard: its rows are its table of contents.
type board struct {
	uid, title, about string
	domain            uplink.Domain // of the stations to choose from; empty: of all domains
	single            bool          // it is about one station
	gateways, edges   bool          // these can be chosen as well
	next              string        // uid of the dashboard about one station; empty: this one, narrowed
	dataset           string        // that the public sees of it; empty: none
	refresh, from     string        // "1m", "now-6h"
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
	builder := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.about).
		Tags([]string{tag}).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Refresh(b.refresh).
		Time(b.from, "now").
		WeekStart("monday")
	for _, v := range b.variables() {
		builder.WithVariable(v.build(sourceRef(o.DataSourceUID)))
	}
	at := place{board: b, options: o}
	for _, r := range b.rows {
		section := dashboard.NewRowBuilder(r.title).Collapsed(r.collapsed)
		if !r.collapsed {
			builder.WithRow(section)
		}
		for _, p := range r.panels {
			built := p.at(at)
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
	d.Links = b.links(o.PublicURL)
	for i := range d.Templating.List {
		if v := &d.Templating.List[i]; v.Hide != nil { // it follows from the others, so no address has to say it
			v.SkipUrlSync = new(true)
		}
	}
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

func sourceRef(uid string) common.DataSourceRef {
	return common.DataSourceRef{Type: new("influxdb"), Uid: &uid}
}

// links lead from each dashboard to the others, with the same municipality and
// time, and to the public page about the same.
func (b board) links(publicURL string) []dashboard.DashboardLink {
	all := []dashboard.DashboardLink{{
		Title:       "Leitstand",
		Type:        dashboard.DashboardLinkTypeDashboards,
		Icon:        "external link",
		Tags:        []string{tag},
		AsDropdown:  true,
		IncludeVars: true,
		KeepTime:    true,
	}}
	if publicURL == "" {
		return all
	}
	page := publicURL + "/"
	switch {
	case b.single:
		page = publicURL + "/station/${station}"
	case b.dataset != "":
		page = publicURL + "/dataset/" + b.dataset
	}
	return append(all, dashboard.DashboardLink{
		Title:       "Offene Daten",
		Type:        dashboard.DashboardLinkTypeLink,
		Icon:        "external link",
		Tooltip:     "Was die Öffentlichkeit von diesen Messwerten sieht",
		Url:         &page,
		Tags:        []string{},
		TargetBlank: true,
	})
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
