// Package users reads the signed users file: who may log in, who is whose
// contact, which rooms stand. It is all that lasts; whatever else a relay knows
// is in memory and forgotten.
//
// # The file
//
// Plain UTF-8 text made for reading in a diff, one record a line:
//
//	lethe-users 1
//	serial 7
//	decoy 4pT1nG5JQx0l2n1u0m0y7g3a8xZbVqkYw5sT6uH9cEo=
//
//	# The people. A line that begins with # is a comment.
//	user alice@example.org name="Alice Müller" groups=board,sales scram-sha-256=… scram-sha-1=…
//	user bob@example.org groups=sales cert=sha256:…
//	group sales name="Sales and Service"
//	contact alice@example.org carol@partner.example name="Carol"
//	room board@rooms.example.org name="Board" groups=board members=bob@example.org
//	block bob@example.org spam.example
//
// The first line names the format. The first record is the serial, a number
// from 1 that grows with every change: a relay never goes back to a file with
// a lower serial than the one it runs with. Then, in any order:
//
//   - decoy KEY: 32 random bytes in base64. From them come the made-up salts
//     with which a login meets a name that nobody has; as they last, such a
//     name looks like any other for ever. Without this line the first user's
//     salt serves, and the looks change with that user's password.
//   - user ADDRESS: an account. name= is what others see. Everybody in a group
//     is a contact of everybody else in it, across all domains of the file.
//     scram-sha-256= and scram-sha-1= are what the relay keeps instead of a
//     password (RFC 5803): ITERATIONS:SALT:STOREDKEY:SERVERKEY, the last three
//     in base64. cert= is the SHA-256 of the client certificate's DER form, as
//     64 digits of lower-case hex, that logs in without a password; several are
//     separated by commas. A user with none of the three cannot log in.
//   - group NAME name="…": the name under which contact lists show a group.
//     Without this line they show NAME itself.
//   - contact USER ADDRESS: two who share no group. It works both ways: each
//     sees the other's presence, and when both are users of this file each has
//     the other in the list. name= is for an ADDRESS elsewhere only, as users
//     bring their own.
//   - room ADDRESS: a room that stands without anybody in it. Its members are
//     the users in groups= and the addresses in members= and in owners=, one of
//     which must be given. Who stands in owners= configures it, for as long as
//     somebody is in it.
//   - block USER ADDRESS: nothing passes between the user and this address or
//     domain.
//
// There is one spelling for each meaning: fields are separated by one blank
// and stand in the order shown here, addresses are in normal form, a quoted
// text knows only \" and \\, and the last line ends like all others. Everything
// else is an error that names its line and the cure, so that two readers never
// see two things in one file.
//
// # The signature
//
// Beside users.txt lies users.txt.minisig, a signature by minisign, hashed or
// not. It covers every byte of the file.
//
// This package touches neither files nor clock: [Load] is given bytes.
package users

import (
	"iter"
	"slices"

	"lethe/relay/jid"
)

// A Verifier is what SCRAM needs to check a password and cannot be turned back
// into one (RFC 5802 §3).
type Verifier struct {
	Iterations int
	Salt       []byte
	StoredKey  []byte // 32 bytes with SHA-256, 20 with SHA-1
	ServerKey  []byte // as long
}

// A User is one account. Users of a [Set] are shared and must not be changed.
type User struct {
	JID    jid.JID
	Name   string     // what others see; may be empty
	Groups []string   // as the file has them; see [Set.GroupName]
	SHA256 *Verifier  // nil: no login with SCRAM-SHA-256
	SHA1   *Verifier  // nil: no login with SCRAM-SHA-1
	Certs  [][32]byte // SHA-256 of certificates that log in

	line     int       // where the file has it
	groups   []*group  // in the order of Groups
	contacts []Contact // from contact lines
	blocked  []jid.JID // from block lines
}

// A Contact is one entry of a contact list. The subscription is always "both"
// (RFC 6121 §2.1.2.5).
type Contact struct {
	JID    jid.JID
	Name   string   // may be empty
	Groups []string // names of the groups both are in, as lists show them; shared, do not change
}

// A Room stands without anybody in it.
type Room struct {
	JID     jid.JID
	Name    string    // may be empty
	Groups  []string  // whose users are members
	Members []jid.JID // who else is
	Owners  []jid.JID // who is, and configures it

	line int
}

// A Set is one users file, checked. It is immutable and safe for use by many
// goroutines. The zero value has no users.
type Set struct {
	serial uint64
	decoy  []byte
	users  []*User
	byJID  map[jid.JID]*User
	byCert map[[32]byte]*User
	groups map[string]*group
	rooms  []*Room
	pairs  map[pair]bool // of contact lines, both ways when both are users
	blocks map[pair]bool // of block lines
}

// A pair is a user and somebody the file ties the user to.
type pair struct{ user, with jid.JID }

// A group holds its members once, however many contact lists it makes.
type group struct {
	id      string
	line    int      // of its group line, 0 without one
	shown   []string // the name in contact lists, as the Groups of a Contact
	members []*User
	digest  [32]byte // of all that contact lists show of it
}

// Serial returns the file's serial number.
func (s *Set) Serial() uint64 { return s.serial }

// Len returns the number of users.
func (s *Set) Len() int { return len(s.users) }

// Users yields all users in the order of the file.
func (s *Set) Users() iter.Seq[*User] { return slices.Values(s.users) }

// Lookup returns the user with this bare address.
func (s *Set) Lookup(bare jid.JID) (*User, bool) {
	u, ok := s.byJID[bare]
	return u, ok
}

// LookupCert returns the user whom the client certificate with this SHA-256 of
// its DER form logs in.
func (s *Set) LookupCert(sum [32]byte) (*User, bool) {
	u, ok := s.byCert[sum]
	return u, ok
}

// GroupName returns the name under which contact lists show a group.
func (s *Set) GroupName(id string) string {
	if g, ok := s.groups[id]; ok {
		return g.shown[0]
	}
	return id
}
