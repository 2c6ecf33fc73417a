#pragma once
// How flow_space_create() finds the blocks: contiguous addresses that the same cohorts use. Private to the
// room; one caller.

#include "flow/space.h"

/** One address range of one cohort, with addresses as numbers. */
struct flow_extent {
	unsigned __int128 first, last;
	uint32_t cohort;
	uint32_t address_base; ///< index within the cohort of `first`
	uint8_t family;
};

/** A port table with the port sets (numbers of distinct ones, in member order) that made it. */
struct flow_port_table {
	uint32_t *entries;
	uint32_t port_sets[FLOW_COHORTS_MAX];
	unsigned port_set_count;
};

#define FLOW_PORT_TABLE_SIZE (65536 * sizeof(uint32_t))

/**
 * Fill the space's blocks, members and port tables from `extents` (sorted here). space->cohorts must be
 * filled. Returns 0, -EINVAL when two extents share a tuple, -ENOMEM. What was made before a failure stays in
 * the space for its free.
 */
int flow_blocks_build(struct flow_space *space, const struct flow_cohort_options *cohorts,
                      struct flow_extent *extents, unsigned extent_count, struct error *error);

/** An address of this family from its number. */
struct address flow_blocks_address(uint8_t family, unsigned __int128 number);
