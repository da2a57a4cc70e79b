package opendata

import (
	"fmt"
	"strings"
)

// Licence is what users may do with a dataset. In configuration it is its ID.
type Licence struct {
	ID   string // as in the licence list of DCAT-AP.de: "dl-zero-de/2.0"
	Name string // for people
	URL  string // of its text
}

// Licences returns those that a dataset may have, the freest first: open ones
// alone (Open Definition 2.1), which need nothing but a name.
func Licences() []Licence {
	return []Licence{
		{"dl-zero-de/2.0", "Datenlizenz Deutschland – Zero – Version 2.0", "https://www.govdata.de/dl-de/zero-2-0"},
		{"cc-zero/1.0", "Creative Commons Zero – CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"},
		{"dl-by-de/2.0", "Datenlizenz Deutschland – Namensnennung – Version 2.0", "https://www.govdata.de/dl-de/by-2-0"},
		{"cc-by/4.0", "Creative Commons Namensnennung – CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"},
	}
}

// DataLicenceZero is Datenlizenz Deutschland – Zero – 2.0: any use, no
// conditions.
func DataLicenceZero() Licence { return Licences()[0] }

// UnmarshalText reads an ID.
func (l *Licence) UnmarshalText(text []byte) error {
	var ids []string
	for _, known := range Licences() {
		if known.ID == string(text) {
			*l = known
			return nil
		}
		ids = append(ids, known.ID)
	}
	return fmt.Errorf("licence %.64q: want one of %s", text, strings.Join(ids, ", "))
}

// themes are the EU data themes (authority table data-theme), by which
// catalogues sort datasets.
func themes() []string {
	return []string{"AGRI", "ECON", "EDUC", "ENER", "ENVI", "GOVE", "HEAL", "INTR", "JUST", "REGI", "SOCI", "TECH", "TRAN"}
}
