package dashboards

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/grafana-tools/sdk"
)

// applyTeams makes the teams that are named exist. Who is in them is for
// Grafana's administrators.
func (r *run) applyTeams(ctx context.Context) error {
	for _, s := range r.cfg.scopes() {
		for _, name := range s.teams {
			if _, known := r.teams[name]; known {
				continue
			}
			r.teams[name] = 0 // known from here on, and found next
			if err := r.must(ctx, "team "+name, func(ctx context.Context) (change, error) { return r.team(ctx, name) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) team(ctx context.Context, name string) (change, error) {
	id, err := r.teamNumber(ctx, name)
	if err != nil {
		return change{}, err
	}
	if id != 0 {
		r.teams[name] = id
		return change{action: Keep}, nil
	}
	r.teams[name] = math.MaxUint32 - uint(len(r.teams)) // for Diff, which has to tell it from others
	return change{action: Create, note: "nobody is in it yet", do: func(ctx context.Context) (string, error) {
		if _, err := r.CreateTeam(ctx, sdk.Team{Name: name}); err != nil {
			return "", err
		}
		id, err := r.teamNumber(ctx, name)
		if err == nil && id == 0 {
			err = errors.New("it was created and cannot be found")
		}
		r.teams[name] = id
		return "", err
	}}, nil
}

// teamNumber returns the number of a team, 0 when there is none. The SDK's
// GetTeamByName asks with a parameter that Grafana does not know, and takes the
// first of all teams.
func (r *run) teamNumber(ctx context.Context, name string) (uint, error) {
	found, err := r.SearchTeams(ctx, sdk.WithQuery(name), sdk.WithPagesize(1000))
	if err != nil {
		return 0, err
	}
	for _, t := range found.Teams {
		if t.Name == name {
			return t.ID, nil
		}
	}
	return 0, nil
}

// applyFolders makes the folders and who may read them.
func (r *run) applyFolders(ctx context.Context) error {
	scopes := r.cfg.scopes()
	for _, s := range scopes {
		if err := r.must(ctx, "folder "+s.title, func(ctx context.Context) (change, error) { return r.folder(ctx, s) }); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(scopes, func(s scope) bool { return len(s.teams) > 0 }) {
		return nil // everybody may read what Grafana lets them
	}
	for _, s := range scopes {
		if err := r.must(ctx, "rights to folder "+s.title, func(ctx context.Context) (change, error) { return r.rights(ctx, s) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) folder(ctx context.Context, s scope) (change, error) {
	have, err := r.GetFolderByUID(ctx, s.uid)
	switch {
	case answered(err, http.StatusNotFound):
		return change{action: Create, do: func(ctx context.Context) (string, error) {
			_, err := r.CreateFolder(ctx, sdk.Folder{UID: s.uid, Title: s.title})
			if answered(err, http.StatusConflict) || answered(err, http.StatusPreconditionFailed) {
				return "", fmt.Errorf("another folder has that title: rename or delete it (%w)", err)
			}
			return "", err
		}}, nil
	case err != nil:
		return change{}, err
	case have.Title == s.title:
		return change{action: Keep}, nil
	}
	return change{
		action: Update, changes: differences(map[string]any{"title": have.Title}, map[string]any{"title": s.title}),
		do: func(ctx context.Context) (string, error) {
			have.Title = s.title // with its version, so that what somebody else writes meanwhile is not lost
			_, err := r.UpdateFolderByUID(ctx, have)
			return "", err
		},
	}, nil
}

// permission is who may do what with a folder; its levels are 1 to view, 2 to
// edit and 4 for everything.
type permission struct {
	UserID     uint   `json:"userId,omitempty"`
	TeamID     uint   `json:"teamId,omitempty"`
	Role       string `json:"role,omitempty"`
	Permission int    `json:"permission"`
	Inherited  bool   `json:"inherited,omitempty"`
}

const mayView = 1

// rights makes the teams of a folder those who may view it. Of what is there
// already, the role Viewer and teams that may only view are taken away: they
// would see more than was said. Users, editors and who may do more stay.
//
// Without a team, a folder is for editors and administrators.
func (r *run) rights(ctx context.Context, s scope) (change, error) {
	path := "api/folders/" + s.uid + "/permissions"
	var have []permission
	err := r.call(ctx, http.MethodGet, path, nil, nil, &have)
	if r.dry && answered(err, http.StatusNotFound) { // a folder that would only be created, with these
		have, err = []permission{{Role: "Viewer", Permission: mayView}, {Role: "Editor", Permission: 2}}, nil
	}
	if err != nil {
		return change{}, err
	}
	own := slices.DeleteFunc(slices.Clone(have), func(p permission) bool { return p.Inherited })
	want := slices.DeleteFunc(slices.Clone(own), func(p permission) bool {
		return p.Permission == mayView && (p.Role == "Viewer" || p.TeamID != 0)
	})
	for _, name := range s.teams {
		id := r.teams[name]
		if !slices.ContainsFunc(want, func(p permission) bool { return p.TeamID == id }) {
			want = append(want, permission{TeamID: id, Permission: mayView})
		}
	}
	before, after := r.readers(own), r.readers(want)
	if slices.Equal(before, after) {
		return change{action: Keep}, nil
	}
	return change{
		action: Update, changes: []string{fmt.Sprintf("may view: %v → %v", before, after)},
		do: func(ctx context.Context) (string, error) {
			return "", r.call(ctx, http.MethodPost, path, nil, map[string]any{"items": want}, nil)
		},
	}, nil
}

// readers names who may view and no more, in order.
func (r *run) readers(all []permission) []string {
	var names []string
	for _, p := range all {
		switch {
		case p.Permission != mayView:
		case p.Role != "":
			names = append(names, "role "+p.Role)
		case p.TeamID != 0:
			names = append(names, r.teamName(p.TeamID))
		}
	}
	slices.Sort(names)
	return names
}

func (r *run) teamName(id uint) string {
	for name, other := range r.teams {
		if other == id {
			return "team " + name
		}
	}
	return fmt.Sprintf("team number %d", id)
}
