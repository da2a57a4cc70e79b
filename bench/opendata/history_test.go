package main

import (
	"strings"
	"testing"
	"time"
)

// TestHistory is too short to compact: the database waits ten minutes.
func TestHistory(t *testing.T) {
	var out strings.Builder
	if err := (&historyCmd{Stations: 20, Days: 2, Files: 1, Within: time.Minute}).Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| windows/s ", "| bytes per row, parquet "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed %s", &out)
		}
	}
}
