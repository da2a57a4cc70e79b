package files

import (
	"encoding/json"
	"path"
)

const (
	packageName = "datapackage.json"
	schemaName  = "schema.json"      // of Frictionless
	csvwName    = "csvw-schema.json" // of CSV on the Web
)

// writeSchemas writes the columns of a dataset in the words of Frictionless
// Table Schema and of CSV on the Web. All CSV files of the dataset share them.
func (f *Files) writeSchemas(a *description) error {
	type field struct {
		columnDescription
		Title       string    `json:"title"`
		Description string    `json:"description"`
		Texts       bilingual `json:"descriptions"`
	}
	type csvwColumn struct {
		Name        string `json:"name"`
		Titles      string `json:"titles"`
		Description []any  `json:"dc:description"`
		Datatype    any    `json:"datatype"`
		Unit        string `json:"schema:unitCode,omitempty"`
	}
	datatypes := map[string]string{"string": "string", "number": "double", "integer": "integer", "datetime": "dateTime", "boolean": "boolean"}
	fields, columns := []field{}, []csvwColumn{}
	for _, c := range a.Columns {
		fields = append(fields, field{c, c.Name, c.Description.De + " / " + c.Description.En, c.Description})
		columns = append(columns, csvwColumn{c.Name, c.Name, inTwo(c.Description), datatypes[c.Type], c.Unit})
	}
	schema := map[string]any{"fields": fields, "missingValues": []string{""}, "primaryKey": primaryKey(a)}
	if err := f.writeJSON(path.Join(a.ID, schemaName), schema); err != nil {
		return err
	}
	return f.writeJSON(path.Join(a.ID, csvwName), map[string]any{
		"@context": csvwContext(), "@type": "Schema", "columns": columns, "primaryKey": primaryKey(a),
	})
}

// inTwo is a text as a natural-language property of CSV on the Web.
func inTwo(t bilingual) []any {
	return []any{map[string]string{"@value": t.De, "@language": "de"}, map[string]string{"@value": t.En, "@language": "en"}}
}

func csvwContext() any { return "http://www.w3.org/ns/csvw" }

// primaryKey returns the columns that tell one row from another.
func primaryKey(a *description) []string {
	var key []string
	for _, c := range a.Columns {
		switch c.Name {
		case "station", "site", "quantity", "channel", "start":
			key = append(key, c.Name)
		}
	}
	return key
}

// csvw returns the metadata of one CSV file after "Metadata Vocabulary for
// Tabular Data" (W3C Recommendation, 2015). There is one beside each file, where
// every processor looks first after the Link header (Model for Tabular Data
// §5.3): one for a folder would have to list all files in it, and so be
// written anew with each and grow with the years.
func (a *description) csvw(e *entry) []byte {
	file := e.file(plainCSV)
	up := "../"
	if e.Period == latestName {
		up = ""
	}
	data, err := json.MarshalIndent(map[string]any{
		"@context":       []any{csvwContext(), map[string]string{"@language": "de"}},
		"@type":          "Table",
		"url":            path.Base(file.Path),
		"tableSchema":    up + csvwName,
		"dialect":        map[string]any{"header": true, "encoding": "utf-8", "lineTerminators": []string{"\r\n"}},
		"dc:title":       inTwo(a.Title),
		"dc:description": inTwo(a.Description),
		"dc:license":     map[string]string{"@id": a.LicenceURL},
		"dc:publisher":   a.Publisher,
		"dc:temporal":    e.Period,
		"dc:modified":    e.Last,
		"dc:created":     e.First,
		"schema:version": e.Revision,
		"notes": []any{map[string]any{
			"complete": e.Complete, "revision": e.Revision, "rows": e.Rows, "window": e.Window, "bytes": file.Bytes, "sha256": file.SHA256,
			"time": a.Time, "coverage": a.Coverage, "suppression": a.Suppression,
		}},
	}, "", " ")
	if err != nil {
		return []byte("{}") // texts and numbers always can be encoded
	}
	return append(data, '\n')
}

// resource is a file in a data package (Frictionless Data Resource v1).
type resource struct {
	Profile   string `json:"profile"`
	Name      string `json:"name"`
	Path      string `json:"path"`
	Format    string `json:"format"`
	Mediatype string `json:"mediatype"`
	Encoding  string `json:"encoding"`
	Bytes     int64  `json:"bytes"`
	Hash      string `json:"hash"`
	Schema    string `json:"schema"`
	Dialect   any    `json:"dialect"`
	Window    string `json:"window"`
	Rows      int    `json:"rows"`
	Complete  bool   `json:"complete"`
	Revision  int    `json:"revision"`
	First     any    `json:"first_written"`
	Last      any    `json:"last_written"`
}

// writePackage writes the data package (Frictionless Data Package v1). Its
// resources are the CSV files of the latest values, of the days of the newest
// month and of all months: that is everything, and grows by the month alone.
func (f *Files) writePackage(a *description, ix *datasetIndex, newest *month) error {
	resources := []resource{}
	add := func(e *entry) {
		file := e.file(plainCSV)
		if file == nil {
			return
		}
		resources = append(resources, resource{
			Profile: "tabular-data-resource", Name: e.Window + "-" + e.Period, Path: file.Path,
			Format: "csv", Mediatype: "text/csv", Encoding: "utf-8", Bytes: file.Bytes, Hash: "sha256:" + file.SHA256,
			Schema: schemaName, Dialect: map[string]any{"delimiter": ",", "lineTerminator": "\r\n", "header": true},
			Window: e.Window, Rows: e.Rows, Complete: e.Complete, Revision: e.Revision, First: e.First, Last: e.Last,
		})
	}
	if ix.Latest != nil {
		add(ix.Latest)
	}
	for _, e := range newest.Entries {
		if !e.isMonth() {
			add(e)
		}
	}
	for _, m := range ix.Months {
		for _, e := range m.Whole {
			add(e)
		}
	}
	return f.writeJSON(path.Join(a.ID, packageName), map[string]any{
		"profile": "tabular-data-package", "name": a.ID, "title": a.Title.De, "description": a.Description.De,
		"titles": a.Title, "descriptions": a.Description, "homepage": "./",
		"licenses":     []any{map[string]string{"name": a.Licence, "title": a.LicenceName, "path": a.LicenceURL}},
		"contributors": []any{map[string]string{"title": a.Publisher, "email": a.Contact, "role": "publisher"}},
		"time":         a.Time, "coverage": a.Coverage, "suppression": a.Suppression,
		"quantities": a.Quantities, "indexes": indexName, "resources": resources,
	})
}
