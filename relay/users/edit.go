package users

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lethe/relay/jid"
)

// Add returns the file with more users, behind those that it has. All other
// lines keep their bytes, save that the serial grows by one.
func Add(text []byte, more ...*User) ([]byte, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	after := strings.Count(string(text), "\n")
	if len(s.users) > 0 {
		after = s.users[len(s.users)-1].line
	}
	var added strings.Builder
	for _, u := range more {
		if old, ok := s.byJID[u.JID]; ok {
			return nil, fmt.Errorf("line %d has user %s already; use lethe user passwd to change the password", old.line, u.JID)
		}
		line, err := Format(u)
		if err != nil {
			return nil, err
		}
		added.WriteString(line)
	}
	return s.rewrite(text, func(n int, line string) string {
		if n == after {
			return line + added.String()
		}
		return line
	})
}

// SetPassword returns the file with other verifiers for a user. All other
// lines keep their bytes, save that the serial grows by one.
func SetPassword(text []byte, j jid.JID, sha256, sha1 *Verifier) ([]byte, error) {
	s, u, err := parseFor(text, j)
	if err != nil {
		return nil, err
	}
	changed := *u
	changed.SHA256, changed.SHA1 = sha256, sha1
	line, err := Format(&changed)
	if err != nil {
		return nil, err
	}
	return s.rewrite(text, func(n int, old string) string {
		if n == u.line {
			return line
		}
		return old
	})
}

// Remove returns the file without a user: without the user's own line, the
// contact and block lines that belong to it, and its place in members=
// and owners= of rooms. Other users' block lines stay. It also returns the numbers of the
// lines, in the file as it was, that went or changed besides the user's own.
func Remove(text []byte, j jid.JID) (without []byte, also []int, err error) {
	s, u, err := parseFor(text, j)
	if err != nil {
		return nil, nil, err
	}
	rooms := map[int]*Room{}
	for _, r := range s.rooms {
		if slices.Contains(r.Members, j) || slices.Contains(r.Owners, j) {
			rooms[r.line] = r
		}
	}
	without, err = s.rewrite(text, func(n int, line string) string {
		r, member := rooms[n]
		switch {
		case n == u.line:
			return ""
		case member:
			also = append(also, n)
			return formatRoom(r, j)
		case belongs(line, j):
			also = append(also, n)
			return ""
		}
		return line
	})
	return without, also, err
}

// belongs reports whether a contact or block line goes with a user.
func belongs(line string, j jid.JID) bool {
	f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
	switch {
	case len(f) < 3:
		return false
	case f[0] == "contact":
		return f[1] == j.String() || f[2] == j.String()
	}
	return f[0] == "block" && f[1] == j.String()
}

// parseFor reads a file that must have a user.
func parseFor(text []byte, j jid.JID) (*Set, *User, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, nil, err
	}
	u, ok := s.byJID[j]
	if !ok {
		return nil, nil, fmt.Errorf("%s is no user of this file; lethe user list shows them", j)
	}
	return s, u, nil
}

// rewrite passes every line through change, raises the serial and makes sure
// that a sound file comes out. An [*Error] names the line of the file as it is.
func (s *Set) rewrite(text []byte, change func(n int, line string) string) ([]byte, error) {
	if s.serial == maxSerial {
		return nil, fmt.Errorf("serial %d is the last there is; begin a new file", s.serial)
	}
	was := "serial " + strconv.FormatUint(s.serial, 10) + "\n"
	raised := "serial " + strconv.FormatUint(s.serial+1, 10) + "\n"
	var b strings.Builder
	b.Grow(len(text) + 256)
	var origin []int // for each line of the new file, that of the old
	for n, line := range lines(string(text)) {
		now := change(n, line)
		if rest, ok := strings.CutPrefix(now, was); ok {
			now = raised + rest
		}
		b.WriteString(now)
		origin = append(origin, slices.Repeat([]int{n}, strings.Count(now, "\n"))...)
	}
	out := []byte(b.String())
	_, err := Parse(out)
	if e, ok := err.(*Error); ok && e.Line <= len(origin) {
		return nil, &Error{origin[e.Line-1], "the change would break this line: " + e.What, e.Cure}
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Format returns a user's line with its line feed, or an [*Error] when a file
// could not have such a user.
func Format(u *User) (string, error) {
	r := &record{line: 1, rest: u.Name}
	if err := r.legible(); err != nil {
		return "", err
	}
	for _, id := range u.Groups {
		if !groupID(id) {
			return "", r.fail("bad group name "+quote(id), groupCure)
		}
	}
	var b strings.Builder
	b.WriteString("user " + u.JID.String())
	if u.Name != "" {
		b.WriteString(" name=" + quoteName(u.Name))
	}
	if len(u.Groups) > 0 {
		b.WriteString(" groups=" + strings.Join(u.Groups, ","))
	}
	writeVerifier(&b, " scram-sha-256=", u.SHA256)
	writeVerifier(&b, " scram-sha-1=", u.SHA1)
	for i, c := range u.Certs {
		b.WriteString([]string{" cert=", ","}[min(i, 1)] + "sha256:" + hex.EncodeToString(c[:]))
	}
	b.WriteByte('\n')
	// The parser knows best what else a line may say.
	if _, err := Parse([]byte(header + "\nserial 1\n" + b.String())); err != nil {
		return "", err
	}
	return b.String(), nil
}

func writeVerifier(b *strings.Builder, key string, v *Verifier) {
	if v == nil {
		return
	}
	b64 := base64.StdEncoding.EncodeToString
	fmt.Fprintf(b, "%s%d:%s:%s:%s", key, v.Iterations, b64(v.Salt), b64(v.StoredKey), b64(v.ServerKey))
}

// formatRoom returns a room's line without one of its people.
func formatRoom(r *Room, without jid.JID) string {
	var b strings.Builder
	b.WriteString("room " + r.JID.String())
	if r.Name != "" {
		b.WriteString(" name=" + quoteName(r.Name))
	}
	if len(r.Groups) > 0 {
		b.WriteString(" groups=" + strings.Join(r.Groups, ","))
	}
	writeAddresses(&b, " members=", r.Members, without)
	writeAddresses(&b, " owners=", r.Owners, without)
	b.WriteByte('\n')
	return b.String()
}

func writeAddresses(b *strings.Builder, key string, list []jid.JID, without jid.JID) {
	sep := key
	for _, m := range list {
		if m != without {
			b.WriteString(sep + m.String())
			sep = ","
		}
	}
}
