package derived

import (
	"time"

	"modellregion/devices"
)

// Limits of the traffic state. The ratios are the ones of the project's fact
// sheet on standards, §4.1. They are not the levels of service A to F of the
// German HBS 2015, which are defined for junctions and sections by demand and
// waiting time: so it is called Verkehrslage.
const (
	freeFrom  = 0.7 // of the free speed
	heavyFrom = 0.5
	slowFrom  = 0.3

	// DefaultFreeSpeed in km/h is used where FreeSpeed is not known: the limit
	// in built-up areas, StVO § 3 (3) No. 1.
	DefaultFreeSpeed = 50

	// DefaultCongestedOccupancy is used where CongestedOccupancy is not known.
	// Our choice: such limits depend on the detector's length and on how far it
	// is from the stop line.
	DefaultCongestedOccupancy = 0.3

	// watchedWell is the coverage from which on nothing counted means that
	// nothing passed. Our choice.
	watchedWell = 0.9

	// longestState is the longest window that has one state of traffic or road
	// surface: the mean of a day has been driven, or been wet, at no time.
	longestState = time.Hour
)

// worse gives the state one step worse.
var worse = map[string]string{"free": "heavy", "heavy": "slow", "slow": "congested", "congested": "congested"}

// trafficState derives traffic_state, of all lanes together:
//
//  1. unknown where a lane is watched for less than Enough of the window;
//  2. by the ratio of the mean speed to the free speed, and one step worse
//     where the occupancy reaches CongestedOccupancy;
//  3. where no speed is known by the occupancy: congested from
//     CongestedOccupancy on, heavy from half of it on, else free;
//  4. free where nothing passed and it was watched well;
//  5. unknown.
//
// Rule 2 does not take a high occupancy alone for congestion: at 0.7 of the
// free speed vehicles move, and the road is full but not blocked. Rule 3 is
// what finds a queue that stands still, since none of it passes the detector.
func trafficState(w *window) []devices.Aggregate {
	speeds, counts, occupancies := w.of("speed_mean"), w.of("vehicle_count"), w.of("occupancy")
	if w.length > longestState || len(speeds)+len(counts)+len(occupancies) == 0 {
		return nil
	}
	from := watched(speeds, counts, occupancies)
	limit, ok := w.known(CongestedOccupancy)
	if !ok {
		limit = DefaultCongestedOccupancy
	}
	free, ok := w.known(FreeSpeed)
	if !ok {
		free = DefaultFreeSpeed
	}
	occupancy := mean(occupancies)
	speed, driven := fleetSpeed(speeds, counts)
	state := "unknown"
	switch {
	case from.coverage < Enough:
	case driven:
		state = bySpeed(speed / free)
		if len(occupancies) > 0 && occupancy >= limit {
			state = worse[state]
		}
	case len(occupancies) > 0:
		state = byOccupancy(occupancy, limit)
	case len(counts) > 0 && vehicles(counts) == 0 && from.coverage >= watchedWell:
		state = "free"
	}
	return []devices.Aggregate{w.category("traffic_state", "", from, state)}
}

func bySpeed(ratio float64) string {
	switch {
	case ratio >= freeFrom:
		return "free"
	case ratio >= heavyFrom:
		return "heavy"
	case ratio >= slowFrom:
		return "slow"
	default:
		return "congested"
	}
}

func byOccupancy(occupancy, limit float64) string {
	switch {
	case occupancy >= limit:
		return "congested"
	case occupancy >= limit/2:
		return "heavy"
	default:
		return "free"
	}
}

// fleetSpeed returns the mean speed in km/h of the vehicles of all lanes:
// weighted by their number where each lane that has a speed also counts, else
// the mean of the lanes. It returns false where no vehicle had a speed: 0 km/h
// is what a sensor says that saw none, since who stands does not pass.
func fleetSpeed(speeds, counts []devices.Aggregate) (float64, bool) {
	var sum, number, plain, lanes float64
	weighted := true
	for _, s := range speeds {
		if s.Mean == 0 {
			continue
		}
		plain, lanes = plain+s.Mean, lanes+1
		c, ok := on(counts, s.Channel)
		sum, number, weighted = sum+s.Mean*c.Sum, number+c.Sum, weighted && ok
	}
	switch {
	case lanes == 0 || len(counts) > 0 && vehicles(counts) == 0:
		return 0, false
	case !weighted:
		return plain / lanes, true
	case number == 0: // what was counted has no speed, what has a speed was not counted
		return 0, false
	default:
		return sum / number, true
	}
}

// vehicles returns how many were counted on all lanes.
func vehicles(counts []devices.Aggregate) float64 {
	n := 0.0
	for _, c := range counts {
		n += c.Sum
	}
	return n
}

// watched returns how well the worst watched lane is. A lane is watched as well
// as its best quantity: where nothing passes there is no speed to report.
func watched(quantities ...[]devices.Aggregate) evidence {
	lanes := map[string]evidence{}
	for _, rows := range quantities {
		for _, a := range rows {
			e := lanes[a.Channel]
			lanes[a.Channel] = evidence{max(e.count, a.Count), max(e.coverage, min(a.Coverage, 1))}
		}
	}
	worst, first := evidence{}, true
	for _, e := range lanes {
		if first {
			worst, first = e, false
		}
		worst = evidence{min(worst.count, e.count), min(worst.coverage, e.coverage)}
	}
	return worst
}

// mean returns the mean of gauges, or 0 of none.
func mean(rows []devices.Aggregate) float64 {
	if len(rows) == 0 {
		return 0
	}
	sum := 0.0
	for _, a := range rows {
		sum += a.Mean
	}
	return sum / float64(len(rows))
}
