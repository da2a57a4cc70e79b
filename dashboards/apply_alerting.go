package dashboards

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// applyAlerting makes contact points, alert rules and the branch of the
// notification policies that joins them. A contact point that is no longer
// wanted is removed at last, when no policy leads to it.
func (r *run) applyAlerting(ctx context.Context) error {
	have, err := r.receivers(ctx)
	if answered(err, http.StatusNotFound) {
		return fmt.Errorf("read contact points: %w: is alerting switched on there ([unified_alerting] enabled)?", err)
	}
	if err != nil {
		return fmt.Errorf("read contact points: %w", err)
	}
	wanted := map[string]bool{}
	for _, p := range r.cfg.ContactPoints {
		for _, way := range p.receivers() {
			wanted[way.UID] = true
			what := fmt.Sprintf("contact point %s (%s)", p.title(), way.Type)
			if err := r.step(ctx, what, func(context.Context) (change, error) { return r.planReceiver(way, have) }); err != nil {
				return err
			}
		}
	}
	if err := r.applyRules(ctx); err != nil {
		return err
	}
	failed := len(r.failed)
	if err := r.step(ctx, "notification policy of alarms", r.planRoute); err != nil {
		return err
	}
	for _, way := range have {
		if wanted[way.UID] || !isOurReceiver(way) || len(r.failed) > failed {
			continue
		}
		what := fmt.Sprintf("contact point %s (%s)", way.Name, way.Type)
		if err := r.step(ctx, what, func(context.Context) (change, error) { return r.planUnwanted(way) }); err != nil {
			return err
		}
	}
	return nil
}

func isOurReceiver(w receiver) bool {
	return strings.HasPrefix(w.UID, contactUID) && strings.HasPrefix(w.Name, contactTitle)
}

// planReceiver finds what is to be done about a way to a contact point.
// Grafana does not show secrets, so they are not compared: c.Secrets writes
// them again.
func (r *run) planReceiver(want receiver, have []receiver) (change, error) {
	i := slices.IndexFunc(have, func(h receiver) bool { return h.UID == want.UID })
	if i < 0 {
		taken := slices.IndexFunc(have, func(h receiver) bool { return h.Name == want.Name && !isOurReceiver(h) })
		if taken >= 0 {
			return change{}, &foreign{fmt.Sprintf("a contact point of that name is there with uid %s and is not ours: rename or delete it", have[taken].UID)}
		}
		return change{action: Create, do: func(ctx context.Context) (string, error) {
			return "", r.writeAlerting(ctx, http.MethodPost, contactsPath, "", want)
		}}, nil
	}
	shown := want
	shown.Settings = withoutSecrets(want.Settings)
	secret := !reflect.DeepEqual(shown.Settings, want.Settings)
	differ, err := differencesTo(have[i], shown)
	switch {
	case err != nil:
		return change{}, err
	case len(differ) == 0 && !(secret && r.cfg.Secrets):
		return change{action: Keep, note: map[bool]string{true: "its secret is not compared"}[secret]}, nil
	case have[i].Provenance == fromFile:
		return change{}, &foreign{"it comes from a file of Grafana's provisioning: change the file with export, or remove it there"}
	case len(differ) == 0:
		differ = []string{"its secret is written again"}
	}
	return change{action: Update, changes: differ, do: func(ctx context.Context) (string, error) {
		return "", r.writeAlerting(ctx, http.MethodPut, contactsPath+"/"+want.UID, have[i].Provenance, want)
	}}, nil
}

// differencesTo compares what Grafana has with what it is to have, but for
// what it adds by itself.
func differencesTo(have, want any) ([]string, error) {
	h, err := decoded(have)
	if err != nil {
		return nil, err
	}
	w, err := decoded(want)
	if err != nil {
		return nil, err
	}
	return differences(wanted(h, w), w), nil
}

func (r *run) planUnwanted(way receiver) (change, error) {
	if way.Provenance == fromFile {
		return change{action: Keep, note: "is not wanted any more, but comes from a file of Grafana's provisioning: remove it there"}, nil
	}
	return change{action: Remove, note: "it is not in the configuration any more", do: func(ctx context.Context) (string, error) {
		return "", r.writeAlerting(ctx, http.MethodDelete, contactsPath+"/"+way.UID, way.Provenance, nil)
	}}, nil
}

func (r *run) applyRules(ctx context.Context) error {
	there := map[string]bool{}
	for _, want := range r.cfg.alertRules(r.found[DataSourceUID]) {
		there[want.UID] = true
		if err := r.step(ctx, "alert rule "+want.Title, func(ctx context.Context) (change, error) { return r.planRule(ctx, want) }); err != nil {
			return err
		}
	}
	all, err := r.alertRules(ctx)
	if err != nil {
		return fmt.Errorf("look for alert rules that are in the code no more: %w", err)
	}
	for _, have := range all {
		if there[have.UID] || !isOurRule(have) {
			continue
		}
		if err := r.step(ctx, "alert rule "+have.Title, func(context.Context) (change, error) { return r.planOldRule(have) }); err != nil {
			return err
		}
	}
	return nil
}

func isOurRule(h heldRule) bool {
	return strings.HasPrefix(h.UID, alertUID) && h.Labels[labelMark] == markAlarm
}

// planRule finds what is to be done about an alert rule. Whether it is paused
// is for the operators.
func (r *run) planRule(ctx context.Context, want alertRule) (change, error) {
	have, err := r.alertRule(ctx, want.UID)
	if answered(err, http.StatusNotFound) {
		return change{action: Create, do: func(ctx context.Context) (string, error) {
			return "", r.writeAlerting(ctx, http.MethodPost, rulesPath, "", want)
		}}, nil
	}
	if err != nil {
		return change{}, err
	}
	note := ""
	if have.IsPaused {
		want.IsPaused, note = true, "paused"
	}
	differ, err := differencesTo(have.alertRule, want)
	if err != nil {
		return change{}, err
	}
	if extra := len(have.Labels) - len(want.Labels); extra > 0 {
		differ = append(differ, fmt.Sprintf("labels: %d more", extra))
	}
	switch {
	case len(differ) == 0:
		return change{action: Keep, note: note}, nil
	case have.Provenance == fromFile:
		return change{}, &foreign{"it comes from a file of Grafana's provisioning and is another one: change the file with export, or remove it there"}
	case !isOurRule(have) && !r.cfg.TakeOver:
		return change{}, &foreign{fmt.Sprintf("one with that uid is there without the label %s=%s, so it is somebody else's: delete it, or let it be taken over", labelMark, markAlarm)}
	}
	return change{action: Update, note: note, changes: differ, do: func(ctx context.Context) (string, error) {
		return "", r.writeAlerting(ctx, http.MethodPut, rulesPath+"/"+want.UID, have.Provenance, want)
	}}, nil
}

func (r *run) planOldRule(have heldRule) (change, error) {
	if have.Provenance == fromFile {
		return change{action: Keep, note: "is in the code no more, but comes from a file of Grafana's provisioning: remove it there"}, nil
	}
	return change{action: Remove, note: "it is in the code no more", do: func(ctx context.Context) (string, error) {
		return "", r.writeAlerting(ctx, http.MethodDelete, rulesPath+"/"+have.UID, have.Provenance, nil)
	}}, nil
}

// planRoute finds what is to be done about our branch of the notification
// policies. A new one goes to the front, where no other takes its alarms.
func (r *run) planRoute(ctx context.Context) (change, error) {
	tree, err := r.policies(ctx)
	if err != nil {
		return change{}, err
	}
	branches := members(tree["routes"])
	at := slices.IndexFunc(branches, isOurRoute)
	want := r.cfg.route()
	c := change{action: Update}
	switch {
	case at < 0 && want == nil:
		return change{action: Keep, note: "alarms go where Grafana's own policy says, for there are no contact points"}, nil
	case at < 0:
		c.action, branches = Create, slices.Insert(slices.Clone(branches), 0, any(want))
	case want == nil:
		c.action, branches = Remove, slices.Delete(slices.Clone(branches), at, at+1)
	default:
		if c.changes, err = differencesTo(branches[at], want); err != nil {
			return change{}, err
		}
		if len(c.changes) == 0 {
			return change{action: Keep}, nil
		}
		branches = slices.Clone(branches)
		merged := maps.Clone(branches[at].(map[string]any)) // with what an operator has added, as times at which it is mute
		maps.Copy(merged, want)
		branches[at] = merged
	}
	provenance, _ := tree["provenance"].(string)
	if provenance == fromFile {
		return change{}, &foreign{"the tree of policies comes from a file of Grafana's provisioning: add the branch for " + labelMark + "=" + markAlarm + " there, as export writes it"}
	}
	c.do = func(ctx context.Context) (string, error) {
		changed := maps.Clone(tree)
		delete(changed, "provenance")
		changed["routes"] = branches
		err := r.writeAlerting(ctx, http.MethodPut, policiesPath, provenance, changed)
		var no *refusal
		if errors.As(err, &no) && no.status == http.StatusBadRequest {
			return "", fmt.Errorf("%w: is each contact point there?", err)
		}
		return "", err
	}
	return c, nil
}
