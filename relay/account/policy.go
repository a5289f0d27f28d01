package account

import (
	"strconv"
	"time"
)

// retention is how long a message is stored, in hours.
const retention = 0

// policy returns what becomes of users' data, as XEP-0504 §3 wants it shown. It
// is made of what the code goes by, and says no more than a test holds.
func (s *Server) policy() *form {
	auth := "hidden" // SCRAM, or a certificate
	if s.plain {
		auth = "plain"
	}
	return &form{typ: "urn:xmpp:data-policy:0", fields: []formField{
		{"auth_data", "list-single", []string{auth}},                         // XEP-0504 §3.1
		{"data_retention", "text-single", []string{strconv.Itoa(retention)}}, // XEP-0504 §3.3
		{"data_deletion", "boolean", []string{"true"}},                       // XEP-0504 §3.4
		{"access_policy", "list-multi", []string{"admins"}},                  // XEP-0504 §3.9
		{"full_erasure", "boolean", []string{"false"}},                       // XEP-0504 §3.10
		{"extra_info", "text-multi", s.policyWords()},                        // XEP-0504 §3.13
	}}
}

// policyWords says the same, and what the numbers leave out, to people.
func (s *Server) policyWords() []string {
	words := []string{"A message is passed on at once, or refused and its sender told. There is no archive, and nothing is written to disk."}
	if s.resume > 0 {
		words = append(words, "What is under way to a connection that broke waits in memory for "+span(s.resume)+".")
	}
	added := "What you add yourself, such as contacts and published items, is in memory until your last connection ends."
	if s.forget > 0 {
		added = "What you add yourself, such as contacts and published items, is in memory until " + span(s.forget) + " after your last connection ended. You can remove it before."
	}
	return append(words, added,
		"A room holds its latest messages in memory while somebody is in it, if it is set up to.",
		"Addresses you block, "+strconv.Itoa(maxBlocks)+" at most, are in memory until the server stops.",
		"Your address, name, groups and contacts, and what your password is checked with, stand in a file that the operator signs. Only the operator can change or remove them.",
		"The operator can see who writes to whom while it happens. Logs hold numbers, no addresses and no texts.")
}

// span writes a duration for people.
func span(d time.Duration) string {
	n, unit := int64(d/time.Second), "second"
	switch {
	case d%time.Hour == 0:
		n, unit = int64(d/time.Hour), "hour"
	case d%time.Minute == 0:
		n, unit = int64(d/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}
