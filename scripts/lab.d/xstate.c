// Preloaded into user-mode-linux on CPUs with AMX. Debian's sets the registers of its processes by
// PTRACE_SETREGSET with NT_X86_XSTATE from a buffer of 2,696 octets (HOST_FP_SIZE,
// arch/x86/um/user-offsets.c), as much as there was before AMX. The host takes all of a process's state or
// nothing (xstateregs_set(), arch/x86/kernel/fpu/regset.c), which is larger there, and the guest's first
// process dies of the refusal. So what the buffer lacks is read from the process first. Reading less than all
// works as it is.
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define STATE_MAX 65536

static long set_state(long pid, const struct iovec *given)
{
	// The stacks of the guest's kernel are small, and it has one CPU.
	static uint8_t state[STATE_MAX] __attribute__((aligned(64)));
	struct iovec all = {state, sizeof(state)};

	if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, NT_X86_XSTATE, &all) < 0) {
		return -1;
	}
	memcpy(state, given->iov_base, given->iov_len < all.iov_len ? given->iov_len : all.iov_len);
	return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, NT_X86_XSTATE, &all);
}

// As the C library's, whose requests to peek return what they read.
long ptrace(enum __ptrace_request request, ...)
{
	va_list arguments;
	void *address, *data;
	long pid, result, word;

	va_start(arguments, request);
	pid = va_arg(arguments, int);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE) {
		return set_state(pid, (const struct iovec *)data);
	}
	if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER) {
		return syscall(SYS_ptrace, request, pid, address, data);
	}
	result = syscall(SYS_ptrace, request, pid, address, &word);
	if (result < 0) {
		return result;
	}
	errno = 0;
	return word;
}
