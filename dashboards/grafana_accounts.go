package dashboards

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Token makes a token with which everything here may be done: of a service
// account of that name with the role Admin, which is created when it is
// missing. c has the login of an administrator. A token never ends by itself;
// Grafana shows it this once.
func Token(ctx context.Context, c Config, account string, now time.Time) (string, error) {
	g, err := connect(c)
	if err != nil {
		return "", err
	}
	defer g.close()
	id, err := g.serviceAccount(ctx, account)
	if err != nil {
		return "", fmt.Errorf("service account %s: %w", account, err)
	}
	var made struct{ Key string }
	name := account + " " + now.UTC().Format("2006-01-02T15:04:05Z")
	err = g.call(ctx, http.MethodPost, fmt.Sprintf("api/serviceaccounts/%d/tokens", id), nil, map[string]any{"name": name}, &made)
	if err != nil {
		return "", fmt.Errorf("token of service account %s: %w", account, err)
	}
	if made.Key == "" {
		return "", fmt.Errorf("token of service account %s: Grafana made one and does not tell it", account)
	}
	return made.Key, nil
}

func (g grafana) serviceAccount(ctx context.Context, name string) (int, error) {
	type account struct {
		ID         int
		Name, Role string
		IsDisabled bool
	}
	var found struct{ ServiceAccounts []account }
	if err := g.call(ctx, http.MethodGet, "api/serviceaccounts/search", url.Values{"query": {name}, "perpage": {"100"}}, nil, &found); err != nil {
		return 0, err
	}
	for _, a := range found.ServiceAccounts {
		switch {
		case a.Name != name:
		case a.IsDisabled:
			return 0, errors.New("it is disabled")
		case a.Role != "Admin":
			return 0, fmt.Errorf("it has the role %s, want Admin", a.Role)
		default:
			return a.ID, nil
		}
	}
	var made account
	err := g.call(ctx, http.MethodPost, "api/serviceaccounts", nil, map[string]any{"name": name, "role": "Admin"}, &made)
	return made.ID, err
}
