#pragma once
// What libraries print by themselves (EAL, drivers, libbpf): held back while they start, since the program
// says in one line what went wrong. Process-wide, main thread, not nested.

#include <stdbool.h>
#include <stdio.h>

struct quiet {
	FILE *said;       ///< what was printed; NULL: nothing is held back
	int out, err;     ///< the standard streams meanwhile
	char reason[256]; ///< after quiet_end(): the first line of it, "" if none
};

/** Hold standard output and error back from here on; not when `verbose`. */
void quiet_begin(struct quiet *quiet, bool verbose);

/** Give the standard streams back, and keep the first line that was held back. */
void quiet_end(struct quiet *quiet);
