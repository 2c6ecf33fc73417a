#pragma once
// Just enough of a BPF machine (RFC 9669) to run the programs of this room on plain memory: its "kernel" has
// a page, and notes what was redirected.

#include "live/program.h"

#include <stdint.h>

struct machine {
	struct live_ring *ring; ///< the map's only value
	struct live_shape shape;
	uint64_t task;
	uint8_t page[2048];
	unsigned length;    ///< of the page's frame
	unsigned redirects; ///< to `interface`
	unsigned interface;
	unsigned steps; ///< instructions so far
};

/** Run a program with this context and return what it returns. */
uint64_t machine_run(struct machine *machine, const struct bpf_insn *code, unsigned count,
                     const void *context);
