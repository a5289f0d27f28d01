package stream

import (
	"strconv"
	"time"
)

// Limits is the stream feature that tells a peer what it must keep to (XEP-0478
// §3.1): how many bytes an element may have, and how long the peer may be
// silent.
func Limits(bytes int, idle time.Duration) string {
	return "<limits xmlns='urn:xmpp:stream-limits:0'>" +
		"<max-bytes>" + strconv.Itoa(bytes) + "</max-bytes>" +
		"<idle-seconds>" + strconv.Itoa(int(idle/time.Second)) + "</idle-seconds>" +
		"</limits>"
}
