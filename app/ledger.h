#pragma once
// What is told of the ledger when a run has ended: a file with a row a tuple, and how losses fall on tuples.
// Main thread, after the lcores left.

#include "base/error.h"
#include "session.h"
#include "verdict/interval.h"

/**
 * Write a row for each tuple that was used to `path`, "-" for standard output. `start` is the run's start on
 * the session's clock. Returns 0 or a negative errno.
 */
int ledger_write(const struct session *session, const char *path, ns_t start, struct error *error);

/** Add up how the losses of one cohort fall on its tuples. */
void ledger_clusters(const struct session *session, unsigned cohort, struct verdict_clusters *out);
