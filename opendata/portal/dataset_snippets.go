package portal

import (
	"fmt"
	"path"
	"strings"

	"modellregion/opendata"
)

// snippet is a piece of a program that reads a dataset and works when pasted.
type snippet struct {
	ID, Title, Hint string
	Code            string
	URL             string // that it reads
}

// snippets are those of a dataset: they read its latest values or, where there
// are none, its newest file. Without an address of the site there are none, since
// they would not work.
func (p *portal) snippets(d *opendata.Dataset, files []File, t *texts) []snippet {
	if p.BaseURL == "" {
		return nil
	}
	table, layer := newestOf(files, ".csv"), newestOf(files, ".geojson")
	if table == "" {
		return nil
	}
	address, name := p.absolute(table), d.ID+"-"+path.Base(table)
	value := "mean"
	if d.Households != nil {
		value = "sum"
	}
	s := &t.Dataset
	all := []snippet{
		{"curl", "curl", s.CurlHint, fmt.Sprintf("curl -fsSL --compressed -o %s '%s'", name, address), address},
		{"pandas", "Python (pandas)", s.PandasHint, codeLines(
			"import pandas as pd", "",
			fmt.Sprintf(`df = pd.read_csv("%s", parse_dates=["start"])`, address),
			fmt.Sprintf(`print(df.groupby(["quantity", "unit"])["%s"].describe())`, value)), address},
		{"python", "Python", s.PythonHint, codeLines(
			"import csv, io, urllib.request", "",
			fmt.Sprintf(`with urllib.request.urlopen("%s") as answer:`, address),
			`    rows = list(csv.DictReader(io.TextIOWrapper(answer, "utf-8", newline="")))`,
			fmt.Sprintf(`print(len(rows), "rows:", rows[0]["start"], rows[0]["quantity"], rows[0]["%s"], rows[0]["unit"])`, value)), address},
		{"r", "R", s.RHint, codeLines(
			fmt.Sprintf(`values <- read.csv("%s", fileEncoding = "UTF-8")`, address),
			`values$start <- as.POSIXct(values$start, format = "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")`,
			fmt.Sprintf("aggregate(%s ~ quantity + unit, data = values, FUN = mean)", value)), address},
		{"excel", "Excel (Power Query)", s.ExcelHint, codeLines(
			"let",
			fmt.Sprintf(`  Source = Csv.Document(Web.Contents("%s"), [Delimiter = ",", Encoding = 65001, QuoteStyle = QuoteStyle.Csv]),`, address),
			"  Table = Table.PromoteHeaders(Source, [PromoteAllScalars = true]),",
			fmt.Sprintf(`  Typed = Table.TransformColumnTypes(Table, {{"start", type datetimezone}, {"%s", type number}}, "en-US")`, value),
			"in", "  Typed"), address},
	}
	if d.Households == nil && layer != "" { // groups of households have no place
		at := p.absolute(layer)
		all = append(all, snippet{"qgis", "QGIS", s.QGISHint,
			fmt.Sprintf(`iface.addVectorLayer("/vsicurl/%s", "%s", "ogr")`, at, d.ID), at})
	}
	return all
}

// newestOf returns the path of the latest values with an ending or, without
// them, of the newest period.
func newestOf(files []File, ending string) string {
	found, period := "", ""
	for _, f := range files {
		if _, format, _ := strings.Cut(path.Base(f.Path), "."); "."+format != ending {
			continue
		}
		if order := latestFirst(f.Period); found == "" || order > period {
			found, period = f.Path, order
		}
	}
	return found
}

func codeLines(all ...string) string { return strings.Join(all, "\n") }
