package operator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aead.dev/minisign"

	"lethe/relay/config"
	"lethe/relay/users"
)

// defaultConfig is where commands look for the configuration.
const defaultConfig = "lethe.toml"

const verifyUsage = `usage: lethe verify [-config FILE] [-pub KEY] USERS

Says whether a relay would accept the users file USERS with its signature
USERS.minisig, and if not, why: who signed it, whether it was changed since,
every line, domains and rooms that the configuration does not serve, and a
serial lower than that of the file the configuration names.

  -config FILE   configuration, lethe.toml by default
  -pub KEY       the one key that may sign, instead of the configuration's
                 signers: the key itself or a file NAME.pub. Without -config,
                 only signature and lines are checked then

example: lethe verify -config /etc/lethe/lethe.toml users.txt
`

// Verify runs lethe verify.
func Verify(args []string, std Stdio) int {
	c := newCommand(std, "verify", verifyUsage)
	conf, pub := c.flags.String("config", "", ""), c.flags.String("pub", "", "")
	return c.run(args, 1, func(operands []string) error { return c.verify(*conf, *pub, operands[0]) })
}

func (c *command) verify(conf, pub, path string) error {
	if conf == "" && pub == "" {
		conf = defaultConfig
	}
	var terms users.Terms
	if conf != "" {
		cfg, err := readConfig(conf)
		if err != nil {
			return err
		}
		terms = termsOf(cfg)
		if !sameFile(path, cfg.Users) {
			terms.Serial = inUse(cfg)
		}
	}
	if pub != "" {
		key, err := publicKey(pub)
		if err != nil {
			return err
		}
		terms.Signers = []minisign.PublicKey{key}
	}
	text, sig, err := readSigned(path)
	if err != nil {
		return err
	}
	var set *users.Set
	if conf != "" {
		set, err = users.Load(text, sig, terms)
	} else if err = users.Verify(text, sig, terms.Signers); err == nil {
		set, err = users.Parse(text)
	}
	if err != nil {
		return in(path, err)
	}
	var s minisign.Signature
	s.UnmarshalText(sig) // it has been verified
	c.say("%s: good: serial %d, %d users, signed by key %016X", path, set.Serial(), set.Len(), s.KeyID)
	return nil
}

// readConfig reads a configuration.
func readConfig(path string) (*config.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, about(path, err, "name the configuration with -config, or make one with lethe init")
	}
	return config.Parse(path, text)
}

// termsOf says what a relay with this configuration asks of a users file.
func termsOf(cfg *config.Config) users.Terms {
	return users.Terms{Signers: cfg.Signers, Domains: cfg.Domains, Rooms: cfg.RoomHosts()}
}

// inUse returns the serial of the users file that the configuration names, 0
// when a relay would not accept it either.
func inUse(cfg *config.Config) uint64 {
	text, sig, err := readSigned(cfg.Users)
	if err != nil {
		return 0
	}
	set, err := users.Load(text, sig, termsOf(cfg))
	if err != nil {
		return 0
	}
	return set.Serial()
}

// sameFile reports whether two paths lead to one file.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return filepath.Clean(a) == filepath.Clean(b) || errX == nil && errY == nil && os.SameFile(x, y)
}

// readSigned reads a users file and its signature.
func readSigned(path string) (text, sig []byte, err error) {
	if text, err = os.ReadFile(path); err != nil {
		return nil, nil, about(path, err, "name the users file, or make one with lethe init")
	}
	if sig, err = os.ReadFile(path + ".minisig"); err != nil {
		return nil, nil, about(path+".minisig", err, "sign the users file with lethe sign")
	}
	return text, sig, nil
}

// publicKey reads a key itself or a file that has it.
func publicKey(s string) (minisign.PublicKey, error) {
	var key minisign.PublicKey
	if key.UnmarshalText([]byte(s)) == nil {
		return key, nil
	}
	text, err := os.ReadFile(s)
	if err != nil {
		return key, fmt.Errorf("%q is neither a minisign public key nor a file; give the second line of NAME.pub", s)
	}
	if err := key.UnmarshalText([]byte(strings.TrimSpace(string(text)))); err != nil {
		return key, fmt.Errorf("%s: not a minisign public key; name the file NAME.pub that lethe keygen made", s)
	}
	return key, nil
}
