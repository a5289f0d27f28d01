package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"lethe/relay/operator"
)

// version prints what this binary was made of, and under which licences.
func version(args []string, std operator.Stdio) int {
	if len(args) > 0 {
		fmt.Fprintln(std.Err, "usage: lethe version\n\nPrints the version, the Go version, the commit, the dependencies and the licences.")
		if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
			return 0
		}
		return 2
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Fprintln(std.Err, "lethe: this binary has no build information; build it with go build")
		return 1
	}
	commit := "unknown"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value
		}
	}
	fmt.Fprintf(std.Out, "lethe %s ISC\n%s %s/%s BSD-3-Clause\ncommit %s\n",
		info.Main.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, commit)
	for _, d := range info.Deps {
		fmt.Fprintf(std.Out, "%s %s %s\n", d.Path, d.Version, licence(d.Path))
	}
	return 0
}

// licence is the SPDX name of the licence that a module is used under.
func licence(module string) string {
	switch module {
	case "github.com/coder/websocket":
		return "ISC"
	case "aead.dev/minisign", "github.com/landlock-lsm/go-landlock", "github.com/pelletier/go-toml/v2":
		return "MIT"
	case "github.com/miekg/dns", "golang.org/x/crypto", "golang.org/x/net", "golang.org/x/sys",
		"golang.org/x/term", "golang.org/x/text", "kernel.org/pub/linux/libs/security/libcap/psx":
		return "BSD-3-Clause"
	}
	return "unknown"
}
