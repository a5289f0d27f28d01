package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLicences reads the licence that lies beside each module and compares it
// with what lethe version says.
func TestLicences(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=Module", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			Module *struct {
				Path, Dir string
				Main      bool
			}
		}
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Module == nil || p.Module.Main || seen[p.Module.Path] {
			continue
		}
		seen[p.Module.Path] = true
		files, _ := filepath.Glob(filepath.Join(p.Module.Dir, "[Ll][Ii][Cc][Ee][Nn][Ss][Ee]*"))
		if len(files) == 0 {
			t.Errorf("%s has no licence", p.Module.Path)
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, want := licence(p.Module.Path), classify(string(text)); got != want {
			t.Errorf("%s is under %s, lethe version says %s", p.Module.Path, want, got)
		}
	}
	if len(seen) < 5 {
		t.Errorf("%d modules", len(seen))
	}
}

func classify(text string) string {
	words := strings.ToLower(strings.Join(strings.Fields(text), " "))
	switch {
	case strings.Contains(words, "redistribution and use in source and binary forms") &&
		(strings.Contains(words, "neither the name") || strings.Contains(words, "may not be used to endorse") ||
			strings.Contains(words, "may be used to endorse or promote")):
		return "BSD-3-Clause"
	case strings.Contains(words, "permission is hereby granted, free of charge"):
		return "MIT"
	case strings.Contains(words, "permission to use, copy, modify, and/or distribute"), strings.Contains(words, "permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	}
	return "another"
}
