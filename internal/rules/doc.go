// Package rules holds the rules of the house as tests: which package may know
// which other, what every package and file owes its reader, and what a gateway
// has to carry. It has no code that runs in a program.
//
// A rule that is in the way is changed here, with its reason, in the same
// commit as the code that needs it, and never worked around.
package rules
