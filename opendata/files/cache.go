package files

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// cacheFile and cacheAll bound the cache: files up to the first size are
	// held in memory, up to the second one all together. Larger files go from
	// disk to the socket without passing through the program (sendfile).
	cacheFile = 1 << 20
	cacheAll  = 128 << 20

	// fresh is how long a cached file is trusted without a look at the disk.
	// What this process writes is gone from the cache at once; what somebody
	// else changes shows after this.
	fresh = time.Second
)

// representation is a file in one content coding, with the values of its
// headers made once. Nobody may change it.
type representation struct {
	body   []byte // nil when it is too large
	name   string // below the root
	time   time.Time
	size   int64
	length []string
	etag   []string
	coding []string // nil for identity
}

// item is all that is known of a path.
type item struct {
	checked time.Time
	plain   *representation
	packed  []*representation // in the order of encodings
	header  headers
}

// headers are the values that all codings of a file share.
type headers struct {
	mediaType, cacheControl, modified, link []string
	page                                    bool // for people
}

// cache holds files that were asked for, by their names below the root.
type cache struct {
	mu    sync.RWMutex
	items map[string]*item
	bytes int64
}

func (c *cache) get(name string) *item {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.items[name]
}

func (c *cache) put(name string, it *item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.items == nil {
		c.items = map[string]*item{}
	}
	c.drop(name)
	// Which one goes is chance, that of the order of a map: good enough where
	// everything fits in most regions.
	for other := range c.items {
		if c.bytes+it.bytes() <= cacheAll && len(c.items) < 10_000 {
			break
		}
		c.drop(other)
	}
	c.items[name] = it
	c.bytes += it.bytes()
}

func (c *cache) drop(name string) {
	if old := c.items[name]; old != nil {
		c.bytes -= old.bytes()
		delete(c.items, name)
	}
}

// forget is told that a file, or a sibling of it, is another one now.
func (c *cache) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(name)
	for _, e := range encodings {
		if plain, ok := strings.CutSuffix(name, e.ending); ok {
			c.drop(plain)
		} else {
			c.drop(name + e.ending)
		}
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.items)
	c.bytes = 0
}

func (it *item) bytes() int64 {
	n := int64(len(it.plain.body))
	for _, r := range it.packed {
		if r != nil {
			n += int64(len(r.body))
		}
	}
	return n
}

// errNotServed stands for everything that is not there for the public: what is
// missing and what leads out of the folder look the same.
var errNotServed = errors.New("not served")

// item returns a file, from memory when the disk was looked at lately.
func (f *Files) item(name string) (*item, error) {
	it := f.cache.get(name)
	if it != nil && time.Since(it.checked) < fresh {
		return it, nil
	}
	if it != nil && f.same(it) {
		again := *it
		again.checked = time.Now()
		again.header.cacheControl = cacheControl(f.immutable(name))
		f.cache.put(name, &again)
		return &again, nil
	}
	it, err := f.loadItem(name)
	if err != nil {
		f.cache.forget(name)
		return nil, err
	}
	f.cache.put(name, it)
	return it, nil
}

// same reports whether the disk still has what the cache has.
func (f *Files) same(it *item) bool {
	info, err := f.root.Stat(it.plain.name)
	if err != nil || !info.ModTime().Equal(it.plain.time) || info.Size() != it.plain.size {
		return false
	}
	for i, r := range it.packed {
		info, err := f.root.Stat(it.plain.name + encodings[i].ending)
		there := err == nil && info.ModTime().Equal(it.plain.time)
		if there != (r != nil) {
			return false
		}
	}
	return true
}

func (f *Files) loadItem(name string) (*item, error) {
	it := &item{checked: time.Now(), packed: make([]*representation, len(encodings))}
	var err error
	if it.plain, err = f.loadRepresentation(name, "", ""); err != nil {
		return nil, err
	}
	for i, e := range encodings {
		r, err := f.loadRepresentation(name, e.ending, e.name)
		// Only a sibling with the time of its file is of the same revision.
		if err == nil && r.time.Equal(it.plain.time) {
			it.packed[i] = r
		}
	}
	it.header = headers{
		mediaType: []string{mediaType(name)}, cacheControl: cacheControl(f.immutable(name)),
		modified: []string{it.plain.time.UTC().Format(http.TimeFormat)}, page: strings.HasSuffix(name, ".html"),
	}
	if strings.HasSuffix(name, ".csv") && !strings.HasSuffix(name, "."+string(germanCSV)) {
		base := name[strings.LastIndexByte(name, '/')+1:]
		it.header.link = []string{"<" + base + `-metadata.json>; rel="describedby"; type="application/csvm+json"`}
	}
	return it, nil
}

func (f *Files) loadRepresentation(name, ending, coding string) (*representation, error) {
	file, err := f.root.Open(name + ending)
	if err != nil {
		return nil, errNotServed
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errNotServed
	}
	r := &representation{name: name + ending, time: info.ModTime(), size: info.Size()}
	// A file is replaced as a whole and only by another content, at another
	// time; so its time in nanoseconds and its size name the content.
	tag := strconv.FormatInt(r.time.UnixNano(), 36) + "-" + strconv.FormatInt(r.size, 36)
	if coding != "" {
		tag += "-" + coding
		r.coding = []string{coding}
	}
	r.etag, r.length = []string{`"` + tag + `"`}, []string{strconv.FormatInt(r.size, 10)}
	if r.size <= cacheFile {
		r.body = make([]byte, r.size)
		if _, err := io.ReadFull(file, r.body); err != nil {
			return nil, errNotServed
		}
	}
	return r, nil
}

// open opens the file of a representation that is not in memory. A file that
// was replaced meanwhile is another one.
func (f *Files) open(r *representation) (*os.File, error) {
	file, err := f.root.Open(r.name)
	if err != nil {
		return nil, errNotServed
	}
	info, err := file.Stat()
	if err != nil || !info.ModTime().Equal(r.time) || info.Size() != r.size {
		return nil, errors.Join(errNotServed, file.Close())
	}
	return file, nil
}
