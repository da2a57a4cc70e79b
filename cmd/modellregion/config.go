package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"modellregion/internal/strictyaml"
	"modellregion/uplink"
)

// config is region.yaml. deploy/region.example.yaml explains every key.
type config struct {
	Region    regionConfig   `yaml:"region"`
	DataDir   string         `yaml:"data_dir"`
	HTTP      string         `yaml:"http"`            // public listener
	PublicURL string         `yaml:"public_url"`      // under which the public reaches it; empty: nobody knows, so that there is no catalogue
	Proxies   []string       `yaml:"trusted_proxies"` // networks whose X-Forwarded-For is believed
	Internal  string         `yaml:"internal"`        // health and metrics
	MQTT      mqttConfig     `yaml:"mqtt"`
	Influx    influxConfig   `yaml:"influx"`
	Registry  registryConfig `yaml:"registry"`
	Profiles  string         `yaml:"profiles"` // folder of own device profiles; empty: none
	Edges     []edgeConfig   `yaml:"edges"`
	Sources   []sourceConfig `yaml:"sources"`
	Roles     []role         `yaml:"roles"` // of this process; empty: all
	Raw       duration       `yaml:"raw_retention"`
	BaseMap   *baseMap       `yaml:"base_map"`

	Datasets []datasetConfig `yaml:"datasets"` // nil: opendata.Defaults
	Catalog  catalogConfig   `yaml:"catalog"`
	Portal   portalConfig    `yaml:"portal"`

	Grafana grafanaConfig `yaml:"grafana"` // of the command dashboards

	ownURL bool // PublicURL is the address of the public listener, whatever that is: of the demo

	lines strictyaml.Lines // where the keys stand; nil without a file
}

type regionConfig struct {
	Name           regionName           `yaml:"name"`
	Publisher      string               `yaml:"publisher"`
	Contact        string               `yaml:"contact"`
	Municipalities []municipalityConfig `yaml:"municipalities"`
}

// regionName is the region's name in the languages of the public side.
type regionName struct {
	De string `yaml:"de"`
	En string `yaml:"en"`
}

type municipalityConfig struct {
	ID   string  `yaml:"id"`
	Name string  `yaml:"name"`
	AGS  string  `yaml:"ags"` // Amtlicher Gemeindeschlüssel, 8 digits
	Lat  float64 `yaml:"lat"`
	Lon  float64 `yaml:"lon"`
}

// mqttConfig has either Listen, for the embedded broker, or URL.
type mqttConfig struct {
	Listen     string   `yaml:"listen"`
	Public     bool     `yaml:"public"` // anybody may read SensorThings' topics from the embedded broker
	Share      string   `yaml:"share"`  // group of the ingests that share the messages; empty: this one has all
	Edges      []string `yaml:"edges"`  // whose uplinks the ingest reads; empty: those of all
	BrokerUser `yaml:",inline"`

	TLS     mqttTLSConfig  `yaml:"tls"`
	Readers []readerConfig `yaml:"readers"`
}

// influxConfig has either Listen, for the embedded database, or URL.
type influxConfig struct {
	Listen       string `yaml:"listen"`
	URL          string `yaml:"url"`
	Org          string `yaml:"org"`
	TokenFile    string `yaml:"token_file"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`

	// Of a user who may read bucket open alone, for the public side.
	PublicTokenFile    string `yaml:"public_token_file"`
	PublicUsername     string `yaml:"public_username"`
	PublicPasswordFile string `yaml:"public_password_file"`
}

// registryConfig says how the devices' keys are kept.
type registryConfig struct {
	KEKFile string `yaml:"kek_file"` // key-encryption key, 32 or 64 hexadecimal digits; empty: none, or MODELLREGION_KEK
}

// edgeConfig is an edge that the region has; with UDP it runs inside the
// platform's process.
type edgeConfig struct {
	Name     string          `yaml:"name"`
	UDP      string          `yaml:"udp"`
	UDPRate  int             `yaml:"udp_rate"`
	Gateways []gatewayConfig `yaml:"gateways"`
	LoRaWAN  lorawanConfig   `yaml:"lorawan"`
}

type baseMap struct {
	URL         string `yaml:"url"`
	Attribution string `yaml:"attribution"`
}

// duration is a time.Duration that may be written in days: "90d".
type duration time.Duration

// String writes whole days as such.
func (d duration) String() string {
	if day := duration(24 * time.Hour); d > 0 && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	return time.Duration(d).String()
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		v, err := time.ParseDuration(days + "h")
		if err != nil {
			return fmt.Errorf("duration %q, want something like 90d or 36h", s)
		}
		*d = duration(24 * v)
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration %q, want something like 90d or 36h", s)
	}
	*d = duration(v)
	return nil
}

// defaults is what a key means that is not given.
func defaults() config {
	return config{
		DataDir:  "/var/lib/modellregion",
		HTTP:     "127.0.0.1:8080",
		Internal: "127.0.0.1:9090",
		Raw:      duration(90 * 24 * time.Hour),
	}
}

// loadConfig reads and checks a region.yaml; override changes what it says
// before that.
func loadConfig(path string, override ...func(*config)) (config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("read configuration: %w", err)
	}
	c := defaults()
	if c.lines, err = strictyaml.DecodeLines(data, &c); err != nil {
		return config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	for _, change := range override {
		change(&c)
	}
	if c.runsAll() && c.MQTT.URL == "" && c.MQTT.Listen == "" {
		c.MQTT.Listen = "127.0.0.1:1883"
	}
	if c.runsAll() && c.Influx.URL == "" && c.Influx.Listen == "" {
		c.Influx.Listen = "127.0.0.1:8086"
	}
	if err := c.Validate(); err != nil {
		return config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return c, nil
}

var (
	idPattern  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	agsPattern = regexp.MustCompile(`^[0-9]{8}$`)
)

// Validate returns everything that is wrong, each with the line and path of its
// key and what would be right.
func (c *config) Validate() error {
	var errs []error
	need := need(func(ok bool, path, want string, args ...any) {
		if !ok {
			errs = append(errs, &strictyaml.Fault{Line: c.lines.Of(path), Text: path + ": " + fmt.Sprintf(want, args...)})
		}
	})
	c.checkRegion(need)
	need(c.DataDir != "", "data_dir", "must be given, like /var/lib/modellregion")
	need.address("http", c.HTTP)
	need.address("internal", c.Internal)
	if c.runsAll() {
		need((c.MQTT.Listen == "") != (c.MQTT.URL == ""), "mqtt", "want either listen, for the embedded broker, or url, for another")
		need((c.Influx.Listen == "") != (c.Influx.URL == ""), "influx", "want either listen, for the embedded database, or url, for another")
	}
	c.checkRoles(need)
	for path, value := range map[string]string{"mqtt.listen": c.MQTT.Listen, "influx.listen": c.Influx.Listen} {
		if value != "" {
			need(loopback(value), path, "%q, want an address of this machine alone like 127.0.0.1:1883; for gateways elsewhere there is mqtt.tls, and for more a server of your own, by its url", value)
		}
	}
	c.checkPublic(need)
	c.MQTT.check(need, "mqtt.")
	need(c.MQTT.Share == "" || shareName(c.MQTT.Share), "mqtt.share", "%q, want the name of a group like ingest, or nothing", c.MQTT.Share)
	for i, name := range c.MQTT.Edges {
		err := uplink.CheckEdgeName(name)
		need(err == nil, "mqtt.edges", "%v", err)
		need(!slices.Contains(c.MQTT.Edges[:i], name), "mqtt.edges", "%q is there twice", name)
	}
	need(c.Influx.URL == "" || isLink(c.Influx.URL, "http", "https"), "influx.url", "%q, want http:// or https://host:port, with user and password in keys of their own", redacted(c.Influx.URL))
	need(c.Raw >= duration(24*time.Hour), "raw_retention", "%v, want at least 1d", time.Duration(c.Raw))
	seen := map[string]bool{platformUser: true} // names of who logs in
	c.checkEdges(need, seen)
	c.checkDatasets(need)
	c.checkCatalog(need)
	c.checkPortal(need)
	c.checkGrafana(need)
	for i := range c.Sources {
		c.Sources[i].check(need, fmt.Sprintf("sources[%d].", i), seen)
	}
	c.MQTT.TLS.check(need, c.MQTT.URL == "")
	c.checkReaders(need, seen)
	return errors.Join(errs...)
}

// checkRegion finds what is wrong with the region itself.
func (c *config) checkRegion(need need) {
	need(c.Region.Name.De != "" && c.Region.Name.En != "", "region.name", "must be given in de and en, like {de: Modellregion Paderborn, en: Paderborn Model Region}")
	need(c.Region.Publisher != "", "region.publisher", "must be given, like Stadt Paderborn")
	need(c.Region.Contact != "", "region.contact", "must be given, like opendata@paderborn.example")
	need(len(c.Region.Municipalities) > 0, "region.municipalities", "must name at least one")
	seen := map[string]bool{}
	for i, m := range c.Region.Municipalities {
		at := fmt.Sprintf("region.municipalities[%d].", i)
		need(idPattern.MatchString(m.ID), at+"id", "%q, want lower-case letters, digits and hyphens like paderborn", m.ID)
		need(!seen[m.ID], at+"id", "%q is there twice", m.ID)
		seen[m.ID] = true
		need(m.Name != "", at+"name", "must be given, like Paderborn")
		need(m.AGS == "" || agsPattern.MatchString(m.AGS), at+"ags", "%q, want 8 digits in quotes like \"05774032\"", m.AGS)
		need(m.Lat >= 47 && m.Lat <= 55.2 && m.Lon >= 5.8 && m.Lon <= 15.1, at+"lat, lon", "%v, %v is not in Germany, want degrees like 51.7189, 8.7575", m.Lat, m.Lon)
	}
}

// checkEdges finds what is wrong with the edges, whose names may not be seen yet.
func (c *config) checkEdges(need need, seen map[string]bool) {
	inside := 0
	for i, e := range c.Edges {
		at := fmt.Sprintf("edges[%d].", i)
		if err := uplink.CheckEdgeName(e.Name); err != nil {
			need(false, at+"name", "%v", err)
		}
		need(!seen[e.Name], at+"name", "%q is taken", e.Name)
		seen[e.Name] = true
		if e.UDP != "" {
			inside++
			need.address(at+"udp", e.UDP)
			if err := checkLoRaWAN(e.LoRaWAN); err != nil {
				need(false, at+"lorawan", "%v", err)
			}
		}
	}
	need(inside <= 1, "edges", "%d edges have udp, want at most one inside the platform's process", inside)
}

// checkPublic finds what is wrong with how the public reaches the platform.
func (c *config) checkPublic(need need) {
	u, err := url.Parse(c.PublicURL)
	need(c.PublicURL == "" || err == nil && isLink(c.PublicURL, "http", "https") && u.RawQuery == "" && u.Fragment == "", "public_url",
		"%q, want the address that the public sees, like https://daten.musterstadt.example", redacted(c.PublicURL))
	for i, network := range c.Proxies {
		_, err := netip.ParsePrefix(network)
		need(err == nil, fmt.Sprintf("trusted_proxies[%d]", i), "%.64q, want a network like 127.0.0.0/8 or 10.0.0.5/32", network)
	}
	if c.MQTT.Public {
		need(c.MQTT.URL == "", "mqtt.public", "is for the embedded broker; another one has rules of its own for who may read")
		need(c.PublicURL != "", "mqtt.public", "want public_url too, since readers are told addresses")
	}
}

// trusted are the networks of Proxies.
func (c *config) trusted() []netip.Prefix {
	var all []netip.Prefix
	for _, network := range c.Proxies {
		if p, err := netip.ParsePrefix(network); err == nil { // checkPublic has seen to it
			all = append(all, p)
		}
	}
	return all
}

// need notes what is wrong with a key, unless ok, and what would be right.
type need func(ok bool, path, want string, args ...any)

// address finds a value that is no host and port.
func (n need) address(path, value string) {
	_, _, err := net.SplitHostPort(value)
	n(err == nil, path, "%q, want host:port like 127.0.0.1:8080", value)
}

// isLink reports whether a URL has one of the schemes, a host and no login.
func isLink(value string, schemes ...string) bool {
	u, err := url.Parse(value)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && u.User == nil
}

// redacted returns a URL without the password that should not be in it.
func redacted(value string) string {
	if u, err := url.Parse(value); err == nil {
		return u.Redacted()
	}
	return value
}

// loopback reports whether an address is host:port on this machine alone.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// uplinksOf are the edges whose uplinks the ingest reads; "+" is all.
func (c *config) uplinksOf() []string {
	if len(c.MQTT.Edges) == 0 {
		return []string{"+"}
	}
	return c.MQTT.Edges
}

// edgeNames are the names of the edges in the configuration; the registry may have
// more, see roster.
func (c *config) edgeNames() []string {
	names := make([]string, 0, len(c.Edges))
	for _, e := range c.Edges {
		names = append(names, e.Name)
	}
	return names
}
