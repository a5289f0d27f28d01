//go:build !linux

package confine

// Apply can do nothing here: what it does is Linux's.
func Apply(Needs) []Gap {
	var gaps []Gap
	for m := User; m <= Calls; m++ {
		gaps = append(gaps, Gap{m, "only Linux has it; run the relay in a jail of this system's own"})
	}
	return gaps
}
