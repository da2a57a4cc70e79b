package portal

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"modellregion/opendata"
)

// choice is what somebody wants to download: a period, a window and a format.
type choice struct {
	Period string // "latest", "2026-11-23" or "2026-11"
	Day    string // from the field for any day, before Period
	Window opendata.Window
	Format string // ending of the name
}

// pickerView is the form with which a file is chosen. It works without scripts:
// its answer leads to the file.
type pickerView struct {
	Action        string
	Periods       []optionGroup
	Windows       []option
	Formats       []option
	Day, Min, Max string // of the field for any day
	Missing       string // what was asked for and is not there
	Instead       []fileLink
}

type optionGroup struct {
	Name    string
	Options []option
}

// fileFormats are those that files may have, the most asked for first.
func fileFormats() []string {
	return []string{"csv", "excel-de.csv", "xlsx", "json", "geojson", "parquet"}
}

// latestPeriod is how the latest values are called in an address.
const latestPeriod = "latest"

// parseChoice reads what the form sends. What is not there is the latest values
// as CSV.
func parseChoice(query url.Values, d *opendata.Dataset) (choice, error) {
	c := choice{Period: latestPeriod, Window: d.Base(), Format: "csv", Day: query.Get("day")}
	if v := query.Get("period"); v != "" {
		c.Period = v
	}
	if c.Day != "" {
		c.Period = c.Day
	}
	if v := query.Get("format"); v != "" {
		c.Format = v
	}
	if v := query.Get("window"); v != "" && c.Window.UnmarshalText([]byte(v)) != nil {
		return choice{}, errNoSuch
	}
	if !slices.Contains(fileFormats(), c.Format) || !slices.Contains(d.Windows, c.Window) {
		return choice{}, errNoSuch
	}
	if !isPeriod(c.Period) {
		return choice{}, errNoSuch
	}
	return c, nil
}

func isPeriod(period string) bool {
	if period == latestPeriod {
		return true
	}
	if len(period) == len("2026-11") {
		period += "-01"
	}
	day, err := opendata.ParseDay(period)
	return err == nil && day.String() == period
}

// find returns the address of the file that is chosen. Days of earlier months
// are not listed: they are there where their month is.
func (c *choice) find(d *opendata.Dataset, files []File) (string, bool) {
	newest := ""
	for _, f := range files {
		_, format, _ := strings.Cut(path.Base(f.Path), ".")
		if format == c.Format && (c.Period == latestPeriod && f.Period == "" || f.Period == c.Period && f.Window == c.Window) {
			return f.Path, true
		}
		newest = max(newest, monthOf(f.Period))
	}
	month := monthOf(c.Period)
	earlier := len(c.Period) == len("2026-11-23") && month < newest
	if earlier && slices.ContainsFunc(files, func(f File) bool { return f.Period == month }) {
		return "/data/" + d.ID + "/" + c.Window.String() + "/" + c.Period + "." + c.Format, true
	}
	return "", false
}

// monthOf returns the month of a day or month, empty of the latest values.
func monthOf(period string) string {
	if len(period) < len("2026-11") {
		return ""
	}
	return period[:len("2026-11")]
}

// download leads to the file that was chosen, or back to the page of the dataset,
// which says what there is instead.
func (p *portal) download(t *texts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d, err := p.datasetOf(r)
		if err != nil {
			p.fail(w, t, http.StatusNotFound)
			return
		}
		query := r.URL.Query()
		c, err := parseChoice(query, d)
		if err != nil {
			p.fail(w, t, http.StatusNotFound)
			return
		}
		files, err := p.Files.Published(d.ID)
		if err != nil {
			p.Log.Warn("files of a dataset are not known", "dataset", d.ID, "err", err)
			p.fail(w, t, http.StatusServiceUnavailable)
			return
		}
		to, ok := c.find(d, files)
		if !ok {
			to = t.To("/dataset/" + d.ID + "?" + c.query() + "#dateien")
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

func (c *choice) query() string {
	return url.Values{"period": {c.Period}, "window": {c.Window.String()}, "format": {c.Format}}.Encode()
}

// picker is the form, as it was filled in.
func (p *portal) picker(r *http.Request, d *opendata.Dataset, files []File, t *texts) (pickerView, error) {
	query := r.URL.Query()
	c, err := parseChoice(query, d)
	if err != nil {
		return pickerView{}, err
	}
	v := pickerView{Action: t.To("/dataset/" + d.ID + "/file")}
	var periods []string
	for _, f := range files {
		if !slices.Contains(periods, f.Period) {
			periods = append(periods, f.Period)
		}
	}
	slices.SortFunc(periods, func(a, b string) int { return strings.Compare(latestFirst(b), latestFirst(a)) })
	latest, months, days := optionGroup{Name: t.Dataset.Now}, optionGroup{Name: t.Dataset.Months}, optionGroup{Name: t.Dataset.Days}
	for _, period := range periods {
		o := option{period, periodName(period, t), period == c.Period}
		switch len(period) {
		case 0:
			latest.Options = append(latest.Options, option{latestPeriod, o.Name, c.Period == latestPeriod})
		case len("2026-11"):
			months.Options = append(months.Options, o)
			v.Min = period + "-01" // the last of them is the oldest
		default:
			days.Options = append(days.Options, o)
			v.Max, v.Min = max(v.Max, period), earliest(v.Min, period)
		}
	}
	for _, g := range []optionGroup{latest, days, months} {
		if len(g.Options) > 0 {
			v.Periods = append(v.Periods, g)
		}
	}
	for _, w := range d.Windows {
		v.Windows = append(v.Windows, option{w.String(), windowName(w, t.Lang), w == c.Window})
	}
	for _, f := range fileFormats() {
		v.Formats = append(v.Formats, option{f, t.formatName(f), f == c.Format})
	}
	if query.Has("period") {
		v.miss(&c, d, files, t)
	}
	return v, nil
}

func earliest(a, b string) string {
	if a == "" {
		return b
	}
	return min(a, b)
}

// miss says that what was asked for is not there, and what is of the same period.
func (v *pickerView) miss(c *choice, d *opendata.Dataset, files []File, t *texts) {
	if _, ok := c.find(d, files); ok {
		return
	}
	period := c.Period
	if period == latestPeriod {
		period = ""
	}
	v.Missing = periodName(period, t) + ", " + windowName(c.Window, t.Lang) + ", " + t.formatName(c.Format)
	for _, s := range fileSets(slices.DeleteFunc(slices.Clone(files), func(f File) bool { return f.Period != period }), t, len(files)) {
		for _, f := range s.Files {
			v.Instead = append(v.Instead, fileLink{s.Period + ", " + s.Window + ", " + f.Format, f.Size, f.URL, f.bytes})
		}
	}
}
