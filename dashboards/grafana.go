package dashboards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grafana-tools/sdk"
)

// timeout bounds one request to Grafana.
const timeout = 30 * time.Second

// grafana is the HTTP API: the SDK's part of it, and a query through a data
// source, which the SDK lacks.
type grafana struct {
	*sdk.Client
	http *http.Client
	base *url.URL
	auth func(*http.Request)
}

func connect(c Config) (grafana, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		return grafana{}, fmt.Errorf(`address of Grafana %q is not like "https://grafana.example.org"`, c.URL)
	}
	var key string
	auth := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.Token) }
	switch {
	case c.Token != "" && c.User == "" && !strings.Contains(c.Token, ":"):
		key = c.Token
	case c.Token == "" && c.User != "" && !strings.Contains(c.User, ":"):
		key = c.User + ":" + c.Password
		auth = func(r *http.Request) { r.SetBasicAuth(c.User, c.Password) }
	default:
		return grafana{}, errors.New("access to Grafana needs either a token or a user and password")
	}
	client := &http.Client{Timeout: timeout, Transport: onlyOK{http.DefaultTransport}}
	api, err := sdk.NewClient(c.URL, key, client)
	if err != nil {
		return grafana{}, fmt.Errorf("address of Grafana %q: %w", c.URL, err)
	}
	return grafana{api, client, base, auth}, nil
}

// query asks InfluxDB something small through the data source, as Grafana's
// pages do.
func (g grafana) query(ctx context.Context, dataSource uint, database string) error {
	u := g.base.JoinPath("api/datasources/proxy", fmt.Sprint(dataSource), "query")
	u.RawQuery = url.Values{"db": {database}, "q": {"SHOW MEASUREMENTS LIMIT 1"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	g.auth(req)
	resp, err := g.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ Results []struct{ Error string } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	for _, r := range answer.Results {
		if r.Error != "" {
			return errors.New(r.Error)
		}
	}
	return nil
}

// refusal is an answer of Grafana other than 200.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("Grafana answers %d %s", r.status, http.StatusText(r.status))
	if r.message != "" {
		text += ": " + r.message
	}
	return text
}

// answered reports whether err is Grafana's answer with that status.
func answered(err error, status int) bool {
	var r *refusal
	return errors.As(err, &r) && r.status == status
}

// onlyOK makes every answer but 200 an error, which a RoundTripper should not
// do: the SDK ignores the status when it writes a data source, crashes on a
// refusal without a message, and gives the status only as text. Grafana
// answers all that is used here with 200. A redirect is refused as well,
// because following it turns a POST into a GET.
type onlyOK struct{ next http.RoundTripper }

// RoundTrip returns a *refusal for every status but 200.
func (t onlyOK) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil || resp.StatusCode == http.StatusOK {
		return resp, err
	}
	defer resp.Body.Close()
	r := &refusal{status: resp.StatusCode}
	if to := resp.Header.Get("Location"); to != "" {
		r.message = "the address redirects to " + to
		return nil, r
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return nil, errors.Join(r, err)
	}
	var said struct{ Message, Error string }
	if json.Unmarshal(body, &said) == nil {
		r.message = said.Message
		if r.message == "" {
			r.message = said.Error
		}
	}
	if r.status == http.StatusForbidden {
		r.message = strings.TrimSpace(r.message + " (data sources need the role Admin, folders and dashboards Editor)")
	}
	return nil, r
}
