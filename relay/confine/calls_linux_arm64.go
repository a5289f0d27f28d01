package confine

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_AARCH64

// oldCalls is those that newer architectures no longer have.
func oldCalls() []uint32 { return []uint32{unix.SYS_RENAMEAT} }
