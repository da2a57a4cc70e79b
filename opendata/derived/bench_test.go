package derived

import (
	"testing"

	"modellregion/devices"
)

func BenchmarkWindow(b *testing.B) {
	rows := []devices.Aggregate{
		a("occupancy", "lane1", 0.1), a("occupancy", "lane2", 0.1), a("speed_mean", "lane1", 45), a("speed_mean", "lane2", 50),
		a("vehicle_count", "lane1", 20), a("vehicle_count", "lane2", 30),
	}
	b.ReportAllocs()
	for b.Loop() {
		Window("s", rows, all, nothing)
	}
}

func BenchmarkWeek(b *testing.B) {
	var rows []devices.Aggregate
	for _, channel := range phases {
		rows = append(rows, fill("voltage", channel, monday, run{1008, 230})...)
	}
	rows = append(rows, fill("frequency", "", monday, run{1008, 50})...)
	span := hours(monday, 168)
	b.ReportAllocs()
	for b.Loop() {
		Week(span, rows, span.End, all)
	}
}
