package feedback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// How long after it was given a token is good.
const (
	TokenFrom  = 3 * time.Second // nobody reads, writes and sends faster
	TokenUntil = 24 * time.Hour
)

// A token is time (8 bytes, Unix ms), nonce (8) and MAC (16) in base64url.
const (
	tokenNonce = 8
	tokenMAC   = 16
	tokenData  = 8 + tokenNonce
)

type nonce [tokenNonce]byte

// tokens gives and checks them.
type tokens struct{ key [32]byte }

func newTokens() *tokens {
	t := new(tokens)
	_, _ = rand.Read(t.key[:]) // never fails
	return t
}

// give returns a token for the form about something, given at a time.
func (t *tokens) give(about About, at time.Time) string {
	data := make([]byte, tokenData, tokenData+tokenMAC)
	binary.BigEndian.PutUint64(data, uint64(at.UnixMilli()))
	_, _ = rand.Read(data[8:]) // never fails
	return base64.RawURLEncoding.EncodeToString(append(data, t.mac(data, about)...))
}

// mac has data in front, whose length is fixed: no two pairs are alike in it.
func (t *tokens) mac(data []byte, about About) []byte {
	h := hmac.New(sha256.New, t.key[:])
	h.Write(data)
	h.Write([]byte(about.String()))
	return h.Sum(nil)[:tokenMAC]
}

// check returns the nonce of a token, or why it is not good. Whether it was used
// is for the caller to know.
func (t *tokens) check(token string, about About) (nonce, Reason) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(data) != tokenData+tokenMAC || !hmac.Equal(data[tokenData:], t.mac(data[:tokenData], about)) {
		return nonce{}, Token
	}
	age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(data))))
	switch {
	case age < TokenFrom:
		return nonce{}, Early
	case age > TokenUntil:
		return nonce{}, Expired
	}
	return nonce(data[8:tokenData]), ""
}

// use is what became of a token.
type use struct {
	code  string
	of    [sha256.Size]byte // what was sent with it
	until time.Time         // when the token itself is good no more
}

// uses are the tokens used in the last TokenUntil.
type uses map[nonce]use

func (u uses) add(n nonce, e Entry, code string) {
	now := time.Now()
	for old, was := range u {
		if now.After(was.until) {
			delete(u, old)
		}
	}
	u[n] = use{code, digest(e), now.Add(TokenUntil)}
}

// digest tells what was sent from anything else that could be.
func digest(e Entry) [sha256.Size]byte {
	return sha256.Sum256([]byte(e.Lang + "\x00" + e.Contact + "\x00" + e.Text))
}
