package dashboards

import (
	"context"
	"net/http"
)

// Paths of the provisioning API of alerting, which the SDK lacks.
const (
	rulesPath    = "api/v1/provisioning/alert-rules"
	contactsPath = "api/v1/provisioning/contact-points"
	policiesPath = "api/v1/provisioning/policies"
	testPath     = "api/alertmanager/grafana/config/api/v1/receivers/test"
)

// Where something of alerting comes from, as Grafana tells. Of each origin it
// lets that one alone change it.
const (
	fromFile = "file"
	fromAPI  = "api"
)

// heldRule is an alert rule as Grafana has it.
type heldRule struct {
	alertRule
	Provenance string `json:"provenance"`
}

// writeAlerting sends something to the provisioning API so that it can be
// changed in Grafana's pages afterwards too; but what the API alone may change
// already stays so. Grafana before 9.5 does not ask for rules alone.
func (g grafana) writeAlerting(ctx context.Context, method, path, provenance string, in any) error {
	if provenance == fromAPI {
		return g.call(ctx, method, path, nil, in, nil)
	}
	return g.call(ctx, method, path, nil, in, nil, "X-Disable-Provenance", "true")
}

func (g grafana) alertRule(ctx context.Context, uid string) (heldRule, error) {
	var have heldRule
	err := g.call(ctx, http.MethodGet, rulesPath+"/"+uid, nil, nil, &have)
	return have, err
}

func (g grafana) alertRules(ctx context.Context) ([]heldRule, error) {
	var all []heldRule
	err := g.call(ctx, http.MethodGet, rulesPath, nil, nil, &all)
	return all, err
}

func (g grafana) receivers(ctx context.Context) ([]receiver, error) {
	var all []receiver
	err := g.call(ctx, http.MethodGet, contactsPath, nil, nil, &all)
	return all, err
}

// policies returns the tree of notification policies. It belongs to all who
// use this Grafana, so it is kept as it is but for our branch.
func (g grafana) policies(ctx context.Context) (map[string]any, error) {
	var tree map[string]any
	err := g.call(ctx, http.MethodGet, policiesPath, nil, nil, &tree)
	return tree, err
}
