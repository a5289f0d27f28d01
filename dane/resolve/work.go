package resolve

import "time"

// What one lookup may cost at most, whoever owns the zones it leads through.
// A sound chain of four zones with an alias needs about 20 questions, 20
// signatures and 20 hashes.
const (
	// maxLabels of a name; each is a place where a zone may begin. A host's
	// TLSA owner has about five, and nobody looks up longer ones but by
	// mistake or in malice.
	maxLabels = 24

	// maxAliases followed one after the other.
	maxAliases = 8

	// maxQuestions sent, retries not counted.
	maxQuestions = 96

	// maxTries is how many signatures of one record set are tried: a zone in
	// the middle of a rollover between algorithms has four. RFC 4035 §5.3.3
	// leaves the limit to local policy; without one, a zone with many keys of
	// the same tag and many signatures costs their product (CVE-2023-50387).
	maxTries = 8

	// maxRecords of one set: to check a signature, all are sorted and hashed.
	maxRecords = 128

	// maxTwins is how many keys with the same tag and algorithm are tried;
	// it happens by chance that there are two (RFC 4034 §B).
	maxTwins = 4

	// maxChecks is how many signatures and key digests are computed in all.
	maxChecks = 128

	// maxProofs is how many NSEC and how many NSEC3 records of one answer
	// are looked at: three are enough for every proof of either.
	maxProofs = 8

	// maxIterations of NSEC3 hashes. RFC 9276 §3.2 lets a validator choose
	// and RFC 9276 §3.1 asks zones for 0; BIND, Knot and PowerDNS chose 50
	// after CVE-2023-50868.
	maxIterations = 50

	// maxHashes is how many NSEC3 hashes are computed in all: each costs up
	// to maxIterations+1 rounds of SHA-1, together less than a millisecond.
	maxHashes = 128

	// maxAsking is how many questions are on the network at once, of all
	// lookups: each has a socket of its own.
	maxAsking = 128

	// maxPatience is how many times Config.Timeout a lookup may take in all.
	maxPatience = 8
)

// How long answers are kept at most, whatever their TTL.
const (
	maxTTL = 24 * time.Hour
	// RFC 2308 §5 allows one to three hours for "there is none".
	maxNegativeTTL = time.Hour
	// RFC 9520 §3.2: at least a second, so that a broken zone is not asked
	// for without end; short, as it may be mended.
	failureTTL = 5 * time.Second
)

// budget is what a lookup has used up.
type budget struct{ questions, checks, hashes int }

// spend takes one from what is left of limit and says whether there was one.
func spend(used *int, limit int) bool {
	if *used >= limit {
		return false
	}
	*used++
	return true
}
