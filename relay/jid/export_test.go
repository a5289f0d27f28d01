package jid

// ParseSlow is the way of an address through the Unicode tables, for the fuzz
// test that holds that the fast way agrees.
func ParseSlow(s string) (JID, error) { return parseSlow(s) }
