package feedback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// maxClients is how many clients a limit tells apart.
const maxClients = 16 << 10

// limit counts what clients do in an hour. Each hour begins with an empty table
// and another key, so that no address can be followed from one to the next. When
// so many clients come that the table is full, it begins early: those who wait
// for their hour get it as a present, and the limit of all together goes on.
type limit struct {
	each int // of one client
	all  int // of all together; 0: no limit

	mu     sync.Mutex
	until  time.Time
	total  int
	key    [32]byte
	counts map[[16]byte]int
}

// over returns which limit a client has reached, Client or Total, and after how
// long it may come again; or "".
func (l *limit) over(client string) (Reason, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !now.Before(l.until) {
		l.until, l.total = now.Add(time.Hour), 0
		l.begin()
	}
	switch {
	case l.counts[l.of(client)] >= l.each:
		return Client, l.until.Sub(now)
	case l.all > 0 && l.total >= l.all:
		return Total, l.until.Sub(now)
	}
	return "", 0
}

// count counts one more of a client; over was asked before.
func (l *limit) count(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.counts) >= maxClients && l.counts[l.of(client)] == 0 {
		l.begin()
	}
	l.counts[l.of(client)]++
	l.total++
}

// begin empties the table.
func (l *limit) begin() {
	_, _ = rand.Read(l.key[:]) // never fails
	l.counts = map[[16]byte]int{}
}

func (l *limit) of(client string) [16]byte {
	h := hmac.New(sha256.New, l.key[:])
	h.Write([]byte(client))
	return [16]byte(h.Sum(nil))
}
