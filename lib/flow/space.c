#include "flow/space.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pages.h"
#include "blocks.h"

static uint64_t cohort_addresses(const struct flow_cohort_options *options)
{
	uint64_t addresses = 0;

	for (unsigned i = 0; i < options->range_count; i++) {
		addresses += options->ranges[i].count;
	}
	return addresses;
}

uint64_t flow_space_tuples(const struct flow_cohort_options *cohorts, unsigned cohort_count)
{
	uint64_t tuples = 0;

	for (unsigned i = 0; i < cohort_count; i++) {
		uint64_t more;

		if (__builtin_mul_overflow(cohort_addresses(&cohorts[i]), cohorts[i].ports.count, &more) ||
		    __builtin_add_overflow(tuples, more, &tuples)) {
			return UINT64_MAX;
		}
	}
	return tuples;
}

uint64_t flow_space_memory(const struct flow_cohort_options *cohorts, unsigned cohort_count)
{
	uint64_t tuples = flow_space_tuples(cohorts, cohort_count);
	uint64_t addresses6 = 0, addresses4 = 0, ports = 0, ranges = 0, blocks;

	for (unsigned i = 0; i < cohort_count; i++) {
		ranges += cohorts[i].range_count;
		if (cohorts[i].range_count > 0 && cohorts[i].ranges[0].first.family == ADDRESS_IPV6) {
			addresses6 += cohort_addresses(&cohorts[i]);
		} else {
			addresses4 += cohort_addresses(&cohorts[i]);
		}
		ports += cohorts[i].ports.count;
	}
	if (tuples > FLOW_TUPLES_MAX) {
		return UINT64_MAX;
	}
	blocks = 2 * ranges;
	// No more port tables than blocks, and in practice one a cohort.
	return tuples * sizeof(struct flow_tuple) + addresses6 * 16 + addresses4 * sizeof(uint32_t) +
	       ports * sizeof(uint16_t) + cohort_count * sizeof(struct flow_cohort) +
	       blocks * (sizeof(struct flow_block4) + sizeof(struct flow_block6) +
	                 cohort_count * sizeof(struct flow_member)) +
	       (blocks < cohort_count ? blocks : cohort_count) * FLOW_PORT_TABLE_SIZE;
}

static int check_cohort(const struct flow_cohort_options *options, unsigned workers, struct error *error)
{
	uint64_t tuples = flow_space_tuples(options, 1);

	if (!(options->share > 0) || !isfinite(options->share)) {
		return error_set(error, -EINVAL, "cohort '%s' has share %g; a share is a number above 0",
		                 options->name, options->share);
	}
	if (options->range_count == 0) {
		return error_set(error, -EINVAL, "cohort '%s' has no addresses; give it one at least",
		                 options->name);
	}
	if (options->ports.count == 0) {
		return error_set(error, -EINVAL, "cohort '%s' has no ports; give it one at least",
		                 options->name);
	}
	for (unsigned i = 0; i < options->range_count; i++) {
		const struct address_range *range = &options->ranges[i];
		struct address last = address_add(&range->first, range->count - 1);
		uint64_t difference;

		if (address_length(range->first.family) == 0 ||
		    range->first.family != options->ranges[0].first.family) {
			return error_set(error, -EINVAL,
			                 "cohort '%s' mixes IPv4 and IPv6 addresses; make a cohort of each",
			                 options->name);
		}
		if (range->count == 0 || !address_subtract(&last, &range->first, &difference)) {
			return error_set(error, -EINVAL,
			                 "cohort '%s' has a range that is empty or passes the last address",
			                 options->name);
		}
	}
	if (tuples < workers) {
		return error_set(error, -EINVAL,
		                 "cohort '%s' has %llu tuples for %u workers; each needs one at least: add "
		                 "addresses or "
		                 "ports, or use fewer workers",
		                 options->name, (unsigned long long)tuples, workers);
	}
	return 0;
}

static int check_options(const struct flow_cohort_options *cohorts, unsigned cohort_count, unsigned workers,
                         struct error *error)
{
	uint64_t tuples = flow_space_tuples(cohorts, cohort_count);

	if (cohort_count == 0 || cohort_count > FLOW_COHORTS_MAX) {
		return error_set(error, -EINVAL, "%u cohorts; 1 to %u are allowed", cohort_count,
		                 FLOW_COHORTS_MAX);
	}
	if (workers == 0 || workers > FLOW_WORKERS_MAX) {
		return error_set(error, -EINVAL, "%u workers; 1 to %u are allowed", workers,
		                 FLOW_WORKERS_MAX);
	}
	for (unsigned i = 0; i < cohort_count; i++) {
		int rc = check_cohort(&cohorts[i], workers, error);

		if (rc < 0) {
			return rc;
		}
	}
	if (tuples > FLOW_TUPLES_MAX) {
		return error_set(error, -ERANGE,
		                 "the cohorts have %llu tuples; %u are allowed: use fewer addresses or ports",
		                 (unsigned long long)tuples, FLOW_TUPLES_MAX);
	}
	return 0;
}

static void fill_cohort(struct flow_cohort *cohort, const struct flow_cohort_options *options,
                        unsigned workers)
{
	snprintf(cohort->name, sizeof(cohort->name), "%s", options->name);
	cohort->share = options->share;
	cohort->control = options->control;
	cohort->family = options->ranges[0].first.family;
	cohort->policy = options->policy;
	cohort->queries_in_flight = options->queries_in_flight;
	cohort->address_count = (uint32_t)cohort_addresses(options);
	cohort->port_count = options->ports.count;
	cohort->tuple_count = cohort->address_count * cohort->port_count;
	cohort->worker_factor = (uint64_t)((((unsigned __int128)workers << 56) + cohort->tuple_count - 1) /
	                                   cohort->tuple_count);
}

// The first index within a cohort that belongs to a worker, so that the worker of an index is
// floor(index * workers / tuples).
static uint64_t share_start(uint64_t tuples, unsigned workers, unsigned worker)
{
	return (worker * tuples + workers - 1) / workers;
}

static uint32_t worker_start(const struct flow_space *space, const struct flow_cohort *cohort,
                             unsigned worker)
{
	return (uint32_t)share_start(cohort->tuple_count, space->workers, worker);
}

uint64_t flow_space_share(const struct flow_cohort_options *cohorts, unsigned cohort_count, unsigned workers,
                          unsigned first, unsigned end)
{
	uint64_t share = 0;

	for (unsigned i = 0; i < cohort_count; i++) {
		uint64_t tuples = flow_space_tuples(&cohorts[i], 1);

		share += share_start(tuples, workers, end) - share_start(tuples, workers, first);
	}
	return share;
}

static void number_tuples(struct flow_space *space)
{
	uint32_t number = 0;

	for (unsigned worker = 0; worker < space->workers; worker++) {
		for (unsigned c = 0; c < space->cohort_count; c++) {
			struct flow_cohort *cohort = &space->cohorts[c];
			uint32_t start = worker_start(space, cohort, worker);

			space->firsts[worker * space->cohort_count + c] = number;
			cohort->worker_base[worker] = number - start;
			number += worker_start(space, cohort, worker + 1) - start;
		}
	}
	space->firsts[space->workers * space->cohort_count] = number;
}

// What flow_sources4_at() works out a source from. An index below 2^28 times the rounding error of the
// factor, below address_count, stays below 2^56: so its quotient is exact.
static int make_tables(struct flow_cohort *cohort, const struct flow_cohort_options *options)
{
	uint32_t count = 0;

	cohort->address_factor = ((UINT64_C(1) << 56) + cohort->address_count - 1) / cohort->address_count;
	cohort->ports = (uint16_t *)malloc(cohort->port_count * sizeof(*cohort->ports));
	if (cohort->ports == NULL) {
		return -ENOMEM;
	}
	for (uint32_t port = flow_ports_next(&options->ports, 1); port != 0;
	     port = flow_ports_next(&options->ports, port + 1)) {
		cohort->ports[count++] = (uint16_t)port;
	}
	cohort->ports_in_a_row = (uint32_t)(cohort->ports[count - 1] - cohort->ports[0]) == count - 1;
	if (cohort->family != ADDRESS_IPV4) {
		return 0;
	}
	cohort->addresses4 = (uint32_t *)malloc(cohort->address_count * sizeof(*cohort->addresses4));
	if (cohort->addresses4 == NULL) {
		return -ENOMEM;
	}
	count = 0;
	for (unsigned r = 0; r < options->range_count; r++) {
		uint32_t first;

		memcpy(&first, options->ranges[r].first.bytes, sizeof(first));
		for (uint64_t i = 0; i < options->ranges[r].count; i++) {
			cohort->addresses4[count++] = htobe32(be32toh(first) + (uint32_t)i);
		}
	}
	return 0;
}

static void fill_addresses6(struct flow_space *space, const struct flow_cohort_options *options, uint32_t row)
{
	for (unsigned r = 0; r < options->range_count; r++) {
		for (uint64_t i = 0; i < options->ranges[r].count; i++) {
			struct address address = address_add(&options->ranges[r].first, i);

			memcpy(space->addresses6[row++], address.bytes, sizeof(address.bytes));
		}
	}
}

// A cohort's tuples in their order: the address varies first.
static void fill_tuples(struct flow_space *space, unsigned c, const struct flow_cohort_options *options)
{
	const struct flow_cohort *cohort = &space->cohorts[c];
	uint32_t next_start = worker_start(space, cohort, 1);
	uint32_t port = flow_ports_next(&options->ports, 1);
	unsigned worker = 0, range = 0;
	uint64_t offset = 0;
	uint32_t row = cohort->address6_first;

	for (uint32_t index = 0; index < cohort->tuple_count; index++) {
		struct flow_tuple *tuple;

		if (index == next_start) {
			worker++;
			next_start = worker_start(space, cohort, worker + 1);
		}
		tuple = &space->tuples[index + cohort->worker_base[worker]];
		tuple->port = (uint16_t)port;
		tuple->cohort = (uint16_t)c;
		if (cohort->family == ADDRESS_IPV4) {
			uint32_t first;

			memcpy(&first, options->ranges[range].first.bytes, sizeof(first));
			tuple->address = htobe32(be32toh(first) + (uint32_t)offset);
		} else {
			tuple->address = row++;
		}
		if (++offset == options->ranges[range].count) {
			offset = 0;
			if (++range == options->range_count) {
				range = 0;
				row = cohort->address6_first;
				port = flow_ports_next(&options->ports, port + 1);
			}
		}
	}
}

static unsigned __int128 address_number(const struct address *address)
{
	unsigned __int128 number = 0;

	for (size_t i = 0; i < address_length(address->family); i++) {
		number = number << 8 | address->bytes[i];
	}
	return number;
}

static int build_blocks(struct flow_space *space, const struct flow_cohort_options *cohorts,
                        struct error *error)
{
	struct flow_extent *extents;
	unsigned count = 0;
	int rc;

	for (unsigned c = 0; c < space->cohort_count; c++) {
		count += cohorts[c].range_count;
	}
	extents = calloc(count, sizeof(*extents));
	if (extents == NULL) {
		return error_set(error, -ENOMEM, "no memory for %u address ranges", count);
	}
	count = 0;
	for (unsigned c = 0; c < space->cohort_count; c++) {
		uint32_t base = 0;

		for (unsigned r = 0; r < cohorts[c].range_count; r++) {
			const struct address_range *range = &cohorts[c].ranges[r];
			unsigned __int128 first = address_number(&range->first);

			extents[count++] = (struct flow_extent){.first = first,
			                                        .last = first + range->count - 1,
			                                        .cohort = c,
			                                        .address_base = base,
			                                        .family = range->first.family};
			base += (uint32_t)range->count;
		}
	}
	rc = flow_blocks_build(space, cohorts, extents, count, error);
	free(extents);
	return rc;
}

static int allocate(struct flow_space *space, const struct flow_cohort_options *cohorts, struct error *error)
{
	char size[32];

	space->cohorts = calloc(space->cohort_count, sizeof(*space->cohorts));
	space->firsts = calloc((size_t)space->workers * space->cohort_count + 1, sizeof(*space->firsts));
	if (space->cohorts == NULL || space->firsts == NULL) {
		goto no_memory;
	}
	for (unsigned c = 0; c < space->cohort_count; c++) {
		struct flow_cohort *cohort = &space->cohorts[c];

		fill_cohort(cohort, &cohorts[c], space->workers);
		if (make_tables(cohort, &cohorts[c]) < 0) {
			goto no_memory;
		}
		space->tuple_count += cohort->tuple_count;
		if (cohort->family == ADDRESS_IPV6) {
			cohort->address6_first = space->address6_count;
			space->address6_count += cohort->address_count;
		}
	}
	space->tuples = pages_allocate(space->tuple_count * sizeof(*space->tuples));
	space->addresses6 = pages_allocate(space->address6_count * sizeof(*space->addresses6));
	if (space->tuples == NULL || space->addresses6 == NULL) {
		goto no_memory;
	}
	return 0;

no_memory:
	units_format_bytes(flow_space_memory(cohorts, space->cohort_count), size, sizeof(size));
	return error_set(error, -ENOMEM, "the tuple space needs %s of memory; use fewer addresses or ports",
	                 size);
}

int flow_space_create(struct flow_space **out, const struct flow_cohort_options *cohorts,
                      unsigned cohort_count, unsigned workers, struct error *error)
{
	struct flow_space *space;
	int rc = check_options(cohorts, cohort_count, workers, error);

	*out = NULL;
	if (rc < 0) {
		return rc;
	}
	space = calloc(1, sizeof(*space));
	if (space == NULL) {
		return error_set(error, -ENOMEM, "no memory for the tuple space");
	}
	space->workers = workers;
	space->cohort_count = cohort_count;
	rc = allocate(space, cohorts, error);
	if (rc < 0) {
		goto fail;
	}
	rc = build_blocks(space, cohorts, error);
	if (rc < 0) {
		goto fail;
	}
	number_tuples(space);
	for (unsigned c = 0; c < cohort_count; c++) {
		if (space->cohorts[c].family == ADDRESS_IPV6) {
			fill_addresses6(space, &cohorts[c], space->cohorts[c].address6_first);
		}
		fill_tuples(space, c, &cohorts[c]);
	}
	*out = space;
	return 0;

fail:
	flow_space_free(space);
	return rc;
}

void flow_space_free(struct flow_space *space)
{
	if (space == NULL) {
		return;
	}
	for (unsigned i = 0; i < space->table_count; i++) {
		pages_free(space->tables[i].entries, FLOW_PORT_TABLE_SIZE);
	}
	free(space->tables);
	free(space->members);
	free(space->blocks6);
	free(space->blocks4);
	pages_free(space->addresses6, space->address6_count * sizeof(*space->addresses6));
	pages_free(space->tuples, space->tuple_count * sizeof(*space->tuples));
	free(space->firsts);
	for (unsigned i = 0; space->cohorts != NULL && i < space->cohort_count; i++) {
		free(space->cohorts[i].addresses4);
		free(space->cohorts[i].ports);
	}
	free(space->cohorts);
	free(space);
}
