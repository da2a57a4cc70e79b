package devices

import "strings"

// Nearest returns the candidate that a mistyped name most likely stands for:
// the first that begins with it, or the one with the fewest letters to be
// changed, added or removed (Levenshtein), at most a third of them. It is empty
// when none is near. Names compare as they are written.
func Nearest(name string, candidates []string) string {
	if name == "" || len(name) > 64 {
		return ""
	}
	best, least := "", 1+(len(name)+1)/3
	for _, c := range candidates {
		d := distance(name, c)
		if len(name) > 2 && strings.HasPrefix(c, name) {
			d = 0
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is how many bytes are to be changed, added or removed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
