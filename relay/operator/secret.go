package operator

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"

	"lethe/relay/sasl"
	"lethe/relay/users"
)

// maxLine is the longest line read from In, in bytes.
const maxLine = 8192

// terminal returns In's descriptor when it is a terminal.
func (c *command) terminal() (fd int, ok bool) {
	f, ok := c.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// ask reads a secret: from a terminal without echo, else one line of In. The
// end of In is an empty secret.
func (c *command) ask(prompt string) (string, error) {
	fd, ok := c.terminal()
	if !ok {
		s, err := c.line()
		if err == io.EOF {
			err = nil
		}
		return s, err
	}
	fmt.Fprint(c.Err, prompt)
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(c.Err)
	return string(b), err
}

// choose reads a new secret, twice from a terminal.
func (c *command) choose(prompt string) (string, error) {
	s, err := c.ask(prompt + ": ")
	if _, ok := c.terminal(); err != nil || !ok {
		return s, err
	}
	again, err := c.ask(prompt + ", again: ")
	if err == nil && s != again {
		err = errors.New("the two differ; try again")
	}
	return s, err
}

// line reads one line of In without its end; io.EOF when there is none.
func (c *command) line() (string, error) {
	var b strings.Builder
	for {
		r, err := c.lines.ReadByte()
		if err == io.EOF && b.Len() > 0 {
			err, r = nil, '\n'
		}
		switch {
		case err != nil:
			return "", err
		case r == '\n':
			return strings.TrimSuffix(b.String(), "\r"), nil
		case b.Len() == maxLine:
			return "", fmt.Errorf("a line of stdin is longer than %d bytes; shorten it", maxLine)
		}
		b.WriteByte(r)
	}
}

// checkPassword refuses what nobody could type or mean.
func checkPassword(p string) error {
	switch {
	case p == "":
		return errors.New("the password is empty; choose another")
	case !utf8.ValidString(p):
		return errors.New("the password is not UTF-8; choose another, or see to the terminal's encoding")
	case strings.ContainsFunc(p, unicode.IsControl):
		return errors.New("the password has a control character; choose another")
	}
	return nil
}

// derive makes both verifiers of a password, each with a salt of its own.
func derive(password string) (sha256, sha1 *users.Verifier, err error) {
	if err := checkPassword(password); err != nil {
		return nil, nil, err
	}
	if sha256, err = verifier(sasl.SHA256, password); err != nil {
		return nil, nil, err
	}
	// RFC 5802 knows SHA-1 only, and so do some clients; against guessing it
	// is no weaker.
	sha1, err = verifier(sasl.SHA1, password)
	return sha256, sha1, err
}

func verifier(h sasl.Hash, password string) (*users.Verifier, error) {
	salt := make([]byte, sasl.SaltSize)
	rand.Read(salt)
	v, err := sasl.Derive(h, password, salt, sasl.DefaultIterations)
	if err != nil {
		return nil, errors.New("the password has a character that no login allows (RFC 4013); choose another")
	}
	u := users.Verifier(v)
	return &u, nil
}
