package files

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	parquetzstd "github.com/parquet-go/parquet-go/compress/zstd"
)

// rowGroup is the number of rows in a group of a Parquet file: what a reader
// may skip, and what the writer holds in memory.
const rowGroup = 100_000

// parquetWriter writes rows as Parquet: Zstandard, texts as dictionaries,
// sorted by start, site, quantity and channel. Units and the description are
// in the metadata of the file, under the names of their columns.
type parquetWriter struct {
	w       *parquet.GenericWriter[any]
	columns []column
	values  []parquet.Value // of rows that are not handed over yet
	rows    []parquet.Row
}

var goTypes = map[sort]reflect.Type{
	text: reflect.TypeFor[string](), number: reflect.TypeFor[float64](), integer: reflect.TypeFor[int64](),
	instant: reflect.TypeFor[int64](), truth: reflect.TypeFor[bool](),
}

// parquetSchema has the columns in their order. The order of a
// parquet.Group would be that of the alphabet, so a struct is made.
func parquetSchema(columns []column) *parquet.Schema {
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		tag := c.Name
		switch c.sort {
		case instant:
			tag += ",timestamp(millisecond)"
		case truth:
		case text:
			tag += ",optional,dict"
		default:
			tag += ",optional"
		}
		fields[i] = reflect.StructField{Name: "C" + strconv.Itoa(i), Type: goTypes[c.sort], Tag: reflect.StructTag(`parquet:"` + tag + `"`)}
	}
	return parquet.NewSchema("windows", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

func newParquet(w io.Writer, columns []column, about []byte) (*parquetWriter, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("begin Parquet: %w", err)
	}
	options := []parquet.WriterOption{
		parquetSchema(columns), parquet.CreatedBy("modellregion", "1", ""), parquet.MaxRowsPerRowGroup(rowGroup),
		parquet.Compression(&ownZstd{encoder: encoder}), parquet.KeyValueMetadata("description", string(about)),
	}
	var sorting []parquet.SortingColumn
	for _, name := range []string{"start", "station", "site", "quantity", "channel"} {
		if slices.ContainsFunc(columns, func(c column) bool { return c.Name == name }) {
			sorting = append(sorting, parquet.NullsFirst(parquet.Ascending(name)))
		}
	}
	options = append(options, parquet.SortingWriterConfig(parquet.SortingColumns(sorting...)))
	for name, unit := range unitsOf(columns) {
		options = append(options, parquet.KeyValueMetadata("unit."+name, unit))
	}
	return &parquetWriter{w: parquet.NewGenericWriter[any](w, options...), columns: columns}, nil
}

// ownZstd compresses with an encoder of its own. Those of the library are
// shared by the whole process, and each takes a processor's worth of memory.
type ownZstd struct {
	parquetzstd.Codec // its names and its decoder
	encoder           *zstd.Encoder
}

func (z *ownZstd) Encode(dst, src []byte) ([]byte, error) {
	return z.encoder.EncodeAll(src, dst[:0]), nil
}

// unitsOf returns the units of the columns that have one.
func unitsOf(columns []column) map[string]string {
	units := map[string]string{}
	for i := range columns {
		if columns[i].Unit != "" {
			units[columns[i].Name] = columns[i].Unit
		}
	}
	return units
}

func (p *parquetWriter) write(_ *row, cells []cell) error {
	from := len(p.values)
	for i := range cells {
		p.values = append(p.values, parquetValue(p.columns[i].sort, &cells[i], i))
	}
	p.rows = append(p.rows, parquet.Row(p.values[from:]))
	if len(p.rows) < 256 {
		return nil
	}
	return p.flush()
}

func (p *parquetWriter) flush() error {
	_, err := p.w.WriteRows(p.rows)
	p.rows, p.values = p.rows[:0], p.values[:0]
	return err
}

func parquetValue(s sort, v *cell, index int) parquet.Value {
	switch {
	case s == instant:
		return parquet.Int64Value(v.time.UnixMilli()).Level(0, 0, index)
	case s == truth:
		return parquet.BooleanValue(v.truth).Level(0, 0, index)
	case !v.set:
		return parquet.NullValue().Level(0, 0, index)
	case s == number:
		return parquet.DoubleValue(v.number).Level(0, 1, index)
	case s == integer:
		return parquet.Int64Value(int64(v.number)).Level(0, 1, index)
	default:
		return parquet.ByteArrayValue([]byte(v.text)).Level(0, 1, index)
	}
}

func (p *parquetWriter) close(t *written) error {
	if err := p.flush(); err != nil {
		return err
	}
	data, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode what was written: %w", err)
	}
	p.w.SetKeyValueMetadata("written", string(data))
	return p.w.Close()
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
