package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"modernc.org/sqlite"

	"modellregion/devices"
	"modellregion/uplink"
)

// openAgain opens the file of r as another process does.
func openAgain(t *testing.T, r *Registry) *Registry {
	t.Helper()
	var path string
	if err := r.db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
	return again
}

// restore writes a backup over the file, as sqlite3's .restore does.
func restore(ctx context.Context, r *Registry, backup string) error {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back
	return conn.Raw(func(c any) error {
		b, err := c.(interface {
			NewRestore(string) (*sqlite.Backup, error)
		}).NewRestore(backup)
		if err != nil {
			return err
		}
		if _, err := b.Step(-1); err != nil {
			return err
		}
		return b.Finish()
	})
}

// sameAsDirectory compares what an index says with what a Directory does, which
// reads everything.
func sameAsDirectory(t *testing.T, x *Index, r *Registry) {
	t.Helper()
	d, err := NewDirectory(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	profiles := d.current.Load().profiles
	want, variables := map[uplink.EUI]devices.Entry{}, map[uplink.EUI]map[string]string{}
	for _, dev := range d.Devices() {
		want[dev.EUI] = devices.Entry{
			Station: dev.Station, Municipality: dev.Municipality, Domain: dev.Domain, Edge: dev.Edge, Profile: dev.Profile,
			Interval: profiles[dev.Profile].Interval, Disabled: dev.Disabled,
		}
		variables[dev.EUI] = dev.Variables
	}
	got := map[uplink.EUI]devices.Entry{}
	x.Each(func(eui uplink.EUI, e devices.Entry) {
		if found, ok := x.Find(eui); !ok || found != e {
			t.Errorf("Find says %+v, %t of %s, Each %+v", found, ok, eui, e)
		}
		if diff := cmp.Diff(variables[eui], x.Variables(eui)); diff != "" {
			t.Errorf("variables of %s: %s", eui, diff)
		}
		e.Number = 0
		got[eui] = e
	})
	if diff := cmp.Diff(want, got); diff != "" || x.Len() != len(want) {
		t.Errorf("%d devices, want %d: %s", x.Len(), len(want), diff)
	}
	for n := range byte(poolSize) {
		eui := uplink.EUI{n}
		if _, ok := want[eui]; ok {
			continue
		}
		if e, ok := x.Find(eui); ok || x.Variables(eui) != nil {
			t.Errorf("%s is not in the registry, Find says %+v", eui, e)
		}
	}
	for _, id := range []string{"counter", "meter", "own", "own-2"} {
		p, ok := profiles[id]
		if codec, found := x.Codec(id); found != ok || !cmp.Equal(codec, p.Codec) {
			t.Errorf("codec of %s: %+v, %t, want %+v, %t", id, codec, found, p.Codec, ok)
		}
	}
}

// poolSize is how many DevEUIs randomChange knows, and one more.
const poolSize = 60

// randomChange does something to the devices of a pool. What the registry
// refuses changes nothing.
func randomChange(ctx context.Context, r *Registry, random *rand.Rand) error {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	some := func() devices.Device { return device(byte(1 + random.IntN(poolSize-1))) }
	own := pick("own", "own-2")
	var err error
	switch random.IntN(10) {
	case 0, 1, 2, 3:
		var list []devices.Device
		for range 1 + random.IntN(10) {
			d := some()
			d.Visibility, d.Disabled = devices.Internal, random.IntN(4) == 0
			d.Station, d.Municipality, d.Edge = fmt.Sprint("stadt-", random.IntN(9)), pick("stadt", "dorf"), pick("rathaus", "bauhof")
			d.Profile, d.Domain = pick("counter", "meter", own), uplink.Domain(pick("traffic", "energy"))
			if random.IntN(3) == 0 {
				d.Variables = map[string]string{"height": fmt.Sprint(random.IntN(3))}
			}
			list = append(list, d)
		}
		return r.Put(ctx, list)
	case 4, 5, 6:
		err = r.Remove(ctx, some().EUI)
	case 7:
		err = r.Disable(ctx, some().EUI, random.IntN(2) == 0)
	case 8:
		text := strings.NewReplacer("id: own", "id: "+own, "1m", fmt.Sprint(1+random.IntN(3), "m"), "road", pick("road", "traffic")).Replace(ownProfile)
		_, err = r.PutProfiles(ctx, testProfiles, text)
	default:
		if err = r.FlushNonces(ctx, some().EUI); errors.Is(err, errUnknown) {
			err = r.RemoveProfile(ctx, own)
		}
	}
	if errors.Is(err, errUnknown) || err != nil && strings.HasPrefix(err.Error(), "remove profile") {
		return nil
	}
	return err
}

func TestIndexFollowsLikeADirectory(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			ctx := t.Context()
			r := open(t)
			other := openAgain(t, r)
			backup := filepath.Join(t.TempDir(), "backup.db")
			for range random.IntN(20) {
				if err := randomChange(ctx, other, random); err != nil {
					t.Fatal(err)
				}
			}
			if err := other.Backup(ctx, backup); err != nil {
				t.Fatal(err)
			}
			x, err := NewIndex(ctx, r, testProfiles)
			if err != nil {
				t.Fatal(err)
			}
			numbers := map[uplink.EUI]int{}
			for round := range 30 {
				changes := random.IntN(8)
				if round%10 == 9 { // an older backup, and a change to it
					if err := restore(ctx, other, backup); err != nil {
						t.Fatal(err)
					}
					changes = 1
				}
				for range changes {
					if err := randomChange(ctx, other, random); err != nil {
						t.Fatal(err)
					}
				}
				if err := x.read(ctx); err != nil {
					t.Fatal(err)
				}
				sameAsDirectory(t, x, r)
				x.Each(func(eui uplink.EUI, e devices.Entry) {
					if n, ok := numbers[eui]; ok && n != e.Number {
						t.Errorf("%s had number %d, now %d", eui, n, e.Number)
					}
					numbers[eui] = e.Number
				})
				owner := map[int]uplink.EUI{}
				for eui, n := range numbers {
					if _, ok := owner[n]; ok || n < 0 || n >= poolSize {
						t.Errorf("number %d of %s is of %s too, or not dense", n, eui, owner[n])
					}
					owner[n] = eui
				}
				if t.Failed() {
					t.Fatalf("round %d", round)
				}
			}
		})
	}
}

// Changes that are committed while the index reads come with the next reading.
func TestIndexLosesNoChangeBetween(t *testing.T) {
	r := open(t)
	other := openAgain(t, r)
	ctx := t.Context()
	x, err := NewIndex(ctx, r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var wait sync.WaitGroup
	wait.Go(func() {
		defer done.Store(true)
		random := rand.New(rand.NewPCG(1, 1))
		for range 400 {
			if err := randomChange(ctx, other, random); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wait.Go(func() {
		for !done.Load() {
			x.Each(func(eui uplink.EUI, e devices.Entry) {
				if now, ok := x.Find(eui); ok && now.Number != e.Number {
					t.Errorf("number %d of %s is now %d", e.Number, eui, now.Number)
				}
			})
			if _, ok := x.Codec("counter"); !ok {
				t.Error("no codec")
			}
		}
	})
	readings := 0
	for ; !done.Load(); readings++ {
		if err := x.read(ctx); err != nil {
			t.Fatal(err)
		}
	}
	wait.Wait()
	if err := x.read(ctx); err != nil {
		t.Fatal(err)
	}
	sameAsDirectory(t, x, r)
	t.Logf("read %d times", readings)
}

// Not even between two batches is a device gone that was removed and put again.
func TestIndexKeepsWhatIsThereAgain(t *testing.T) {
	r := open(t)
	ctx := t.Context()
	if err := r.Put(ctx, []devices.Device{device(1), device(2)}); err != nil {
		t.Fatal(err)
	}
	x, err := NewIndex(ctx, r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(r.Remove(ctx, uplink.EUI{1}), r.Remove(ctx, uplink.EUI{2}), r.Put(ctx, []devices.Device{device(1)}))
	if err != nil {
		t.Fatal(err)
	}
	err = r.inTx(ctx, func(tx *sql.Tx) error {
		gone, err := x.readRemoved(ctx, tx)
		if two, _ := x.Find(uplink.EUI{2}); len(gone) != 1 || gone[0] != uint32(two.Number) {
			t.Errorf("numbers %v are gone, want that of device 2", gone)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestIndexFollow(t *testing.T) {
	r := open(t)
	x, err := NewIndex(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		changed := make(chan struct{})
		done := make(chan error)
		go func() {
			done <- x.Follow(ctx, time.Second, func() {
				select {
				case changed <- struct{}{}:
				case <-ctx.Done():
				}
			})
		}()
		if err := r.Put(context.Background(), []devices.Device{device(1)}); err != nil {
			t.Error(err)
		}
		<-changed
		if e, ok := x.Find(uplink.EUI{1}); !ok || e.Interval != time.Minute || e.Number != 0 {
			t.Errorf("the new device is %+v, %t", e, ok)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := r.db.Exec("DROP TABLE removed; UPDATE revision SET n = 9"); err != nil {
			t.Error(err)
		}
		err := x.Follow(context.Background(), time.Second, func() { t.Error("took over what could not be read") })
		if err == nil || !strings.Contains(err.Error(), "removed") {
			t.Errorf("error %v, want it to name the table", err)
		}
	})
}

func TestIndexReadsInBatches(t *testing.T) {
	r := open(t)
	all := many(2 * indexBatch)
	x, err := NewIndex(t.Context(), r, testProfiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, indexBatch, indexBatch + 1, 2 * indexBatch} {
		if err := r.Put(t.Context(), all[:n]); err != nil {
			t.Fatal(err)
		}
		first, err := NewIndex(t.Context(), r, testProfiles)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.read(t.Context()); err != nil {
			t.Fatal(err)
		}
		sameAsDirectory(t, x, r)
		sameAsDirectory(t, first, r)
	}
	if _, err := r.db.Exec("DELETE FROM device; UPDATE revision SET n = n + 1"); err != nil {
		t.Fatal(err)
	}
	if err := x.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	sameAsDirectory(t, x, r)
}

func TestIndexNamesWhatItCannotRead(t *testing.T) {
	for statement, want := range map[string]string{
		"UPDATE device SET dev_eui = 'x000000000000000'": "x000000000000000",
		"UPDATE device SET variables = '[]'":             "device 0100000000000000: variables:",
		"INSERT INTO profile VALUES ('own', 'id: [')":    "profile own of the registry",
	} {
		r := open(t)
		if err := r.Put(t.Context(), []devices.Device{device(1)}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if _, err := NewIndex(t.Context(), r, testProfiles); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want it to say %q", statement, err, want)
		}
	}
}

// Every statement that writes rows of device notes the revision that it makes.
func TestChangedIsNoted(t *testing.T) {
	r := open(t)
	ctx := t.Context()
	one, own := device(1), device(2)
	own.Profile = "own"
	for _, c := range []struct {
		name string
		do   func() error
		want string // device=revision, those removed with a minus
	}{
		{"put", func() error { return r.Put(ctx, []devices.Device{one, own}) }, "01=1 02=1"},
		{"replace", func() error { return r.Put(ctx, []devices.Device{one}) }, "01=2 02=1"},
		{"disable", func() error { return r.Disable(ctx, own.EUI, true) }, "01=2 02=3"},
		{"flush nonces", func() error { return r.FlushNonces(ctx, one.EUI) }, "01=4 02=3"},
		{"profile", func() error { _, err := r.PutProfiles(ctx, testProfiles, ownProfile); return err }, "01=4 02=5"},
		{"remove", func() error { return r.Remove(ctx, one.EUI) }, "-01=6 02=5"},
		{"put again", func() error { return r.Put(ctx, []devices.Device{one}) }, "-01=6 01=7 02=5"},
		{"remove again", func() error { return r.Remove(ctx, one.EUI) }, "-01=8 02=5"},
		{"edge", func() error { return r.PutEdge(ctx, Edge{Name: "rathaus"}) }, "-01=8 02=5"},
		{"wrap keys", func() error {
			var path string
			if err := r.db.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
				return err
			}
			_, err := WrapKeys(ctx, path, KEK{}, mustKEK(t, kekA))
			return err
		}, "-01=8 02=10"}, // and the revision stays 9
	} {
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got string
		const notes = `SELECT group_concat(note, ' ') FROM (SELECT substr(dev_eui, 1, 2) || '=' || changed AS note FROM device
			UNION SELECT '-' || substr(dev_eui, 1, 2) || '=' || changed FROM removed ORDER BY note)`
		if err := r.db.QueryRow(notes).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.name, got, err, c.want)
		}
	}
}
