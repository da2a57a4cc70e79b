package files

import (
	"reflect"

	"modellregion/opendata"
)

// Answers are the types of the JSON that is served, for a description of the
// interface that is made from them.
type Answers struct {
	Top, Dataset, Month reflect.Type // the indexes
	Description         reflect.Type // at the head of a table
	Written             reflect.Type // at its end
}

// JSON returns the types of what is served.
func JSON() Answers {
	return Answers{
		Top: reflect.TypeFor[topIndex](), Dataset: reflect.TypeFor[datasetIndex](), Month: reflect.TypeFor[month](),
		Description: reflect.TypeFor[description](), Written: reflect.TypeFor[written](),
	}
}

// Column is a column of the tables of a dataset.
type Column struct {
	Name   string
	Type   string // of Frictionless Table Schema: string, number, integer, datetime, boolean
	Unit   string // UCUM; {unit}: as column unit says; empty of what has none
	De, En string // what it holds
}

// Columns returns the columns of a dataset, in their order in all formats.
func Columns(d *opendata.Dataset) []Column {
	var all []Column
	for _, c := range columnsOf(d) {
		all = append(all, Column{c.Name, sortNames[c.sort], c.Unit, c.De, c.En})
	}
	return all
}
