#pragma once
// SIGINT and SIGTERM: the first asks for a clean end with a full report, the second for an end at once.
// Process-wide, main thread.

/** Install the handlers. SIGPIPE is ignored: a closed pipe shows as a write error. */
void interrupt_install(void);

/** Signals caught so far: 0, 1 (end cleanly), 2 or more (end at once). */
int interrupt_count(void);
