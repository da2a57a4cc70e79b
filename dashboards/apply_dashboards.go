package dashboards

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/grafana-tools/sdk"
)

// applyDashboards makes the dashboards of every folder, and removes those of
// ours that are in the code no more.
func (r *run) applyDashboards(ctx context.Context) error {
	render := All
	if r.cfg.boards != nil {
		render = r.cfg.boards
	}
	all, err := render(Options{
		DataSourceUID: r.found[DataSourceUID], OpenDataSourceUID: r.found[OpenDataSourceUID], PublicURL: r.cfg.PublicURL, Datasets: r.cfg.Datasets,
	})
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, s := range r.cfg.scopes() {
		inFolder, err := s.dashboards(all)
		if err != nil {
			return err
		}
		for _, d := range inFolder {
			there[d.UID] = true
			if err := r.step(ctx, named(d.Title, d.UID), func(ctx context.Context) (change, error) { return r.planDashboard(ctx, d, s) }); err != nil {
				return err
			}
		}
	}
	found, err := r.tagged(ctx)
	if err != nil {
		return fmt.Errorf("look for dashboards that are in the code no more: %w", err)
	}
	for _, f := range found {
		if there[f.UID] || !isOurs(f.UID, f.Tags) {
			continue
		}
		if err := r.step(ctx, named(f.Title, f.UID), func(ctx context.Context) (change, error) { return r.planLeftover(ctx, f) }); err != nil {
			return err
		}
	}
	return nil
}

func named(title, uid string) string { return fmt.Sprintf("dashboard %s (%s)", title, uid) }

// planDashboard finds what is to be done about one dashboard. Grafana may
// change what it was given, so what it has is compared by the mark that the
// last version has in the history as well.
func (r *run) planDashboard(ctx context.Context, d Dashboard, s scope) (change, error) {
	have, err := r.dashboard(ctx, d.UID)
	if answered(err, http.StatusNotFound) {
		return change{action: Create, do: r.saving(d, s, held{})}, nil
	}
	if err != nil {
		return change{}, err
	}
	from, want, err := withoutVersion(have.raw, d.JSON)
	if err != nil {
		return change{}, err
	}
	if have.folderUID == s.uid && reflect.DeepEqual(from, want) {
		return change{action: Keep, note: fmt.Sprintf("version %d", have.version)}, nil
	}
	if have.provisioned {
		return change{}, &foreign{"it comes from a file of Grafana's provisioning and is another one: change the file with export, or remove it there"}
	}
	if !slices.Contains(have.tags, tag) && !r.cfg.TakeOver {
		return change{}, &foreign{fmt.Sprintf("one with that uid is there without the tag %s, so it is somebody else's: give it another uid, delete it, or let it be taken over", tag)}
	}
	history, err := r.history(ctx, d.UID)
	if err != nil {
		return change{}, err
	}
	if have.folderUID == s.uid && len(history) > 0 && strings.HasPrefix(history[0].Message, mark(d)) {
		return change{action: Keep, note: fmt.Sprintf("version %d", have.version)}, nil
	}
	c := change{action: Update, changes: differences(from, want), do: r.saving(d, s, have)}
	if have.folderUID != s.uid {
		c.changes = append(c.changes, fmt.Sprintf("(folder): %q → %q", have.folderUID, s.uid))
	}
	c.byHand, err = r.byHand(ctx, d.UID, history, from)
	return c, err
}

// withoutVersion decodes two dashboards without the number and version that
// Grafana gives.
func withoutVersion(a, b []byte) (x, y map[string]any, err error) {
	if err := json.Unmarshal(a, &x); err != nil {
		return nil, nil, fmt.Errorf("read what Grafana has: %w", err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		return nil, nil, err
	}
	for _, m := range []map[string]any{x, y} {
		delete(m, "id")
		delete(m, "version")
	}
	return x, y, nil
}

// byHand tells what somebody has changed since the last version that was
// written by the program, as far as the history reaches back.
func (r *run) byHand(ctx context.Context, uid string, history []saved, now map[string]any) ([]string, error) {
	last := slices.IndexFunc(history, func(s saved) bool { return ourMessage(s.Message) })
	if last == 0 || len(history) == 0 {
		return nil, nil
	}
	who := fmt.Sprintf("version %d by %s at %s", history[0].Version, cmp.Or(history[0].CreatedBy, "somebody"), history[0].Created.Format("2006-01-02 15:04 MST"))
	if history[0].Message != "" {
		who += fmt.Sprintf(" (%.80q)", history[0].Message)
	}
	if last < 0 {
		return []string{who + "; the version that was written by this program is forgotten"}, nil
	}
	raw, err := r.savedJSON(ctx, uid, history[last].Version)
	if err != nil {
		return nil, err
	}
	then, _, err := withoutVersion(raw, []byte("{}"))
	if err != nil {
		return nil, err
	}
	return append([]string{who}, differences(then, now)...), nil
}

// Messages of versions say who wrote them and what.
const messagePrefix = "modellregion "

// mark stands for what is written, whatever version of the program writes it.
func mark(d Dashboard) string {
	sum := sha256.Sum256(d.JSON)
	return messagePrefix + "[" + hex.EncodeToString(sum[:8]) + "]"
}

func ourMessage(message string) bool { return strings.HasPrefix(message, messagePrefix+"[") }

func (r *run) saving(d Dashboard, s scope, have held) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		version, err := r.save(ctx, d, s.uid, mark(d)+" "+r.cfg.Version, have)
		var no *refusal
		if errors.As(err, &no) && no.status == http.StatusPreconditionFailed {
			return "", r.conflict(ctx, d, s, no)
		}
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("version %d", version), nil
	}
}

// conflict explains a 412 of Grafana.
func (r *run) conflict(ctx context.Context, d Dashboard, s scope, no *refusal) error {
	switch no.reason {
	case "name-exists":
		found, err := r.Search(ctx, sdk.SearchType(sdk.SearchTypeDashboard), sdk.SearchQuery(d.Title))
		if err != nil {
			return no
		}
		for _, other := range found {
			if other.Title == d.Title && other.UID != d.UID && other.FolderUID == s.uid {
				return fmt.Errorf("the folder holds another dashboard of that title, with uid %s: rename, move or delete it (%w)", other.UID, no)
			}
		}
		return fmt.Errorf("the folder holds another dashboard of that title: rename, move or delete it (%w)", no)
	case "version-mismatch":
		return fmt.Errorf("somebody has saved it this moment: see with diff what it is, and apply again (%w)", no)
	default:
		return no
	}
}

// planLeftover removes a dashboard of ours that is in the code no more, unless
// somebody has changed it.
func (r *run) planLeftover(ctx context.Context, f sdk.FoundBoard) (change, error) {
	history, err := r.history(ctx, f.UID)
	if err != nil {
		return change{}, err
	}
	if len(history) == 0 || !ourMessage(history[0].Message) {
		return change{action: Keep, note: "is in the code no more, but was changed by hand: keep it under another uid, or delete it"}, nil
	}
	return change{action: Remove, note: "it is in the code no more", do: func(ctx context.Context) (string, error) {
		_, err := r.DeleteDashboardByUID(ctx, f.UID)
		if answered(err, http.StatusNotFound) {
			err = nil
		}
		return "", err
	}}, nil
}
