// Package need is what tests say they need of the machine they run on:
// programs of Debian's packages, rights, features of the kernel. Where something
// is missing the test is skipped and says what to install; where nothing may be
// missing, it fails. No part of the binary.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// All reports whether nothing may be missing: with LETHE_INTEROP=require, and
// where CI=true.
func All() bool { return os.Getenv("LETHE_INTEROP") == "require" || os.Getenv("CI") == "true" }

// Program returns the path of a program, which a Debian package brings.
func Program(t testing.TB, program, debian string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Package(t, false, debian)
	return ""
}

// Package goes on if a Debian package is there.
func Package(t testing.TB, there bool, debian string) {
	t.Helper()
	That(t, there, "Debian's package "+debian+" (apt-get install "+debian+")")
}

// That goes on if what is needed is there.
func That(t testing.TB, there bool, what string) {
	t.Helper()
	switch {
	case there:
	case All():
		t.Fatal("this test needs ", what)
	default:
		t.Skip("this test needs ", what)
	}
}
