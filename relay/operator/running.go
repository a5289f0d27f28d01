package operator

import (
	"context"
	"errors"
	"time"

	"lethe/relay/config"
	"lethe/relay/web"
)

// running is what the relay that serves says of links with a domain.
type running struct {
	asked bool
	links []web.Link
	err   error
}

// askRunning asks the relay with this configuration, if it has a port for that.
func askRunning(cfg *config.Config, domain string) (r running) {
	if len(cfg.Listen.Metrics) == 0 || !cfg.Log.Domains {
		return r
	}
	r.asked = true
	r.links, r.err = web.Links(context.Background(), cfg.Listen.Metrics[0], domain)
	return r
}

// running prints what it said. A failure there is of another time than the
// check, so it is a warning.
func (c *command) running(r running) {
	const step = "running relay"
	switch {
	case !r.asked:
	case errors.Is(r.err, web.ErrNoLinks):
		c.say("    warn  %s  what listens on its port for metrics tells nothing of links; start it with this configuration", step)
	case r.err != nil:
		c.say("    warn  %s  does not answer on its port for metrics; lethe serve starts it", step)
	case len(r.links) == 0:
		c.say("    ok    %s  has no link with the domain now", step)
	}
	for _, l := range r.links {
		way := map[string]string{"in": "that the domain opened", "out": "to the domain"}[l.Direction]
		since := time.Duration(l.Seconds) * time.Second
		if l.State == "failed" {
			c.say("    warn  %s  a link %s failed %s ago: %s", step, way, since, l.Reason)
		} else {
			c.say("    ok    %s  a link %s stands since %s, proved by %s", step, way, since, l.Proof)
		}
	}
}
