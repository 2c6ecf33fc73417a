#pragma once
// What both forms of a director's report work out once. Private to the room.

#include "report/director.h"

/** Queries lost, for all reasons. */
uint64_t report_director_lost(const struct report_director *input);

/** Check the accounts. Returns 0 or -EPROTO. */
int report_director_check(const struct report_director *input, struct error *error);
