package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"modellregion/devices"
	"modellregion/devices/registry"
	"modellregion/internal/influx"
	"modellregion/internal/simulate/load"
	"modellregion/opendata"
	"modellregion/opendata/feedback"
)

// rescued is a platform that is backed up, lost and restored.
type rescued struct {
	t                    *testing.T
	dir, data, config    string
	backup, ledger, code string // code is of an entry of feedback
	day                  opendata.Day
	fleet                load.Config
}

func newRescued(t *testing.T) *rescued {
	t.Helper()
	dir := t.TempDir()
	r := &rescued{
		t: t, dir: dir, data: filepath.Join(dir, "data"), backup: filepath.Join(dir, "backup"), ledger: filepath.Join(dir, "ledger"),
		day:   opendata.DayOf(opendata.DayOf(time.Now()).Span().Start.Add(-time.Hour)),
		fleet: load.Config{Names: []string{"rathaus", "klinikum"}, Devices: 20, Seed: 1},
	}
	r.config = write(t, filepath.Join(dir, "region.yaml"), fmt.Sprintf(`
region:
  name: {de: Sicherung, en: Backup}
  publisher: Stadt
  contact: opendata@stadt.example
  municipalities: [%s]
data_dir: %s
http: 127.0.0.1:0
internal: 127.0.0.1:0
mqtt: {listen: "127.0.0.1:0"}
influx: {listen: "127.0.0.1:0"}
edges: [{name: rathaus}, {name: klinikum}, {name: innen, udp: "127.0.0.1:0"}]
`, towns(), r.data))
	r.must("simulate", "devices", "-c", r.config, "--edge", "rathaus", "--edge", "klinikum", "--devices", "20")
	store, err := registry.Open(t.Context(), filepath.Join(r.data, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := load.Devices(r.fleet)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list { // so that what they say is published
		list[i].Visibility, list[i].Station, list[i].Municipality = devices.Public, fmt.Sprintf("station-%d", i), "paderborn"
	}
	if err := store.Put(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	said, err := feedback.Open(t.Context(), filepath.Join(r.data, "feedback.db"))
	if err != nil {
		t.Fatal(err)
	}
	if r.code, err = said.Add(t.Context(), feedback.Entry{About: feedback.About{Kind: feedback.KindPortal}, Lang: "de", Time: time.Now(), Text: "Der Zähler an der Brücke steht seit gestern."}); err != nil {
		t.Fatal(err)
	}
	if err := said.Close(); err != nil {
		t.Fatal(err)
	}
	// A decision about a group of households, published already.
	days := filepath.Join(r.data, "households", "stromverbrauch", "days")
	if err := os.MkdirAll(days, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(days, r.day.String()+".json"), fmt.Sprintf(
		`{"v":1,"dataset":"stromverbrauch","day":"%s","series":[{"station":"dorf-2026","quantity":"energy_import","window":"1d","sums":[123456]}]}`, r.day))
	return r
}

// serve starts the platform and waits until it is ready.
func (r *rescued) serve() *process {
	r.t.Helper()
	p := start(r.t, "modellregion", "serve", r.config)
	eventually(r.t, "the platform is ready", func() bool {
		if p.ended() {
			r.t.Fatal("the platform has ended")
		}
		if _, err := os.Stat(filepath.Join(r.data, "endpoints.json")); err != nil || !strings.Contains(p.logged(), "platform runs") {
			return false
		}
		status, _, _ := get(r.t, "http://"+endpoints(r.t, r.data)["internal"]+"/readyz")
		return status == 200
	})
	return p
}

// command runs modellregion to its end.
func (r *rescued) command(args ...string) (string, error) {
	r.t.Helper()
	out, err := exec.Command(filepath.Join(programs, "modellregion"), args...).CombinedOutput()
	return string(out), err
}

func (r *rescued) must(args ...string) string {
	r.t.Helper()
	out, err := r.command(args...)
	if err != nil {
		r.t.Fatalf("modellregion %v: %v\n%s", args, err, out)
	}
	return out
}

// send starts the fleet, which goes on from its ledger.
func (r *rescued) send(args ...string) *process {
	return start(r.t, "modellregion", append([]string{"simulate", "mqtt", "-c", r.config, "--edge", "rathaus", "--edge", "klinikum",
		"--devices", "20", "--ledger", r.ledger}, args...)...)
}

// rows returns what is stored, a line for each point.
func (r *rescued) rows(db, query string) map[string]bool {
	r.t.Helper()
	var l struct{ URL, Username, Password string }
	readFile(r.t, r.data, "influx.json", &l)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, l.URL+"/query?"+url.Values{"db": {db}, "q": {query}, "epoch": {"ns"}}.Encode(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.SetBasicAuth(l.Username, l.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }() // it is read to its end
	var answer struct {
		Results []struct {
			Error  string
			Series []struct {
				Name    string
				Columns []string
				Values  [][]json.RawMessage
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Error != "" {
		r.t.Fatalf("%s: %v %+v", query, err, answer.Results)
	}
	out := map[string]bool{}
	for _, s := range answer.Results[0].Series {
		for _, values := range s.Values {
			line := s.Name
			for i, v := range values {
				line += fmt.Sprintf(" %s=%s", s.Columns[i], v)
			}
			if out[line] {
				r.t.Errorf("it is there twice: %s", line)
			}
			out[line] = true
		}
	}
	return out
}

func (r *rescued) readings() map[string]bool {
	r.t.Helper()
	return r.rows("raw", "SELECT * FROM environment, radio")
}

// windows of the day before, and of households.
func (r *rescued) windows() map[string]bool {
	r.t.Helper()
	span := r.day.Span()
	return r.rows("open", fmt.Sprintf("SELECT * FROM umwelt, stromverbrauch WHERE time >= %d AND time < %d", span.Start.UnixNano(), span.End.UnixNano()))
}

// yesterday stores a day that is over, as an edge would that was away.
func (r *rescued) yesterday() {
	r.t.Helper()
	var l struct {
		Platform struct{ Username, Password string }
	}
	readFile(r.t, r.data, "influx/logins.json", &l)
	client := influx.New(influx.Config{URL: "http://" + endpoints(r.t, r.data)["influx"], Username: l.Platform.Username, Password: l.Platform.Password})
	defer client.Close()
	list, err := load.Devices(r.fleet)
	if err != nil {
		r.t.Fatal(err)
	}
	quantity, _ := devices.Lookup("air_temperature")
	var reports []devices.Report
	for n := range 96 {
		reports = append(reports, devices.Report{
			Device: list[0].EUI, Station: "station-0", Municipality: "paderborn", Domain: list[0].Domain,
			Time: r.day.Span().Start.Add(time.Duration(n) * 15 * time.Minute), Readings: []devices.Reading{{Quantity: quantity, Value: float64(n) / 10}},
		})
	}
	if err := client.Write(r.t.Context(), reports); err != nil {
		r.t.Fatal(err)
	}
}

// tree returns the files of a folder, but for those that are being written.
func tree(t *testing.T, dir string, keep func(name string) bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") || !keep(path) {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kept is what must be the same before and after.
type kept struct {
	Devices    []devices.Device
	Passwords  map[string]string
	Households map[string]string
	Files      map[string]string // of the day that is over
	Windows    map[string]bool
	Feedback   feedback.Entry
}

func (r *rescued) kept() (k kept) {
	r.t.Helper()
	ctx := r.t.Context()
	store, err := registry.Open(ctx, filepath.Join(r.data, "registry.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	list, err := load.Devices(r.fleet)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range list {
		got, err := store.Device(ctx, d.EUI)
		if err != nil {
			r.t.Fatal(err)
		}
		k.Devices = append(k.Devices, got)
	}
	if err := store.Close(); err != nil {
		r.t.Fatal(err)
	}
	said, err := feedback.Open(ctx, filepath.Join(r.data, "feedback.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	if k.Feedback, err = said.Get(ctx, r.code); err != nil {
		r.t.Fatal(err)
	}
	if err := said.Close(); err != nil {
		r.t.Fatal(err)
	}
	var l struct{ Passwords map[string]string }
	readFile(r.t, r.data, "mqtt.json", &l)
	k.Passwords = l.Passwords
	k.Households = tree(r.t, filepath.Join(r.data, "households"), func(name string) bool {
		return strings.HasSuffix(name, ".json") || strings.Contains(name, "quantities")
	})
	k.Files = tree(r.t, filepath.Join(r.data, "open", "data"), func(name string) bool { return strings.Contains(filepath.Base(name), r.day.String()) })
	k.Windows = r.windows()
	return k
}

// A platform is backed up under load, dies and loses its disk. What was stored
// before the backup is there again; what edges had not seen confirmed comes
// again; nothing is there twice.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRescued(t)
	platform := r.serve()
	r.yesterday()
	first := r.send("--rate", "0", "--uplinks", "300")
	eventually(t, "the first uplinks", first.ended)
	if first.err != nil {
		t.Fatalf("the first uplinks: %v\n%s", first.err, first.logged())
	}
	over := filepath.Join(r.data, "open/data/umwelt/1d", r.day.String()+".csv")
	patiently(t, "the day before is published", func() bool {
		_, err := os.Stat(over)
		return err == nil && len(r.windows()) > 90
	})
	if !strings.Contains(fmt.Sprint(r.windows()), "123456") {
		t.Error("the decision about households is not public")
	}

	sending := r.send("--rate", "150")
	eventually(t, "more uplinks", func() bool { return len(r.readings()) > 1000 })
	before := r.readings()
	out := r.must("backup", "-c", r.config, r.backup)
	if !strings.Contains(out, "backed up to") || strings.Contains(out, "without knowing") {
		t.Errorf("backup says %s", out)
	}
	eventually(t, "uplinks that are not in the backup", func() bool { return len(r.readings()) > len(before)+1000 })
	sending.kill()
	want, last := r.kept(), r.readings()
	platform.kill()
	if err := os.RemoveAll(r.data); err != nil {
		t.Fatal(err)
	}

	if out := r.must("restore", "-c", r.config, "--check", r.backup); !strings.Contains(out, "is whole") {
		t.Errorf("restore --check says %s", out)
	}
	r.refused()
	r.must("restore", "-c", r.config, r.backup)
	r.serve()
	got := r.readings()
	missing, strange := 0, 0
	for row := range before {
		if !got[row] {
			missing++
		}
	}
	for row := range got {
		if !last[row] {
			strange++
		}
	}
	if missing > 0 || strange > 0 || len(got) >= len(last) {
		t.Errorf("of %d readings before the backup %d are missing; of %d that came back %d are strange; %d were there at the end", len(before), missing, len(got), strange, len(last))
	}
	patiently(t, "the decision about households is public again", func() bool { return strings.Contains(fmt.Sprint(r.windows()), "123456") })
	if back := r.kept(); !reflect.DeepEqual(back, want) {
		t.Errorf("it came back otherwise:\ndevices %t\npasswords %t\nhouseholds %t\nfiles %t (%d, %v)\nwindows %t (%d, %d)\nfeedback %t",
			reflect.DeepEqual(back.Devices, want.Devices), maps.Equal(back.Passwords, want.Passwords), maps.Equal(back.Households, want.Households),
			maps.Equal(back.Files, want.Files), len(want.Files), slices.Sorted(maps.Keys(back.Files)), maps.Equal(back.Windows, want.Windows), len(back.Windows), len(want.Windows), back.Feedback == want.Feedback)
	}
	if len(want.Files) < 10 || len(want.Devices) != 20 || want.Devices[0].Keys == (devices.Keys{}) {
		t.Errorf("there was little to lose: %d files, %d devices", len(want.Files), len(want.Devices))
	}

	// The edges go on where they were.
	rest := r.send("--rate", "0", "--for", "2s")
	eventually(t, "the rest", rest.ended)
	if rest.err != nil || !strings.Contains(strings.ReplaceAll(rest.printed(), " ", ""), `"uplinks_unconfirmed":0`) {
		t.Errorf("the rest: %v %s\n%s", rest.err, rest.printed(), rest.logged())
	}
	seen := map[string]bool{}
	for row := range r.rows("raw", "SELECT f_cnt, device FROM radio") {
		_, uplink, _ := strings.Cut(row, " f_cnt=")
		if seen[uplink] {
			t.Errorf("uplink %s is stored with two times", uplink)
		}
		seen[uplink] = true
	}
	if len(seen) < 300 {
		t.Errorf("%d uplinks are stored", len(seen))
	}
}

// refused: a backup that has changed is not restored, and leaves nothing.
func (r *rescued) refused() {
	r.t.Helper()
	copied := filepath.Join(r.dir, "changed")
	if err := os.CopyFS(copied, os.DirFS(r.backup)); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(copied, "data", "registry.db"), 4096); err != nil {
		r.t.Fatal(err)
	}
	out, err := r.command("restore", "-c", r.config, copied)
	if err == nil || !strings.Contains(out, "data/registry.db: it has 4096 bytes") {
		r.t.Errorf("a backup that has changed: %v %s", err, out)
	}
	if left, err := filepath.Glob(r.data + "*"); err != nil || len(left) > 0 {
		r.t.Errorf("%v is left (%v)", left, err)
	}
}
