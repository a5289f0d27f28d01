package web

import (
	"runtime/metrics"
	"strconv"
)

// A Page is numbers in Prometheus' text format. Names, helps and labels are
// literals of the caller's: nothing is escaped.
type Page struct {
	text []byte
}

// A Family is all numbers of one name. It is to be written before the next one
// begins.
type Family struct {
	page *Page
	name string
}

// Counter begins a family of numbers that only grow. Its name ends with _total.
func (p *Page) Counter(name, help string) Family { return p.family(name, help, "counter") }

// Gauge begins a family of numbers that come and go.
func (p *Page) Gauge(name, help string) Family { return p.family(name, help, "gauge") }

func (p *Page) family(name, help, kind string) Family {
	p.text = append(p.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
	return Family{p, name}
}

// Is writes the one number of a family without labels.
func (f Family) Is(n int64) { f.With(n) }

// With writes a number with its labels: a name, a value, a name, a value.
func (f Family) With(n int64, labels ...string) {
	b := append(f.page.text, f.name...)
	for i := 0; i < len(labels); i += 2 {
		between := byte(',')
		if i == 0 {
			between = '{'
		}
		b = append(append(append(b, between), labels[i]...), '=')
		b = strconv.AppendQuote(b, labels[i+1])
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = strconv.AppendInt(append(b, ' '), n, 10)
	f.page.text = append(b, '\n')
}

// Runtime writes what Go knows of the process.
func (p *Page) Runtime() {
	samples := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples)
	number := func(i int) int64 {
		if samples[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a later Go without it
		}
		return int64(samples[i].Value.Uint64())
	}
	p.Gauge("lethe_goroutines", "Goroutines.").Is(number(0))
	p.Gauge("lethe_heap_bytes", "Memory of live objects and of those not yet collected.").Is(number(1))
	p.Gauge("lethe_memory_bytes", "Memory that Go has from the system.").Is(number(2))
	p.Counter("lethe_gc_cycles_total", "Runs of the garbage collector.").Is(number(3))
}
