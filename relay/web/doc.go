// Package web is what lethe has to do with HTTP, and alone imports it: numbers
// for those who watch over the relay, and which links with other domains stand
// or have failed, for those who have to mend them.
//
// The numbers are Prometheus' text format, version 0.0.4. They count; they name
// nobody. A label is a word from a list in lethe's own code, never an address, a
// domain or anything else that came over a network, so there are as many lines
// after a year as on the first day. Who asks gets what is counted anyhow: no lock
// is held for longer than it takes to read a length, and no account is looked at.
// The links are told with their domains, unless the operator forbids it.
package web
