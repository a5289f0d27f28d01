// Package expat puts the C library expat beside package wire, as an oracle for
// its tests and as the measure of its speed. It is empty without the build tag
// expat, so that nothing of the relay needs C; with it, Debian's libexpat1-dev
// is needed.
package expat
