#pragma once
// The capture file of a run (--pcap): fetches what the receiving lcore put into the session's rings and
// writes it. Main thread; all that waits for a disk happens here.

#include "base/error.h"
#include "capture/file.h"
#include "session.h"

#include <stdbool.h>

struct recorder {
	struct capture_file *file; ///< NULL: nothing is captured
	bool simulated;            ///< no wall time: stamps are times since the start
	ns_t start;                ///< of the run, on the session's clock
};

/** Open the plan's capture file, if it names one. Returns 0 or a negative errno. */
int recorder_open(struct recorder *recorder, const struct session *session, ns_t start, bool simulated,
                  struct error *error);

/** Write what came since. */
void recorder_step(struct recorder *recorder, struct session *session);

/** Write the rest and close; `now` is the end of the run. Says on standard error how many records found no
 * room. Returns 0 or -EIO. */
int recorder_finish(struct recorder *recorder, struct session *session, ns_t now, struct error *error);

/** Close without a word; for the way out of an error. */
void recorder_close(struct recorder *recorder);
