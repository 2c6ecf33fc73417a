#pragma once
// The programs that run in the kernel and empty a live_ring. LIVE_SEND is an XDP program that BPF_PROG_RUN
// runs on pages of its own (Documentation/bpf/bpf_prog_run.rst, "Running XDP programs in live frame mode"):
// it writes the ring's next frame into the page and redirects it to the interface. The kernel does not tell
// that program what became of a frame, so two more listen at tracepoints: LIVE_TAKEN hears of each bulk how
// many the driver took, LIVE_FAILED of frames that did not come to the driver at all. They free the slots of
// those taken, and put the others at the head of the queue. Pure: instructions into an array.

#include "live/ring.h"

#include <linux/bpf.h>

#define LIVE_PROGRAM_MAX 128

enum live_program {
	LIVE_SEND,
	LIVE_TAKEN,  ///< at the tracepoint xdp_devmap_xmit
	LIVE_FAILED, ///< at the tracepoint xdp_redirect_err
	LIVE_PROGRAMS,
};

/**
 * Write a program for the ring that is the only value of `map`, and the interface of that number. Returns how
 * many instructions it has, 0 when they have no room.
 */
unsigned live_program_write(enum live_program program, int map, const struct live_shape *shape,
                            unsigned interface, struct bpf_insn out[LIVE_PROGRAM_MAX]);
