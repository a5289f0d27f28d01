package users

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"

	"lethe/relay/jid"
)

// Bounds of what a file may say.
const (
	maxSerial = 1<<63 - 1
	maxName   = 1023 // bytes of a name=
	maxGroup  = 255  // bytes of a group's name

	// Fewer iterations are too weak (RFC 7677 §4), more keep a phone busy for
	// a minute.
	minIterations, maxIterations = 4096, 10_000_000

	minSalt, maxSalt = 8, 128 // bytes
)

const groupCure = "use letters, digits and signs, without blanks, commas, quotes and equals signs"

// A record is one line while it is read, field by field.
type record struct {
	line int
	rest string // what is not read yet, beginning with a field
}

// fail makes the line's error. The arguments fill in whichever of what and
// cure asks for them, in this order.
func (r *record) fail(what, cure string, args ...any) error {
	if len(args) > 0 {
		both := fmt.Sprintf(what+"\x00"+cure, args...)
		what, cure, _ = strings.Cut(both, "\x00")
	}
	return &Error{r.line, what, cure}
}

// legible refuses what a reader of a diff would not see as it is.
func (r *record) legible() error {
	if !utf8.ValidString(r.rest) {
		return r.fail("not UTF-8", "save the file as UTF-8")
	}
	if strings.HasSuffix(r.rest, "\r") {
		return r.fail("the line ends in CR LF", "save the file with Unix line endings")
	}
	for _, c := range r.rest {
		switch {
		case c == '\t':
			return r.fail("a tab", "use a blank")
		case unicode.IsControl(c):
			return r.fail("the control character %U", "remove it", c)
		case c == '\uFEFF' || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029':
			return r.fail("the invisible character %U", "remove it", c)
		}
	}
	if !strings.HasPrefix(r.rest, "#") && strings.TrimSpace(r.rest) != r.rest {
		return r.fail("a blank at the start or end of the line", "remove it")
	}
	return nil
}

// next moves on behind n bytes that made a field.
func (r *record) next(n int) error {
	r.rest = r.rest[n:]
	if r.rest == "" {
		return nil
	}
	if r.rest[0] != ' ' {
		return r.fail("no blank before "+quote(r.rest), "separate fields by one blank")
	}
	if r.rest = r.rest[1:]; r.rest[0] == ' ' {
		return r.fail("two blanks in a row", "separate fields by one blank")
	}
	return nil
}

// word takes the next field, which must be there.
func (r *record) word(what string) (string, error) {
	if r.rest == "" {
		return "", r.fail("the line ends where "+what+" is missing", "add it")
	}
	word, _, _ := strings.Cut(r.rest, " ")
	return word, r.next(len(word))
}

// value takes the next field if it is key=value and returns the value, which
// must not be empty.
func (r *record) value(key string) (string, error) {
	after, ok := strings.CutPrefix(r.rest, key+"=")
	if !ok {
		return "", nil
	}
	value, _, _ := strings.Cut(after, " ")
	if value == "" {
		return "", r.fail(key+"= is empty", "give it a value or remove it")
	}
	return value, r.next(len(key) + 1 + len(value))
}

// end makes sure that the line has been read. The keys are those that the
// record could have, in their order.
func (r *record) end(keys ...string) error {
	if r.rest == "" {
		return nil
	}
	key, _, _ := strings.Cut(r.rest, "=")
	if slices.Contains(keys, key) {
		return r.fail(key+"= twice or in the wrong place", "the order is "+strings.Join(keys, ", "))
	}
	cure := "nothing may follow here"
	if len(keys) > 0 {
		cure = "what may stand here is " + strings.Join(keys, "=, ") + "="
	}
	return r.fail("unknown field "+quote(r.rest), cure)
}

// address takes a bare address in normal form.
func (r *record) address() (jid.JID, error) {
	word, err := r.word("an address")
	if err != nil {
		return jid.JID{}, err
	}
	return r.parse(word)
}

func (r *record) parse(word string) (jid.JID, error) {
	j, err := jid.Parse(word)
	switch {
	case err != nil:
		return jid.JID{}, r.fail("bad address "+quote(word), err.Error())
	case !j.IsBare():
		return jid.JID{}, r.fail("address "+quote(word)+" with a resource", "write "+j.Bare().String())
	case j.String() != word:
		return jid.JID{}, r.fail("address "+quote(word)+" is not in normal form", "write "+j.String())
	}
	return j, nil
}

// account takes an address with a localpart.
func (r *record) account() (jid.JID, error) {
	j, err := r.address()
	if err == nil && j.Local() == "" {
		err = r.fail(quote(j.String())+" is a domain", "write name@"+j.Domain())
	}
	return j, err
}

// relation takes a user's address and another.
func (r *record) relation() (relation, error) {
	user, err := r.account()
	if err != nil {
		return relation{}, err
	}
	with, err := r.address()
	if err == nil && with == user {
		err = r.fail("the same address twice", "name somebody else")
	}
	return relation{line: r.line, user: user, with: with}, err
}

// text takes key="...", "" when it is not there.
func (r *record) text(key string) (string, error) {
	after, ok := strings.CutPrefix(r.rest, key+"=")
	if !ok {
		return "", nil
	}
	if !strings.HasPrefix(after, `"`) {
		return "", r.fail(key+"= is not quoted", `write `+key+`="..."`)
	}
	var b strings.Builder
	for i := 1; i < len(after); i++ {
		switch c := after[i]; c {
		case '"':
			s := b.String()
			if s == "" || len(s) > maxName || strings.TrimSpace(s) != s {
				return "", r.fail(key+"= is empty, longer than %d bytes or begins or ends with a blank", "shorten or remove it", maxName)
			}
			return s, r.next(len(key) + 1 + i + 1)
		case '\\':
			if i++; i == len(after) || after[i] != '"' && after[i] != '\\' {
				return "", r.fail(`a \ in `+key+`=`, `write \\ for \ and \" for "`)
			}
			b.WriteByte(after[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", r.fail(key+`= is not closed`, `end it with "`)
}

// quoteName is what [record.text] reads.
func quoteName(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// list takes key=a,b,c and refuses what is named twice.
func (r *record) list(key string) ([]string, error) {
	value, err := r.value(key)
	if value == "" || err != nil {
		return nil, err
	}
	list := strings.Split(value, ",")
	seen := make(map[string]bool, len(list))
	for _, s := range list {
		if s == "" {
			return nil, r.fail("a comma too many in "+key+"=", "remove it")
		}
		if seen[s] {
			return nil, r.fail(quote(s)+" twice in "+key+"=", "remove one")
		}
		seen[s] = true
	}
	return list, nil
}

func (r *record) groups() ([]string, error) {
	list, err := r.list("groups")
	for _, id := range list {
		if !groupID(id) {
			return nil, r.fail("bad group name "+quote(id), groupCure)
		}
	}
	return list, err
}

// groupID reports whether s can name a group: one word as far as PRECIS and
// this file are concerned.
func groupID(s string) bool {
	if len(s) > maxGroup || strings.ContainsAny(s, `,"=`) {
		return false
	}
	got, err := precis.UsernameCasePreserved.String(s)
	return err == nil && got == s && s != ""
}

func (r *record) addresses(key string) ([]jid.JID, error) {
	list, err := r.list(key)
	if list == nil || err != nil {
		return nil, err
	}
	addresses := make([]jid.JID, len(list))
	for i, s := range list {
		if addresses[i], err = r.parse(s); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

func (r *record) certs() ([][32]byte, error) {
	list, err := r.list("cert")
	if list == nil || err != nil {
		return nil, err
	}
	certs := make([][32]byte, len(list))
	for i, s := range list {
		digits, ok := strings.CutPrefix(s, "sha256:")
		sum, err := hex.DecodeString(digits)
		if !ok || err != nil || len(sum) != sha256.Size || strings.ToLower(digits) != digits {
			return nil, r.fail("bad certificate "+quote(s), "write sha256: and 64 digits of lower-case hex without colons")
		}
		certs[i] = [32]byte(sum)
	}
	return certs, nil
}

// verifier takes key=ITERATIONS:SALT:STOREDKEY:SERVERKEY with keys of size
// bytes.
func (r *record) verifier(key string, size int) (*Verifier, error) {
	value, err := r.value(key)
	if value == "" || err != nil {
		return nil, err
	}
	parts := strings.Split(value, ":")
	if len(parts) != 4 {
		return nil, r.fail(key+"= has not four parts", "write ITERATIONS:SALT:STOREDKEY:SERVERKEY, or let lethe user passwd write it")
	}
	n, ok := number(parts[0], minIterations, maxIterations)
	if !ok {
		return nil, r.fail(key+"= with bad iterations", "allowed are %d to %d", minIterations, maxIterations)
	}
	v := &Verifier{Iterations: int(n)}
	for i, to := range []*[]byte{&v.Salt, &v.StoredKey, &v.ServerKey} {
		*to, err = base64.StdEncoding.Strict().DecodeString(parts[i+1])
		if err != nil {
			return nil, r.fail(key+"= with bad base64", "let lethe user passwd write it")
		}
	}
	if len(v.Salt) < minSalt || len(v.Salt) > maxSalt || len(v.StoredKey) != size || len(v.ServerKey) != size {
		return nil, r.fail(key+"= with a salt or key of the wrong length", "let lethe user passwd write it")
	}
	return v, nil
}

// number reads a decimal number in its one spelling.
func number(s string, least, most uint64) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n >= least && n <= most && strconv.FormatUint(n, 10) == s
}
