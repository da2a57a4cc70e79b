// Package e2e tests the programs as their users run them: as processes, over
// real sockets, killed and restarted.
//
// It knows command lines, files and addresses, and asks the database what was
// stored. What a package promises by itself is tested beside it.
package e2e
