// Package measure is what the programs in bench share: their command lines,
// starting a part of the platform as a process of its own, reading what a
// process costs, and printing what was found beside the machine it was found on.
//
// It knows Linux and its /proc, and nothing of the platform. What is measured,
// and how much work is done meanwhile, is each program's own.
package measure
