package main

import (
	"regexp"
	"strings"
	"testing"
)

// followInstall does what "Install" says as root of a Debian that has what the
// package depends on: the package comes, serves, is replaced, goes, and leaves
// what is the operator's. There is no systemd; what its unit would start is
// started as the user whom it names.
func followInstall(t *testing.T, d *tree, dist string) {
	succeed(t, "cp", "-r", dist, d.root+"/root/dist")
	before := d.files()
	readme := newInstructions(t, "Install")
	if line := readme.next(); line != "deploy/build" {
		t.Fatalf("README.md begins with %s", line)
	}
	install := readme.next()
	d.run(install)
	installed(t, d)

	for line := readme.next(); !strings.HasPrefix(line, "systemctl "); line = readme.next() {
		d.run(line)
	}
	readme.end()
	serves(t, d, "example.org").end(t)
	followDomain(t, d)

	d.run(strings.Replace(install, "install", "install --reinstall", 1))
	serves(t, d, "example.org").end(t)

	d.run(readme.within("apt remove lethe") + " --yes")
	if out := d.run("find /usr -path '*lethe*'"); out != "" {
		t.Errorf("apt remove leaves\n%s", out)
	}
	d.run(readme.within("apt purge lethe") + " --yes")
	if out := d.run("getent passwd lethe; getent group lethe; true"); out != "" {
		t.Errorf("apt purge leaves the user:\n%s", out)
	}
	if out := d.run("find /etc/lethe ! -user root -o ! -group root"); out != "" {
		t.Errorf("apt purge leaves to whom the number goes next\n%s", out)
	}
	less, more := difference(d.files(), before)
	for _, f := range more {
		if !strings.HasPrefix(f, "/etc/lethe") && f != "/root/signer.key" {
			t.Errorf("apt purge leaves %s", f)
		}
	}
	if len(less) > 0 {
		t.Errorf("apt purge takes %q", less)
	}
	for _, name := range []string{"lethe.toml", "users.txt", "privkey.pem"} {
		d.read("/etc/lethe/" + name)
	}

	d.run(install)
	serves(t, d, "example.org").end(t)
	followOnion(t, d)
}

// followDomain holds that lethe dns prints what "Your own domain" says.
func followDomain(t *testing.T, d *tree) {
	t.Helper()
	readme := newInstructions(t, "Your own domain")
	records := d.run("cd /etc/lethe && " + readme.within("lethe dns -host xmpp.example.org"))
	for len(readme.lines) > 0 {
		name, data, _ := strings.Cut(strings.TrimSpace(readme.next()), " ")
		want := regexp.QuoteMeta(name) + ` \d+ IN ` + regexp.QuoteMeta(strings.TrimSpace(data))
		want = strings.Join(strings.Fields(want), " ")
		if !regexp.MustCompile(`(?m)^` + want + `$`).MatchString(records) {
			t.Errorf("lethe dns prints no %s:\n%s", want, records)
		}
	}
}

// followOnion does what "As an onion service" says in place of "Install", as far
// as it goes without a Tor.
func followOnion(t *testing.T, d *tree) {
	t.Helper()
	address := strings.Repeat("a", 56) + ".onion"
	d.run("rm -r /etc/lethe/*")
	readme := newInstructions(t, "As an onion service")
	d.run(strings.ReplaceAll(readme.within("lethe init -onion /etc/lethe ADDRESS.onion"), "ADDRESS.onion", address))
	readme.end()
	for _, line := range newInstructions(t, "Install").lines {
		if strings.HasPrefix(line, "lethe init ") || strings.HasPrefix(line, "apt ") ||
			strings.HasPrefix(line, "deploy/") || strings.HasPrefix(line, "systemctl ") {
			continue
		}
		d.run(strings.ReplaceAll(line, "example.org", address))
	}

	r := serves(t, d, address)
	r.loginByTor(t, "alice", "tcp", "127.0.0.1:5232")
	for _, table := range []string{"tcp", "tcp6"} {
		for line := range strings.Lines(d.read("/proc/net/" + table)) {
			const listening = "0A"
			f := strings.Fields(line)
			if f[3] == listening && !strings.HasPrefix(f[1], "0100007F:") {
				t.Errorf("an onion service listens at %s", f[1])
			}
		}
	}
	r.end(t)
}

// files are the names of all files but those in which Debian writes what it has
// done.
func (d *tree) files() []string {
	d.t.Helper()
	return strings.Fields(d.run(`find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o ` +
		`-path '/etc/*-' -o -path /tmp -o -path /run \) -prune -o -print`))
}

// installed looks at what the package has brought.
func installed(t *testing.T, d *tree) {
	t.Helper()
	for line, want := range map[string]string{
		"dpkg --verify lethe":                                             ``,
		"dpkg-query -W -f '${Status}|${Conffiles}|' lethe":                `install ok installed\|\|`,
		"getent passwd lethe":                                             `lethe:x:\d+:\d+:XMPP relay,,,:/nonexistent:/usr/sbin/nologin\n`,
		"id -nG lethe":                                                    `lethe\n`,
		"stat -c '%a %U:%G' /etc/lethe":                                   `2750 root:lethe\n`,
		"stat -c '%a %U:%G' /usr/bin/lethe":                               `755 root:root\n`,
		"find $(dpkg -L lethe) -maxdepth 0 -perm /o=w":                    ``,
		"find $(dpkg -L lethe) -maxdepth 0 -type f ! -perm 644":           `/usr/bin/lethe\n`,
		"find $(dpkg -L lethe) -maxdepth 0 ! -user root -o ! -group root": ``,
		"ldd /usr/bin/lethe 2>&1 || true":                                 `\s*not a dynamic executable\n`,
		"lethe version | head -1":                                         `lethe \S+ ISC\n`,
		"dpkg-deb -f dist/lethe_*.deb Depends | tr -d ' \\n'":             `[a-z,-]+`,
		"zcat -f /usr/share/doc/lethe/copyright | wc -w":                  `[1-9]\d+\n`,
		"cmp dist/lethe /usr/bin/lethe && echo the same":                  `the same\n`,
		"find /etc/lethe /etc/systemd -name '*lethe*'":                    `/etc/lethe\n`,
	} {
		if out := d.run(line); !regexp.MustCompile(`\A(` + want + `)\z`).MatchString(out) {
			t.Errorf("%s says %q, want %q", line, out, want)
		}
	}
}

// serves has the relay serve as its unit says, lets somebody in, and has it read
// its files anew.
func serves(t *testing.T, d *tree, domain string) *instance {
	t.Helper()
	unit := d.read("/usr/lib/systemd/system/lethe.service")
	cmd := d.prepare(append([]string{"setpriv", "--reuid", setting(t, unit, "User"), "--regid", setting(t, unit, "Group"),
		"--init-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"},
		strings.Fields(setting(t, unit, "ExecStart"))...)...)
	r := &instance{domain: domain, ca: d.root + "/etc/lethe/fullchain.pem", port: 5222,
		secret: strings.TrimSuffix(sesame, "alice")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("lethe serve wrote:\n%s", r.log.String())
		}
	})
	r.run(t, cmd)
	r.login(t, "alice")
	r.reload(t, `level=INFO msg=reloaded`)
	return r
}

// setting is what a unit says of one thing.
func setting(t testing.TB, unit, key string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatalf("the unit has no %s", key)
	}
	return m[1]
}
