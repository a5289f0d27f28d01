package main

import (
	"os"
	"strings"
	"syscall"
)

// overwriting tells Go's runtime to overwrite what it frees, and not to
// interrupt goroutines by signals: the kernel would save a text that is just
// being copied, as the processor's registers, on a stack that nobody clears.
const overwriting = "clobberfree=1,asyncpreemptoff=1"

// overwrite starts this program once more, in the same process, with a runtime
// that overwrites memory it frees. What lethe itself lends and takes back is
// cleared; but crypto/tls leaves a text behind now and then, where a buffer of
// its own was too small. The runtime reads the setting at its start only. It
// returns if that is done, or cannot be.
func overwrite() error {
	settings := os.Getenv("GODEBUG")
	if strings.Contains(settings, overwriting) {
		return nil
	}
	environment := []string{"GODEBUG=" + strings.TrimPrefix(settings+","+overwriting, ",")}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GODEBUG=") {
			environment = append(environment, e)
		}
	}
	if path, err := os.Executable(); err == nil {
		syscall.Exec(path, os.Args, environment) // by this name it is listed; returns if the file is gone
	}
	return syscall.Exec("/proc/self/exe", os.Args, environment)
}
