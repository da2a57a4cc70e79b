package dashboards

import (
	"context"
	"errors"
	"fmt"

	"modellregion/opendata"
)

// Config says to which Grafana the control room goes and where that finds its
// data.
type Config struct {
	URL            string              // of Grafana: "https://grafana.example.org"
	Token          string              // of a service account with the role Admin, which data sources need; or
	User, Password string              // of an administrator
	Version        string              // of the program, told in the history of dashboards
	PublicURL      string              // see Options
	Datasets       *[]opendata.Dataset // see Options
	InfluxDB       InfluxDB

	Municipalities []Municipality // those that have a folder of their own
	Teams          []string       // who may read the folder of the region, and all others; see rights
	ContactPoints  []ContactPoint // who is told of alarms; none leaves that to Grafana's own policy

	// TakeOver makes ours what has our name and is not: a dashboard that was
	// imported by hand, a data source that was made by hand.
	TakeOver bool
	// Secrets makes the secrets of contact points be written again, which
	// Grafana does not show and so nobody can compare.
	Secrets bool

	boards func(Options) ([]Dashboard, error) // nil is All; tests write fewer
}

// InfluxDB is the database as Grafana reaches it.
type InfluxDB struct {
	URL                string // "http://influxdb:8086"
	Database           string // empty is bucket raw
	OpenDatabase       string // empty is bucket open
	Username, Password string // of a user of InfluxDB 1.8 who may read; or
	Token              string // of InfluxDB 2 or 3, that may read
}

// Municipality has a folder with the dashboards held to it, so that teams can
// be shown these alone.
type Municipality struct {
	ID, Name string   // as in storage, "soest"; for people, "Soest"
	Teams    []string // who else may read it
}

// Action is what is done about one thing in Grafana.
type Action string

// The actions.
const (
	Keep   Action = "unchanged"
	Create Action = "created"
	Update Action = "updated"
	Remove Action = "removed"
)

// Step is one thing in Grafana and what is done about it.
type Step struct {
	What    string   // "dashboard Umwelt (modellregion-umwelt)"
	Action  Action   // done, or with Diff to be done
	Note    string   // "version 3"; may be empty
	ByHand  []string // what somebody has changed since it was written last; of dashboards alone
	Changes []string // what is different from what is to be
}

// String is the step in one line.
func (s Step) String() string {
	text := s.What + ": " + string(s.Action)
	if s.Note != "" {
		text += ", " + s.Note
	}
	return text
}

// Apply makes folders, rights, data source, dashboards, alert rules, contact
// points and the routes to them in Grafana be as the code and c say, and tells
// report of each. It writes only what differs, so that applying again changes
// nothing, and after a failure it can be repeated. It touches nothing that
// does not have both our uid and our mark. The error says which part failed
// and what Grafana answered; one that concerns a single dashboard or rule does
// not keep the others from being written.
func Apply(ctx context.Context, c Config, report func(Step)) error {
	return carryOut(ctx, c, false, report)
}

// run is one pass over everything in Grafana that is ours.
type run struct {
	grafana
	cfg    Config
	dry    bool // nothing is written
	report func(Step)
	failed []error // of single things

	found map[string]string // uid of each data source in this Grafana, by ours
	teams map[string]uint   // number by name
}

// change is what a plan finds to be done about one thing.
type change struct {
	action          Action
	note            string
	byHand, changes []string
	do              func(context.Context) (note string, err error) // nil for Keep
}

// step plans one thing and, unless dry, does it. The error is one after which
// nothing else makes sense.
func (r *run) step(ctx context.Context, what string, plan func(context.Context) (change, error)) error {
	c, err := plan(ctx)
	if err == nil && c.do != nil && !r.dry {
		var note string
		if note, err = c.do(ctx); note != "" {
			c.note = note
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
		if !ofOneThing(err) {
			return err
		}
		r.failed = append(r.failed, err)
		return nil
	}
	r.report(Step{What: what, Action: c.action, Note: c.note, ByHand: c.byHand, Changes: c.changes})
	return nil
}

// must is step for a thing without which nothing else makes sense.
func (r *run) must(ctx context.Context, what string, plan func(context.Context) (change, error)) error {
	before := len(r.failed)
	if err := r.step(ctx, what, plan); err != nil {
		return err
	}
	if len(r.failed) > before {
		err := r.failed[before]
		r.failed = r.failed[:before]
		return err
	}
	return nil
}

func carryOut(ctx context.Context, c Config, dry bool, report func(Step)) error {
	g, err := connect(c)
	if err != nil {
		return err
	}
	defer g.close()
	r := newRun(g, c, dry, report)
	for _, part := range []func(context.Context) error{
		r.applyTeams, r.applyFolders, r.applyDataSources, r.applyDashboards, r.applyAlerting,
	} {
		if err := part(ctx); err != nil {
			return errors.Join(append(r.failed, err)...)
		}
	}
	return errors.Join(r.failed...)
}

func newRun(g grafana, c Config, dry bool, report func(Step)) *run {
	return &run{
		grafana: g, cfg: c, dry: dry, report: report, teams: map[string]uint{},
		found: map[string]string{DataSourceUID: DataSourceUID, OpenDataSourceUID: OpenDataSourceUID},
	}
}
