package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetrics holds that a running relay tells the numbers that README.md lists
// and no others, and that their labels are the words of the code.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := newRelay(t, "alice")
	r.set(t, "proxy65", fmt.Sprintf(`["127.0.0.1:%d"]`, freePort(t)))
	port := freePort(t)
	r.set(t, "metrics", fmt.Sprintf(`["127.0.0.1:%d"]`, port))
	r.start(t)
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE lethe_([a-z_]+) `).FindAllStringSubmatch(string(text), -1) {
		told = append(told, m[1])
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+`) \\|").FindAllStringSubmatch(section(page(t, "README.md"), "Numbers"), -1) {
		listed = append(listed, strings.Split(strings.Trim(row[1], "`"), "`, `")...)
	}
	same(t, "the table under Numbers", listed, told, "README.md lists what is told, and why")
	if !strings.Contains(string(text), "\nlethe_certificate_days_left 0\n") { // the lab's certificate lasts a day
		t.Error("the days of the certificate are not counted")
	}
	if n := len(told); n == 0 || len(slices.Compact(slices.Sorted(slices.Values(told)))) != n {
		t.Errorf("%d names, some twice", n)
	}
}
