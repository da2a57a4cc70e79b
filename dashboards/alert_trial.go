package dashboards

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// TryContactPoints lets Grafana send a trial alarm to each contact point of c,
// as it would send a real one, and tells report what became of each.
func TryContactPoints(ctx context.Context, c Config, report func(line string)) error {
	if len(c.ContactPoints) == 0 {
		return errors.New("there is no contact point in the configuration")
	}
	g, err := connect(c)
	if err != nil {
		return err
	}
	defer g.close()
	var failed []error
	for _, p := range c.ContactPoints {
		for _, way := range p.receivers() {
			what := fmt.Sprintf("contact point %s (%s)", p.title(), way.Type)
			switch err := g.try(ctx, way); {
			case err == nil:
				report(what + ": a trial alarm was sent")
			case ofOneThing(err):
				failed = append(failed, fmt.Errorf("try %s: %w", what, err))
			default:
				return errors.Join(append(failed, fmt.Errorf("try %s: %w", what, err))...)
			}
		}
	}
	return errors.Join(failed...)
}

// trialReceiver is a way to a contact point as the Alertmanager part of
// Grafana's API has it.
type trialReceiver struct {
	UID                   string         `json:"uid"`
	Name                  string         `json:"name"`
	Type                  string         `json:"type"`
	DisableResolveMessage bool           `json:"disableResolveMessage"`
	Settings              map[string]any `json:"settings"`
	SecureSettings        map[string]any `json:"secureSettings"`
}

// try sends one alarm. Grafana answers 200 when it was taken, 207 when only
// some ways took it, 400 when the settings are wrong and 408 when nobody
// answered in time.
func (g grafana) try(ctx context.Context, way receiver) error {
	secure := map[string]any{}
	open := map[string]any{}
	for key, value := range way.Settings {
		open[key] = value
	}
	for _, key := range secretSettings() {
		if value, ok := open[key]; ok {
			secure[key] = value
			delete(open, key)
		}
	}
	request := map[string]any{
		"alert": map[string]any{
			"annotations": map[string]string{
				"summary":     "Probealarm der Modellregion",
				"description": "Es ist nichts zu tun. Diese Meldung zeigt, dass Alarme ankommen.",
			},
			"labels": map[string]string{"alertname": "Probealarm", labelMark: markAlarm, labelArea: AreaPlatform.title(), labelSevere: milder},
		},
		"receivers": []any{map[string]any{
			"name": way.Name,
			"grafana_managed_receiver_configs": []trialReceiver{{
				UID: way.UID, Name: way.Name, Type: way.Type, Settings: open, SecureSettings: secure,
			}},
		}},
	}
	var answer trialAnswer
	err := g.call(ctx, http.MethodPost, testPath, nil, request, &answer)
	var no *refusal
	if errors.As(err, &no) && json.Unmarshal(no.body, &answer) == nil && answer.failure() != "" {
		return &foreign{"Grafana could not send it: " + answer.failure()}
	}
	if err == nil && answer.failure() != "" {
		return &foreign{"Grafana could not send it: " + answer.failure()}
	}
	return err
}

// trialAnswer is what became of a trial, also where the status is 400 or 408.
type trialAnswer struct {
	Receivers []struct {
		Configs []struct{ Status, Error string } `json:"grafana_managed_receiver_configs"`
	}
}

func (a *trialAnswer) failure() string {
	for _, r := range a.Receivers {
		for _, c := range r.Configs {
			if c.Status != "ok" {
				return cmp.Or(c.Error, "it does not say why")
			}
		}
	}
	return ""
}
