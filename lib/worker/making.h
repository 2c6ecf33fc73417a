#pragma once
// What the parts that make a team share: size.c (how much), create.c (of what). Private to the room; main
// thread.

#include "worker/team.h"

/** The first sender that a receiver serves; of the number of receivers: the number of senders. */
static inline unsigned team_first_sender(const struct worker_team_options *options, unsigned receiver)
{
	return (unsigned)((uint64_t)receiver * options->senders / options->receivers);
}

/** Queries in flight that a tuple has room for, a power of two; `steps` zeroed without a trace. */
uint32_t team_table_depth(const struct worker_team_options *options, const struct worker_steps *steps);

/** Queries in flight that a sender has room for, a power of two. */
uint32_t team_table_capacity(const struct worker_team_options *options, const struct worker_steps *steps);

/** The shape of the team's statistics. */
int team_shape(const struct worker_team_options *options, struct stats_shape *shape, struct error *error);
