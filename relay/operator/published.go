package operator

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"lethe/dane/resolve"
	"lethe/federation"
	"lethe/relay/config"
	"lethe/tls"
)

// dnsTime is how long the DNS has for all questions of one check.
const dnsTime = 10 * time.Second

// An outsider sees of a relay what the DNS says of it.
type outsider struct {
	cfg   *config.Config
	certs *tls.Certificates
	world federation.Config
	peers *federation.Server
}

// checkPublished compares what is published with what is in use. What is wrong
// fails; what is missing or cannot be asked is a warning: the relay is sound,
// and alone.
func checkPublished(ctx context.Context, cfg *config.Config, certs *tls.Certificates) []finding {
	world, err := Outside(cfg)
	if err != nil {
		return []finding{{Check: "dns", Detail: err.Error()}}
	}
	world.TLS = tls.NewServer(certs, world.TLS12)
	o := &outsider{cfg, certs, world, federation.NewServer(world)}
	ctx, cancel := context.WithTimeout(ctx, dnsTime)
	defer cancel()
	var list []finding
	for _, d := range cfg.Domains {
		list = append(list, o.domain(ctx, d)...)
	}
	return list
}

func warning(format string, args ...any) finding {
	return finding{Check: "dns", OK: true, Warning: true, Detail: fmt.Sprintf(format, args...)}
}

func failure(format string, args ...any) finding {
	return finding{Check: "dns", Detail: fmt.Sprintf(format, args...)}
}

func fine(format string, args ...any) finding {
	return finding{Check: "dns", OK: true, Detail: fmt.Sprintf(format, args...)}
}

func (o *outsider) domain(ctx context.Context, domain string) []finding {
	name, ok := dnsName(domain)
	if !ok {
		return []finding{fine("%s is not in the DNS: nothing is published, and no other server looks there", domain)}
	}
	var list []finding
	var missing []string
	for _, s := range servicesOf(o.cfg) {
		answer := o.world.Resolver.Service(ctx, s.name, "tcp", name)
		switch {
		case answer.Status == resolve.Indeterminate, answer.Status == resolve.Bogus && !ours(answer.Zone):
			return append(list, warning("%s: the DNS cannot be asked: %s (%s); see resolver and trust_anchor in [dns]", domain, answer.Why, answer.Why.Section()))
		case len(answer.Targets) == 0 && !answer.Declined && answer.Status.Usable():
			if len(s.ports) > 0 {
				missing = append(missing, "_"+s.name+"._tcp")
			}
		default:
			list = append(list, located(domain, s, answer))
		}
	}
	bare := slices.Contains(missing, "_xmpp-server._tcp") && slices.Contains(missing, "_xmpps-server._tcp")
	if len(missing) > 0 {
		list = append(list, warning("%s: no SRV record for %s; publish what lethe dns prints", domain, strings.Join(missing, ", ")))
	}
	if o.cfg.Federation.Policy == config.Off {
		return list
	}
	return append(list, o.proof(ctx, domain, bare)...)
}

// ours reports whether a zone could be the operator's. The root and what is
// right below it are others'.
func ours(zone string) bool { return strings.Contains(strings.TrimSuffix(zone, "."), ".") }

// located compares the SRV records of one service with its listener.
func located(domain string, s service, answer resolve.Service) finding {
	at := domain + ": _" + s.name + "._tcp"
	switch {
	case !answer.Status.Usable():
		return failure("%s is bogus: %s (%s); repair the zone's signatures", at, answer.Why, answer.Why.Section())
	case answer.Declined && len(s.ports) > 0:
		return failure("%s says that there is no such service, and %s in [listen] says that there is; publish what lethe dns prints", at, s.what)
	case answer.Declined:
		return fine("%s says that there is no such service", at)
	case len(s.ports) == 0:
		return warning("%s is published and the service is off; publish what lethe dns prints", at)
	}
	for _, t := range answer.Targets {
		if !slices.Contains(s.ports, t.Port) {
			return warning("%s leads to port %d, where %s in [listen] does not listen; see whether something passes it on", at, t.Port, s.what)
		}
	}
	return fine("%s leads to %s, %s", at, target(answer.Targets[0].Host, answer.Targets[0].Port), answer.Status)
}

// proof is what other servers make of our certificates by what is published.
// Without servers to try there is nothing that the SRV records did not say.
// Where nothing says that there is a server to be found, it is no failure that
// there is none, or none that is proved.
func (o *outsider) proof(ctx context.Context, domain string, bare bool) []finding {
	var list []finding
	for _, chain := range o.certs.Chains(domain) {
		seen := o.peers.Examine(ctx, domain, chain)
		for _, p := range seen.Probes {
			f := judged(domain+": "+target(p.Target.Host, p.Target.Port), p.Finding, bare)
			if p.Target.Address == resolve.Indeterminate || p.Target.Asked && p.Target.TLSA == resolve.Indeterminate {
				f.OK, f.Warning = true, true // not known to be wrong
			}
			list = append(list, f)
		}
	}
	return slices.Compact(list)
}

func target(host string, port uint16) string {
	return net.JoinHostPort(host, fmt.Sprint(port))
}

// judged puts what another server would find into words.
func judged(at string, f federation.Finding, bare bool) finding {
	if f.Accept() {
		return fine("%s: other servers accept the certificate: %s", at, f.Reason)
	}
	text := fmt.Sprintf("%s: other servers refuse this: %s (%s); %s", at, f.Reason, f.Section, f.Cure)
	if f.Unreachable {
		text = fmt.Sprintf("%s: other servers do not get here: %s (%s); %s", at, f.Reason, f.Section, f.Cure)
	}
	if bare {
		return warning("%s", text)
	}
	return failure("%s", text)
}
