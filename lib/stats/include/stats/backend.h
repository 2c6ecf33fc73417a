#pragma once
// The names of real servers: entering them on the receiving side (stats_backend_find is in stats/counters.h),
// merging them on the reading side. A merged list is sorted by name and owned by its snapshot.

#include "stats/counters.h"

/** Places of a receiver's index, a power of two: at most a quarter is ever taken, so a search ends after a
 * step or two. */
#define STATS_BACKEND_INDEX 1024

/** Backends of a merged list, at the most: what several lcores or boxes saw. Further ones are added to
 * "(other)". */
#define STATS_BACKENDS_MERGED 1024

/** Enter the two that have no name of their own, "(none)" and "(other)", in a zeroed receiver. */
void stats_backend_init(struct stats_receiver *receiver);

/** Add `from` to a list of `*count` backends, [STATS_BACKENDS_MERGED], sorted by name. `from` may be counted
 * into meanwhile. */
void stats_backend_merge(struct stats_backend *list, unsigned *count, const struct stats_backend *from);
