package rules

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"modellregion/internal/strictyaml"
)

// publiccode has the keys of the standard publiccode.yml 0.4 that we use
// (docs/standard/schema.core.rst of its repository). It refuses others.
type publiccode struct {
	Version           string   `yaml:"publiccodeYmlVersion"`
	Name              string   `yaml:"name"`
	URL               string   `yaml:"url"`
	SoftwareVersion   string   `yaml:"softwareVersion"`
	ReleaseDate       string   `yaml:"releaseDate"`
	Platforms         []string `yaml:"platforms"`
	Categories        []string `yaml:"categories"`
	DevelopmentStatus string   `yaml:"developmentStatus"`
	SoftwareType      string   `yaml:"softwareType"`
	IntendedAudience  struct {
		Countries []string `yaml:"countries"`
		Scope     []string `yaml:"scope"`
	} `yaml:"intendedAudience"`
	Description map[string]struct {
		LocalisedName    string   `yaml:"localisedName"`
		ShortDescription string   `yaml:"shortDescription"`
		LongDescription  string   `yaml:"longDescription"`
		Documentation    string   `yaml:"documentation"`
		Features         []string `yaml:"features"`
		Screenshots      []string `yaml:"screenshots"`
	} `yaml:"description"`
	Legal struct {
		License            string `yaml:"license"`
		MainCopyrightOwner string `yaml:"mainCopyrightOwner"`
	} `yaml:"legal"`
	Maintenance struct {
		Type     string `yaml:"type"`
		Contacts []struct {
			Name string `yaml:"name"`
		} `yaml:"contacts"`
	} `yaml:"maintenance"`
	Localisation struct {
		LocalisationReady  *bool    `yaml:"localisationReady"`
		AvailableLanguages []string `yaml:"availableLanguages"`
	} `yaml:"localisation"`
	DependsOn struct {
		Open, Hardware []struct {
			Name       string `yaml:"name"`
			VersionMin string `yaml:"versionMin"`
			Optional   bool   `yaml:"optional"`
		}
	} `yaml:"dependsOn"`
}

// Words of the standard's lists that say what this software is.
var (
	publiccodeCategories = []string{"data-analytics", "data-collection", "data-visualization", "geographic-information-systems"}
	publiccodeScopes     = []string{"energy", "environment", "infrastructures", "local-authorities", "transportation"}
	publiccodeStatus     = []string{"concept", "development", "beta", "stable", "obsolete"}
	publiccodeTypes      = []string{"standalone/iot", "standalone/web", "standalone/backend"}
)

// TestPubliccode checks what catalogues of public code would refuse.
func TestPubliccode(t *testing.T) {
	base := root(t)
	data, err := os.ReadFile(filepath.Join(base, "publiccode.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var p publiccode
	if err := strictyaml.Decode(data, &p); err != nil {
		t.Fatal(err)
	}
	within := func(key string, words, list []string) {
		for _, w := range words {
			if !slices.Contains(list, w) {
				t.Errorf("%s: %q is not in %v", key, w, list)
			}
		}
		if len(words) == 0 {
			t.Errorf("%s must be given", key)
		}
	}
	within("publiccodeYmlVersion", []string{p.Version}, []string{"0.4"})
	within("name", []string{p.Name}, []string{"Modellregion"})
	within("platforms", p.Platforms, []string{"web", "linux"})
	within("categories", p.Categories, publiccodeCategories)
	within("developmentStatus", []string{p.DevelopmentStatus}, publiccodeStatus)
	within("softwareType", []string{p.SoftwareType}, publiccodeTypes)
	within("intendedAudience.scope", p.IntendedAudience.Scope, publiccodeScopes)
	within("intendedAudience.countries", p.IntendedAudience.Countries, []string{"de"})
	within("legal.license", []string{p.Legal.License}, []string{"EUPL-1.2"}) // of the SPDX list, as LICENSE has it
	within("maintenance.type", []string{p.Maintenance.Type}, []string{"community"})
	within("localisation.availableLanguages", p.Localisation.AvailableLanguages, []string{"de", "en"})
	if u, err := url.Parse(p.URL); err != nil || u.Scheme != "https" || u.Host == "" {
		t.Errorf("url: %q is no address of a repository (%v)", p.URL, err)
	}
	if p.ReleaseDate != "" {
		if _, err := time.Parse(time.DateOnly, p.ReleaseDate); err != nil {
			t.Errorf("releaseDate: %v", err)
		}
	}
	if p.Localisation.LocalisationReady == nil {
		t.Error("localisation.localisationReady must be given")
	}
	if len(p.Maintenance.Contacts) == 0 || p.Maintenance.Contacts[0].Name == "" {
		t.Error("maintenance.contacts: a community must have one with a name")
	}
	for _, language := range []string{"de", "en"} {
		d := p.Description[language]
		length := func(key, text string, least, most int) {
			if n := utf8.RuneCountInString(text); n < least || n > most {
				t.Errorf("description.%s.%s has %d characters, want %d to %d", language, key, n, least, most)
			}
		}
		length("shortDescription", d.ShortDescription, 1, 150)
		length("longDescription", d.LongDescription, 150, 10000)
		if len(d.Features) < 5 || len(d.Features) > 20 {
			t.Errorf("description.%s.features: %d, want 5 to 20", language, len(d.Features))
		}
		for _, shot := range d.Screenshots {
			if _, err := os.Stat(filepath.Join(base, shot)); err != nil {
				t.Errorf("description.%s.screenshots: %v", language, err)
			}
		}
	}
}

// TestLicenceText: the text that REUSE wants in a folder is that of the project.
func TestLicenceText(t *testing.T) {
	base := root(t)
	ours, err := os.ReadFile(filepath.Join(base, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(base, "LICENSES", "EUPL-1.2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("LICENSES/EUPL-1.2.txt is not LICENSE")
	}
}
