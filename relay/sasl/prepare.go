package sasl

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// maxUser is the length of a local part in bytes, RFC 7622 §3.3.
const maxUser = 1023

var (
	errUser     = errors.New("sasl: not a user name")
	errPassword = errors.New("sasl: the password is empty or has characters a password cannot have")
)

// prepareUser is the form in which user names are compared: that of a local
// part, RFC 7622 §3.3.
func prepareUser(name string) (string, error) {
	p, err := precis.UsernameCaseMapped.String(name)
	// RFC 7622 §3.3.1: what a local part cannot have beyond its profile
	if err != nil || p == "" || len(p) > maxUser || strings.ContainsAny(p, `"&'/:<>@`) {
		return "", errUser
	}
	return p, nil
}

// preparePassword is SASLprep, RFC 4013, with today's Unicode in the place of
// version 3.2: characters assigned since are let through.
func preparePassword(s string) (string, error) {
	if s == "" || !utf8.ValidString(s) {
		return "", errPassword
	}
	s = norm.NFKC.String(strings.Map(mapped, s)) // §2.1, §2.2
	if s == "" || strings.ContainsFunc(s, prohibited) || !directed(s) {
		return "", errPassword
	}
	return s, nil
}

// mapped is RFC 4013 §2.1: other spaces become the space, what is commonly
// mapped to nothing is.
func mapped(r rune) rune {
	switch {
	case space(r):
		return ' '
	case r == 0xAD, r == 0x34F, r == 0x1806, 0x180B <= r && r <= 0x180D, // RFC 3454 B.1
		r == 0x200C, r == 0x200D, r == 0x2060, 0xFE00 <= r && r <= 0xFE0F, r == 0xFEFF:
		return -1
	}
	return r
}

// space is RFC 3454 C.1.2.
func space(r rune) bool {
	return r == 0xA0 || r == 0x1680 || 0x2000 <= r && r <= 0x200B || r == 0x202F || r == 0x205F || r == 0x3000
}

// prohibited is RFC 4013 §2.3, by the tables of RFC 3454.
func prohibited(r rune) bool {
	switch {
	case space(r), // C.1.2
		r < 0x20, r == 0x7F, // C.2.1
		0x80 <= r && r <= 0x9F, r == 0x6DD, r == 0x70F, r == 0x180E, r == 0x200C, r == 0x200D, // C.2.2
		r == 0x2028, r == 0x2029, 0x2060 <= r && r <= 0x2063, r == 0xFEFF, 0x1D173 <= r && r <= 0x1D17A,
		0xE000 <= r && r <= 0xF8FF, r >= 0xF0000, // C.3
		0xFDD0 <= r && r <= 0xFDEF, r&0xFFFE == 0xFFFE, // C.4
		0xFFF9 <= r && r <= 0xFFFD,                                                                               // C.6
		0x2FF0 <= r && r <= 0x2FFB,                                                                               // C.7
		r == 0x340, r == 0x341, r == 0x200E, r == 0x200F, 0x202A <= r && r <= 0x202E, 0x206A <= r && r <= 0x206F, // C.8
		r == 0xE0001, 0xE0020 <= r && r <= 0xE007F: // C.9
		return true
	}
	return false
}

// directed is RFC 3454 §6: text from right to left begins and ends so and
// holds nothing from left to right.
func directed(s string) bool {
	var left, right, last bool
	first := true
	for i, r := range s {
		p, _ := bidi.LookupRune(r)
		c := p.Class()
		last = c == bidi.R || c == bidi.AL
		if i == 0 {
			first = last
		}
		left = left || c == bidi.L
		right = right || last
	}
	return !right || !left && first && last
}
