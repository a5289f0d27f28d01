package users

import (
	"fmt"
	"unicode/utf8"
)

// An Error is a line that is wrong. It may quote the line, which its operator
// wrote, never what came over a network.
type Error struct {
	Line int // from 1
	What string
	Cure string
}

// Error returns "line N: what; cure".
func (e *Error) Error() string { return fmt.Sprintf("line %d: %s; %s", e.Line, e.What, e.Cure) }

// quote shows a piece of the file in an error, the start of it when it is
// long.
func quote(s string) string {
	const most = 80
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q...", s[:cut])
}
