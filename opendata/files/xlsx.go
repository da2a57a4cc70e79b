package files

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

const (
	// maxSheet is the number of rows that a sheet of XLSX takes below its
	// header (ECMA-376 Part 1, §18.3.1.73 as Excel applies it: 1,048,576).
	maxSheet = excelize.TotalRows - 1

	sheetData  = "Daten"
	sheetAbout = "Beschreibung"
)

// xlsxWriter writes rows to a sheet as typed cells, and the description to a
// second one. Rows beyond 16 MB wait in a temporary file, not in memory.
type xlsxWriter struct {
	out     io.Writer
	file    *excelize.File
	sheet   *excelize.StreamWriter
	columns []column
	about   *description
	date    int // style of a time
	bold    int
	line    []any
	rows    int
}

func newXLSX(w io.Writer, columns []column, about *description) (*xlsxWriter, error) {
	x := &xlsxWriter{out: w, file: excelize.NewFile(), columns: columns, about: about, line: make([]any, len(columns))}
	if err := x.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("begin workbook: %w", err), x.file.Close())
	}
	return x, nil
}

func (x *xlsxWriter) begin() (err error) {
	if err := x.file.SetSheetName(x.file.GetSheetName(0), sheetData); err != nil {
		return err
	}
	format := "yyyy-mm-dd hh:mm:ss"
	if x.date, err = x.file.NewStyle(&excelize.Style{CustomNumFmt: &format}); err != nil {
		return err
	}
	if x.bold, err = x.file.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}}); err != nil {
		return err
	}
	if x.sheet, err = x.file.NewStreamWriter(sheetData); err != nil {
		return err
	}
	if err := x.sheet.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	for i := range x.columns {
		width := 12.0
		if x.columns[i].sort == instant || x.columns[i].sort == text {
			width = 20
		}
		if err := x.sheet.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
		x.line[i] = excelize.Cell{StyleID: x.bold, Value: x.columns[i].Name}
	}
	return x.sheet.SetRow("A1", x.line)
}

func (x *xlsxWriter) write(_ *row, cells []cell) error {
	for i := range cells {
		v := &cells[i]
		switch {
		case !v.set:
			x.line[i] = nil
		case x.columns[i].sort == number:
			x.line[i] = round15(v.number)
		case x.columns[i].sort == integer:
			x.line[i] = int64(v.number)
		case x.columns[i].sort == instant:
			x.line[i] = excelize.Cell{StyleID: x.date, Value: v.time}
		case x.columns[i].sort == truth:
			x.line[i] = v.truth
		default:
			x.line[i] = v.text
		}
	}
	x.rows++
	return x.sheet.SetRow("A"+strconv.Itoa(x.rows+1), x.line)
}

// round15 rounds to the 15 digits that Excel keeps: the library cuts the others
// off.
func round15(v float64) float64 {
	var b [32]byte
	r, err := strconv.ParseFloat(string(strconv.AppendFloat(b[:0], v, 'g', 15, 64)), 64)
	if err != nil {
		return v
	}
	return r
}

func (x *xlsxWriter) close(t *written) error {
	err := x.sheet.Flush()
	if err == nil {
		err = x.describe(t)
	}
	if err == nil {
		err = x.file.Write(x.out)
	}
	return errors.Join(err, x.file.Close())
}

// abort lets go of the temporary file.
func (x *xlsxWriter) abort() error { return x.file.Close() }

func (x *xlsxWriter) describe(t *written) error {
	if _, err := x.file.NewSheet(sheetAbout); err != nil {
		return err
	}
	a := x.about
	lines := [][]any{
		{"Datensatz", "dataset", a.Title.De, a.Title.En},
		{"", "", a.Description.De, a.Description.En},
		{"Kennung", "id", a.ID},
		{"Lizenz", "licence", a.LicenceName, a.LicenceURL},
		{"Herausgeber", "publisher", a.Publisher},
		{"Zeitraum", "period", a.Period},
		{"Zeitfenster", "window", a.Window},
		{"Zeitangaben", "times", a.Time.De, a.Time.En},
		{"Abdeckung", "coverage", a.Coverage.De, a.Coverage.En},
		{"Unterdrückung", "suppression", a.Suppression.De, a.Suppression.En},
		{"vollständig", "complete", t.Complete},
		{"Fassung", "revision", t.Revision},
		{"Zeilen", "rows", t.Rows},
		{"geschrieben (UTC)", "written (UTC)", t.Last.UTC().Format("2006-01-02 15:04:05")},
		{},
		{"Spalte", "column", "Einheit / unit (UCUM)", "", ""},
	}
	for _, c := range a.Columns {
		lines = append(lines, []any{c.Name, strings.ReplaceAll(c.Unit, inUnit, "→ unit"), c.Description.De, c.Description.En})
	}
	lines = append(lines, []any{}, []any{"Messgröße", "quantity", "Einheit / unit (UCUM)"})
	for _, q := range a.Quantities {
		lines = append(lines, []any{q.Name, q.Unit, q.Description.De, q.Description.En})
	}
	sheet, err := x.file.NewStreamWriter(sheetAbout)
	if err != nil {
		return err
	}
	if err := sheet.SetColWidth(1, 4, 32); err != nil {
		return err
	}
	for i, line := range lines {
		if err := sheet.SetRow("A"+strconv.Itoa(i+1), line); err != nil {
			return err
		}
	}
	return sheet.Flush()
}
