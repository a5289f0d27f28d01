package confine

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A refusal is a system call that fails: always, or if one of some bits is set
// in an argument, or if none is.
type refusal struct {
	call     uint32
	argument uint32        // number, from 0
	bits     uint32        // of its lower half; 0: always
	unless   bool          // refused if no bit is set
	errno    syscall.Errno // 0: EPERM
}

// writing is the flags of open that make or change a file.
const writing = unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT | unix.O_TRUNC | unix.O_APPEND

const (
	// families is the bits of AF_INET and AF_INET6. Whoever has another one
	// wants to talk to the machine: to a bus, a container engine, the kernel.
	families = unix.AF_INET | unix.AF_INET6
	// multipath is a bit of IPPROTO_MPTCP that no other protocol has. Landlock
	// does not take such a connection for TCP.
	multipath = 0x100
)

// refusals is what a relay that runs never does. Some of it is Landlock's too:
// a kernel without that still has this.
func refusals(n Needs) []refusal {
	all := []refusal{
		{call: unix.SYS_SOCKET, argument: 0, bits: ^uint32(families)},
		{call: unix.SYS_SOCKET, argument: 2, bits: multipath},
		{call: unix.SYS_OPENAT, argument: 2, bits: writing},
		// Threads are made with clone; anything else it makes is a process.
		{call: unix.SYS_CLONE, argument: 0, bits: unix.CLONE_THREAD, unless: true},
		// Its flags lie where a filter cannot look; the C library falls back.
		{call: unix.SYS_CLONE3, errno: unix.ENOSYS},
	}
	for _, call := range append(oldCalls(),
		// Programs, and other processes.
		unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV,
		unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
		// Files. The flags of openat2 lie where a filter cannot look.
		unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_MKNODAT, unix.SYS_MKDIRAT,
		unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT,
		unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_FCHMODAT,
		unix.SYS_FCHMODAT2, unix.SYS_FCHMOD, unix.SYS_FCHOWNAT, unix.SYS_FCHOWN, unix.SYS_UTIMENSAT,
		unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
		unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT,
		unix.SYS_FILE_SETATTR, unix.SYS_MEMFD_CREATE,
		// Ways around all of these.
		unix.SYS_IO_URING_SETUP, unix.SYS_BPF, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
		// The machine.
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN,
		unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD,
		unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_SWAPON, unix.SYS_REBOOT,
		unix.SYS_SETHOSTNAME, unix.SYS_CLOCK_SETTIME, unix.SYS_ACCT,
	) {
		all = append(all, refusal{call: call})
	}
	if n.Connect != nil { // who needs no other port has nothing to ask by UDP
		all = append(all, refusal{call: unix.SYS_SOCKET, argument: 1, bits: unix.SOCK_DGRAM})
	}
	return all
}

// filterCalls puts the filter in place for all threads.
func filterCalls(n Needs) string {
	const missing = "this kernel has no filter of system calls (seccomp)"
	if architecture == 0 {
		return "there is no filter of system calls for this processor"
	}
	program, err := bpf.Assemble(instructions(refusals(n)))
	if err != nil {
		return missing
	}
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	// The one and the other must be of the same thread; then it is all threads'.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != nil {
		return missing
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 || thread != 0 {
		return missing
	}
	return ""
}

// Where a filter finds what it judges (seccomp(2), struct seccomp_data).
const (
	atCall         = 0
	atArchitecture = 4
	atArguments    = 16 // eight bytes each, the lower half first
)

// instructions is the filter: other architectures' calls end the process, what
// is refused fails, all else passes.
func instructions(refused []refusal) []bpf.Instruction {
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: atArchitecture, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: architecture, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		bpf.LoadAbsolute{Off: atCall, Size: 4},
		// A second table of calls, x32, lies up there on one architecture.
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 0x40000000, SkipFalse: 1},
		refusal{}.fail(),
	}
	for _, r := range refused {
		fail := r.fail()
		if r.bits == 0 {
			program = append(program,
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.call, SkipFalse: 1},
				fail)
			continue
		}
		test := bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: r.bits, SkipFalse: 1}
		if r.unless {
			test = bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: r.bits, SkipTrue: 1}
		}
		program = append(program,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.call, SkipFalse: 4},
			bpf.LoadAbsolute{Off: atArguments + 8*r.argument, Size: 4},
			test,
			fail,
			bpf.LoadAbsolute{Off: atCall, Size: 4})
	}
	return append(program, bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW})
}

func (r refusal) fail() bpf.Instruction {
	errno := r.errno
	if errno == 0 {
		errno = unix.EPERM
	}
	return bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)}
}
