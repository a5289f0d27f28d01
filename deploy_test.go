package main

import (
	"lethe/relay/need"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnits has systemd read the units, and judge how much the relay's leaves to
// a relay that is not itself any more: from 0, nothing, to 10, everything.
func TestUnits(t *testing.T) {
	t.Parallel()
	need.Program(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lethe.service", "lethe-client.socket"} {
		// There is no lethe in /usr/bin here.
		write(t, dir, name, strings.Replace(page(t, "deploy/"+name), "/usr/bin/lethe", program, 1))
	}
	unit := filepath.Join(dir, "lethe.service")
	if out := succeed(t, "systemd-analyze", "verify", unit, filepath.Join(dir, "lethe-client.socket")); out != "" {
		t.Errorf("systemd-analyze verify says\n%s", out)
	}
	const exposure = "15" // 1.5; 1.2 by systemd 252, but later ones know more to ask
	succeed(t, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+exposure, unit)
}

// TestFirewall has nftables read the rules, those in comments too.
func TestFirewall(t *testing.T) {
	t.Parallel()
	need.Program(t, "nft", "nftables")
	rules := page(t, "deploy/lethe.nft")
	all := strings.NewReplacer("# tcp dport", "tcp dport", "# meta skuid lethe", "meta skuid root").Replace(rules)
	if strings.Count(all, "#") != strings.Count(rules, "#")-2 {
		t.Error("lethe.nft has other rules in comments than these")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"as it is": rules, "all": all} {
		write(t, dir, name, text)
		succeed(t, "unshare", "--map-root-user", "--net", "nft", "--check", "--file", filepath.Join(dir, name))
	}
}
