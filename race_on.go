//go:build race

package main

// inspected is what a build with the race detector reads while it runs: its own
// threads.
func inspected() []string { return []string{"/proc"} }
