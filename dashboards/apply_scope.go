package dashboards

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// scope is a folder of ours and whose data its dashboards show.
type scope struct {
	uid, title   string
	municipality string // empty: all of the region
	teams        []string
	mark         string // tag of its dashboards, by which they find each other; empty where there is one scope alone
}

// scopes are the folders that there are to be: of the region, and of each
// municipality that has one.
func (c Config) scopes() []scope {
	region := scope{uid: FolderUID, title: FolderTitle, teams: c.Teams}
	if len(c.Municipalities) == 0 {
		return []scope{region}
	}
	region.mark = "region"
	all := []scope{region}
	for _, m := range c.Municipalities {
		all = append(all, scope{
			uid: scoped(FolderUID, m.ID), title: FolderTitle + " " + m.Name, municipality: m.ID, mark: m.ID,
			teams: slices.Concat(c.Teams, m.Teams), // alarms lead the region's teams there too
		})
	}
	return all
}

const maxUID = 40 // characters, what Grafana allows

// scoped is a uid for the same thing within a municipality.
func scoped(uid, municipality string) string {
	if municipality == "" {
		return uid
	}
	if full := uid + "-" + municipality; len(full) <= maxUID {
		return full
	}
	sum := sha256.Sum256([]byte(uid + "-" + municipality))
	short := hex.EncodeToString(sum[:4])
	return uid[:min(len(uid), maxUID-len(short)-1)] + "-" + short
}

var linkTo = regexp.MustCompile(`/d/([a-zA-Z0-9_-]+)`)

// dashboards returns those of all that belong into the folder: for a
// municipality those about what is measured there, held to it, under uids of
// their own, and with links to each other.
func (s scope) dashboards(all []Dashboard) ([]Dashboard, error) {
	if s.mark == "" {
		return all, nil
	}
	var out []Dashboard
	ours := map[string]string{} // uid here by uid in the region
	for _, d := range all {
		if s.municipality == "" || d.UID != uidPlatform && bytes.Contains(d.JSON, []byte("${municipality")) { // the platform is everybody's
			ours[d.UID] = scoped(d.UID, s.municipality)
			out = append(out, d)
		}
	}
	for i, d := range out {
		raw := linkTo.ReplaceAllFunc(d.JSON, func(link []byte) []byte {
			if uid, ok := ours[string(link[len("/d/"):])]; ok {
				return []byte("/d/" + uid)
			}
			return link
		})
		var doc map[string]any
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("read dashboard %s: %w", d.UID, err)
		}
		s.hold(doc, ours[d.UID])
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(doc); err != nil {
			return nil, fmt.Errorf("write dashboard %s: %w", d.UID, err)
		}
		out[i] = Dashboard{UID: ours[d.UID], Title: d.Title, Folder: s.title, JSON: buf.Bytes()}
	}
	return out, nil
}

// hold marks a dashboard as one of the folder, lets its links of the kind
// "all with these tags" find those of the folder alone, and fixes the variable.
func (s scope) hold(doc map[string]any, uid string) {
	doc["uid"] = uid
	doc["tags"] = append(members(doc["tags"]), s.mark)
	for _, l := range members(doc["links"]) {
		if link, ok := l.(map[string]any); ok && slices.Contains(members(link["tags"]), any(tag)) {
			link["tags"] = append(members(link["tags"]), s.mark)
		}
	}
	if s.municipality == "" {
		return
	}
	templating, _ := doc["templating"].(map[string]any)
	variables := members(templating["list"])
	for i, v := range variables {
		if variable, ok := v.(map[string]any); ok && variable["name"] == "municipality" {
			variables[i] = map[string]any{
				"type": "constant", "name": "municipality", "label": variable["label"], "query": s.municipality,
				"hide": 2, "skipUrlSync": true, // not shown, and not changed by an address
				"current": map[string]any{"selected": true, "text": s.municipality, "value": s.municipality},
			}
		}
	}
}

func members(v any) []any {
	l, _ := v.([]any)
	return l
}

// isOurs reports whether a dashboard has both our uid and our mark. A copy that
// somebody made has the mark and another uid; one whose mark somebody removed
// is theirs from then on.
func isOurs(uid string, tags []string) bool {
	return strings.HasPrefix(uid, FolderUID+"-") && slices.Contains(tags, tag)
}
