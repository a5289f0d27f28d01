package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"lethe/relay/config"
	"lethe/relay/users"
	"lethe/tls"
)

const checkUsage = `usage: lethe check [-config FILE] [-json]

Says whether this relay's own set-up is sound: the configuration, the users
file with its signature, the certificates with their keys.

  -config FILE   configuration, lethe.toml by default
  -json          one JSON object a line: {"check":"users","ok":true,"detail":"..."}

example: lethe check -config /etc/lethe/lethe.toml
`

// renew is how long before its end a certificate is called out.
const renew = 21 * 24 * time.Hour

// A finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"` // what was found; if not OK, what is wrong and the cure
}

// Check runs lethe check.
func Check(args []string, std Stdio) int {
	c := newCommand(std, "check", checkUsage)
	conf, asJSON := c.flags.String("config", defaultConfig, ""), c.flags.Bool("json", false, "")
	return c.run(args, 0, func([]string) error {
		failed := 0
		for _, f := range findings(*conf, time.Now()) {
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
		return json.NewEncoder(c.Out).Encode(f)
	}
	mark := "ok  "
	if !f.OK {
		mark = "FAIL"
	}
	_, err := fmt.Fprintf(c.Out, "%s  %-13s  %s\n", mark, f.Check, f.Detail)
	return err
}

// findings checks everything that a relay needs before it starts.
func findings(path string, now time.Time) []finding {
	cfg, err := readConfig(path)
	if err != nil {
		return []finding{{"configuration", false, err.Error()}}
	}
	return []finding{
		{"configuration", true, fmt.Sprintf("%s serves %d domains", path, len(cfg.Domains))},
		found("users")(checkUsers(cfg)),
		found("certificates")(checkCertificates(cfg, now)),
		found("keys")(checkModes(cfg)),
	}
}

func found(check string) func(detail string, err error) finding {
	return func(detail string, err error) finding {
		if err != nil {
			return finding{check, false, err.Error()}
		}
		return finding{check, true, detail}
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
	pairs := make([]tls.Pair, len(cfg.TLS.Certificates))
	for i, p := range cfg.TLS.Certificates {
		pairs[i] = tls.Pair(p)
	}
	certs, err := tls.Load(pairs, cfg.Domains, now)
	if err != nil {
		return "", err
	}
	end := certs.NotAfter().Format(time.DateOnly)
	if len(certs.Expiring(now, renew)) > 0 {
		return "", errors.New("a certificate ends on " + end + "; renew it now")
	}
	return "every domain has one, the first ends on " + end, nil
}

// checkModes refuses keys that others on this machine can read.
func checkModes(cfg *config.Config) (string, error) {
	for _, p := range cfg.TLS.Certificates {
		info, err := os.Stat(p.Key)
		if err != nil {
			return "", about(p.Key, err, "see [tls] in the configuration")
		}
		if info.Mode().Perm()&0o007 != 0 {
			return "", fmt.Errorf("%s: everybody on this machine may read it; chmod o= %s", p.Key, p.Key)
		}
	}
	return "no key is open to everybody", nil
}
