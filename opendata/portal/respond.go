package portal

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// leastGzip is what is not worth to be compressed, in bytes.
const leastGzip = 1 << 10

// respond answers with content, or with 304 to whoever has the same. It sets
// what makes that work; the caller has set type and caching. An empty tag is made
// of the content.
func respond(w http.ResponseWriter, r *http.Request, content []byte, tag string) {
	if tag == "" {
		tag = digestOf(content)
	}
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if acceptsGzip(r) && len(content) >= leastGzip {
		tag += "-gzip"
		if r.Header.Get("If-None-Match") != `"`+tag+`"` {
			content = compressed(content)
		}
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

func acceptsGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.TrimPrefix(strings.TrimSpace(weight), "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// compressed cannot fail: it writes into memory at a level that there is.
func compressed(content []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = z.Write(content)
	_ = z.Close()
	return out.Bytes()
}
