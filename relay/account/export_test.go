package account

// Handled returns the namespaces that domains and accounts answer.
func Handled() []string {
	var all []string
	for _, h := range append(domainHandlers(), userHandlers()...) {
		all = append(all, h.ns)
	}
	return all
}
