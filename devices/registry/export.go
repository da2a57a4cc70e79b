package registry

import (
	"encoding/csv"
	"io"

	"modellregion/devices"
)

// WriteCSV writes devices as ReadCSV reads them, with a heading; keys are in
// the clear, and the hidden columns left out without secrets.
func WriteCSV(out io.Writer, list []devices.Device, secrets bool) error {
	var columns []string
	for _, c := range Columns {
		if secrets || !IsHidden(c) {
			columns = append(columns, c)
		}
	}
	w := csv.NewWriter(out)
	if err := w.Write(columns); err != nil {
		return err
	}
	row := make([]string, len(columns))
	for _, d := range list {
		f := Fields(d, secrets)
		for i, c := range columns {
			row[i] = f[c]
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}
