package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"lethe/relay/config"
	"lethe/relay/users"
	"lethe/tls"
)

const checkUsage = `usage: lethe check [-config FILE] [-json] [DOMAIN...]

Without DOMAIN: says whether this relay's own set-up is sound: the
configuration, the users file with its signature, the certificates with their
keys, and what the DNS has of its domains beside what is in use, as others see
it. What is not published yet, or cannot be asked, is a warning: the relay works
and other domains may not reach it.

With DOMAIN: connects to its servers as this relay would and says, step by step,
what federation with it rests on: dane, pkix, onion, refused or unreachable.
The relay that runs, if it has a port for metrics, is asked which links with the
domain stand or have failed lately; its answer decides nothing.

  -config FILE   configuration, lethe.toml by default
  -json          one JSON object a line, see the README

Exit status: 0 if all is well, but for warnings, or every DOMAIN is dane,
pkix or onion; 1 if not; 2 for wrong usage.

example: lethe check -config /etc/lethe/lethe.toml partner.example
`

// renew is how long before its end a certificate is called out.
const renew = 21 * 24 * time.Hour

// A finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found; if not OK, what is wrong and the cure
	// Warning says that something is to be done, though nothing is wrong.
	Warning bool `json:"warning,omitempty"`
}

// Check runs lethe check.
func Check(args []string, std Stdio) int {
	c := newCommand(std, "check", checkUsage)
	conf, asJSON := c.flags.String("config", defaultConfig, ""), c.flags.Bool("json", false, "")
	return c.run(args, anyNumber, func(domains []string) error {
		if len(domains) > 0 {
			return c.checkDomains(*conf, domains, *asJSON)
		}
		failed := 0
		for _, f := range findings(context.Background(), *conf, time.Now()) {
			if !f.OK {
				failed++
			}
			if err := c.print(f, *asJSON); err != nil {
				return err
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of the checks failed; see above", failed)
		}
		return nil
	})
}

func (c *command) print(f finding, asJSON bool) error {
	if asJSON {
		return c.encode(f)
	}
	mark := "ok  "
	switch {
	case !f.OK:
		mark = "FAIL"
	case f.Warning:
		mark = "warn"
	}
	_, err := fmt.Fprintf(c.Out, "%s  %-13s  %s\n", mark, f.Check, f.Detail)
	return err
}

// encode prints a line of JSON.
func (c *command) encode(v any) error {
	e := json.NewEncoder(c.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// findings checks everything that a relay needs before it starts, and then what
// others can see of it.
func findings(ctx context.Context, path string, now time.Time) []finding {
	cfg, err := readConfig(path)
	if err != nil {
		return []finding{{Check: "configuration", Detail: err.Error()}}
	}
	list := []finding{
		{Check: "configuration", OK: true, Detail: fmt.Sprintf("%s serves %d domains", path, len(cfg.Domains))},
		found("users")(checkUsers(cfg)),
		found("certificates")(checkCertificates(cfg, now)),
		found("keys")(checkModes(cfg)),
	}
	if len(cfg.Calls.Services) > 0 {
		list = append(list, found("calls")(checkCalls(cfg)))
	}
	// Certificates that cannot be loaded have failed above.
	if certs, err := loadCertificates(cfg, now); err == nil && cfg.Federation.Policy != config.Off {
		list = append(list, checkPublished(ctx, cfg, certs)...)
	}
	return list
}

func found(check string) func(detail string, err error) finding {
	return func(detail string, err error) finding {
		if err != nil {
			return finding{Check: check, Detail: err.Error()}
		}
		return finding{Check: check, OK: true, Detail: detail}
	}
}

func checkUsers(cfg *config.Config) (string, error) {
	text, sig, err := readSigned(cfg.Users)
	if err != nil {
		return "", err
	}
	set, err := users.Load(text, sig, termsOf(cfg))
	if err != nil {
		return "", in(cfg.Users, err)
	}
	return fmt.Sprintf("%s has serial %d and %d users", cfg.Users, set.Serial(), set.Len()), nil
}

func checkCertificates(cfg *config.Config, now time.Time) (string, error) {
	certs, err := loadCertificates(cfg, now)
	if err != nil {
		return "", err
	}
	end := certs.NotAfter().Format(time.DateOnly)
	if len(certs.Expiring(now, renew)) > 0 {
		return "", errors.New("a certificate ends on " + end + "; renew it now")
	}
	return "every domain has one, the first ends on " + end, nil
}

func loadCertificates(cfg *config.Config, now time.Time) (*tls.Certificates, error) {
	pairs := make([]tls.Pair, len(cfg.TLS.Certificates))
	for i, p := range cfg.TLS.Certificates {
		pairs[i] = tls.Pair(p)
	}
	return tls.Load(pairs, cfg.Domains, now)
}

// checkModes refuses keys that others on this machine can read.
func checkModes(cfg *config.Config) (string, error) {
	for _, p := range cfg.TLS.Certificates {
		if err := checkMode(p.Key, "see [tls] in the configuration"); err != nil {
			return "", err
		}
	}
	return "no key is open to everybody", nil
}

func checkMode(path, cure string) error {
	info, err := os.Stat(path)
	if err != nil {
		return about(path, err, cure)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return fmt.Errorf("%s: everybody on this machine may read it; chmod o= %s", path, path)
	}
	return nil
}

func checkCalls(cfg *config.Config) (string, error) {
	if _, err := Answers(cfg); err != nil {
		return "", err
	}
	if cfg.Calls.SecretFile == "" {
		return "no secret is needed", nil
	}
	if err := checkMode(cfg.Calls.SecretFile, "see secret_file in [calls]"); err != nil {
		return "", err
	}
	return "the secret is not open to everybody", nil
}
