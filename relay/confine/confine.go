// Package confine takes from the running process what it will not need again.
//
// A relay reads its files, opens its ports, and from then on only moves bytes
// between sockets. What it cannot do any more, nobody can make it do:
//
//   - become another user: what was started as root goes on as somebody else;
//   - write, create, remove or rename a file, or read one that a reload does
//     not need (Landlock; the system call filter once more for writing);
//   - start a program, trace a process, load code into the kernel (a filter of
//     system calls, and no new privileges);
//   - connect to other ports than those given, where ports are given;
//   - leave its memory in a core dump, show it to a debugger, or have it
//     written to swap.
//
// The kernel enforces all of it, for every thread, and none of it can be taken
// back. What a kernel or an operator's limits do not permit is a [Gap]; the
// rest is done all the same.
package confine

// A Measure is one of the things that Apply does.
type Measure uint8

// The measures.
const (
	User   Measure = iota // not root
	Memory                // locked in memory: never in swap
	Dumps                 // no core dump, no debugger
	Files                 // Landlock on files
	Ports                 // Landlock on TCP ports
	Calls                 // the filter of system calls
)

// String is the measure's name in the log.
func (m Measure) String() string {
	switch m {
	case User:
		return "user"
	case Memory:
		return "memory"
	case Dumps:
		return "dumps"
	case Files:
		return "files"
	case Ports:
		return "ports"
	case Calls:
		return "calls"
	}
	return "unknown"
}

// Needs is what the process has to do yet.
type Needs struct {
	// UID and GID are who it goes on as, if it runs as root. Zero: root.
	UID, GID int
	// Folders whose files it reads, those below included.
	Folders []string
	// Connect is the TCP ports it connects to. nil: any; empty: none.
	Connect []uint16
}

// A Gap is a measure that could not be taken.
type Gap struct {
	Measure Measure
	Reason  string // for the operator: why, and what to do
}
