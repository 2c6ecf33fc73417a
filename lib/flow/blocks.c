#include "blocks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

// What one build carries along. `active` are the extents that cover the address that the sweep has reached,
// by cohort.
struct builder {
	struct flow_space *space;
	const struct flow_cohort_options *cohorts;
	uint32_t port_sets[FLOW_COHORTS_MAX]; // cohort -> the first cohort that has the same ports
	const struct flow_extent *active[FLOW_COHORTS_MAX];
	unsigned active_count;
	uint32_t member_count;
	struct error *error;
};

struct address flow_blocks_address(uint8_t family, unsigned __int128 number)
{
	struct address address = {.family = family};

	for (size_t i = address_length(family); i > 0; i--) {
		address.bytes[i - 1] = (uint8_t)number;
		number >>= 8;
	}
	return address;
}

static int compare_extents(const void *left, const void *right)
{
	const struct flow_extent *a = left, *b = right;

	if (a->family != b->family) {
		return a->family < b->family ? -1 : 1;
	}
	if (a->first != b->first) {
		return a->first < b->first ? -1 : 1;
	}
	return a->cohort < b->cohort ? -1 : a->cohort > b->cohort;
}

static void find_port_sets(struct builder *builder, unsigned cohort_count)
{
	for (unsigned i = 0; i < cohort_count; i++) {
		builder->port_sets[i] = i;
		for (unsigned j = 0; j < i; j++) {
			if (memcmp(&builder->cohorts[i].ports, &builder->cohorts[j].ports,
			           sizeof(struct flow_ports)) == 0) {
				builder->port_sets[i] = j;
				break;
			}
		}
	}
}

static uint16_t first_shared_port(const struct flow_ports *a, const struct flow_ports *b)
{
	for (uint32_t word = 0; word < 65536 / 64; word++) {
		uint64_t shared = a->words[word] & b->words[word];

		if (shared != 0) {
			return (uint16_t)(word * 64 + (uint32_t)__builtin_ctzll(shared));
		}
	}
	return 0;
}

// Two extents cover `at`, the first address of both: fine when they are cohorts without a port in common.
static int check_shared(struct builder *builder, const struct flow_extent *a, const struct flow_extent *b,
                        unsigned __int128 at)
{
	const struct flow_cohort_options *one = &builder->cohorts[a->cohort],
	                                 *other = &builder->cohorts[b->cohort];
	struct address address = flow_blocks_address(a->family, at);
	char text[ADDRESS_TEXT_SIZE];
	uint16_t port;

	address_format(&address, text);
	if (a->cohort == b->cohort) {
		return error_set(builder->error, -EINVAL,
		                 "cohort '%s' has address %s twice; list every address once", one->name,
		                 text);
	}
	port = first_shared_port(&one->ports, &other->ports);
	if (port != 0) {
		return error_set(builder->error, -EINVAL,
		                 "cohorts '%s' and '%s' share tuples, the first is %s port %u; give them "
		                 "different addresses "
		                 "or ports",
		                 one->name, other->name, text, port);
	}
	return 0;
}

static int start_extent(struct builder *builder, const struct flow_extent *extent)
{
	unsigned place = builder->active_count;

	for (unsigned i = 0; i < builder->active_count; i++) {
		int rc = check_shared(builder, builder->active[i], extent, extent->first);

		if (rc < 0) {
			return rc;
		}
	}
	// By cohort, so that the same cohorts always give the same table. No cohort is there twice: it can't
	// overflow.
	while (place > 0 && builder->active[place - 1]->cohort > extent->cohort) {
		builder->active[place] = builder->active[place - 1];
		place--;
	}
	builder->active[place] = extent;
	builder->active_count++;
	return 0;
}

static void end_extents(struct builder *builder, unsigned __int128 last)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < builder->active_count; i++) {
		if (builder->active[i]->last > last) {
			builder->active[kept++] = builder->active[i];
		}
	}
	builder->active_count = kept;
}

static const uint32_t *find_table(const struct builder *builder, const uint32_t *port_sets)
{
	const struct flow_space *space = builder->space;

	for (unsigned i = 0; i < space->table_count; i++) {
		const struct flow_port_table *table = &space->tables[i];

		if (table->port_set_count == builder->active_count &&
		    memcmp(table->port_sets, port_sets, builder->active_count * sizeof(*port_sets)) == 0) {
			return table->entries;
		}
	}
	return NULL;
}

// The port table of the active cohorts: one that is there already, or a new one.
static const uint32_t *provide_table(struct builder *builder)
{
	struct flow_space *space = builder->space;
	uint32_t port_sets[FLOW_COHORTS_MAX];
	struct flow_port_table *tables, *table;
	const uint32_t *found;

	for (unsigned i = 0; i < builder->active_count; i++) {
		port_sets[i] = builder->port_sets[builder->active[i]->cohort];
	}
	found = find_table(builder, port_sets);
	if (found != NULL) {
		return found;
	}
	tables = realloc(space->tables, (space->table_count + 1) * sizeof(*tables));
	if (tables == NULL) {
		return NULL;
	}
	space->tables = tables;
	table = &tables[space->table_count];
	table->entries = pages_allocate(FLOW_PORT_TABLE_SIZE);
	if (table->entries == NULL) {
		return NULL;
	}
	space->table_count++;
	memset(table->entries, 0xff, FLOW_PORT_TABLE_SIZE);
	table->port_set_count = builder->active_count;
	memcpy(table->port_sets, port_sets, builder->active_count * sizeof(*port_sets));
	for (uint32_t member = 0; member < builder->active_count; member++) {
		const struct flow_ports *ports = &builder->cohorts[builder->active[member]->cohort].ports;
		uint32_t index = 0;

		for (uint32_t port = flow_ports_next(ports, 1); port != 0;
		     port = flow_ports_next(ports, port + 1)) {
			table->entries[port] = member << 16 | index++;
		}
	}
	return table->entries;
}

static int add_block(struct builder *builder, uint8_t family, unsigned __int128 first, unsigned __int128 last)
{
	struct flow_space *space = builder->space;
	struct flow_member *members = &space->members[builder->member_count];
	const uint32_t *ports = provide_table(builder);

	if (ports == NULL) {
		return error_set(builder->error, -ENOMEM, "no memory for the port tables of the tuple space");
	}
	for (unsigned i = 0; i < builder->active_count; i++) {
		const struct flow_extent *extent = builder->active[i];

		members[i].cohort = extent->cohort;
		members[i].address_base = extent->address_base + (uint32_t)(first - extent->first);
	}
	builder->member_count += builder->active_count;
	if (family == ADDRESS_IPV4) {
		space->blocks4[space->block4_count++] = (struct flow_block4){
		        .first = (uint32_t)first, .last = (uint32_t)last, .ports = ports, .members = members};
	} else {
		space->blocks6[space->block6_count++] = (struct flow_block6){
		        .first = first, .last = last, .ports = ports, .members = members};
	}
	return 0;
}

// Where the block that starts at `at` ends: before the next extent starts, at the latest where an active one
// ends.
static unsigned __int128 block_end(const struct builder *builder, const struct flow_extent *next,
                                   uint8_t family)
{
	unsigned __int128 end = builder->active[0]->last;

	for (unsigned i = 1; i < builder->active_count; i++) {
		end = builder->active[i]->last < end ? builder->active[i]->last : end;
	}
	if (next != NULL && next->family == family && next->first - 1 < end) {
		end = next->first - 1;
	}
	return end;
}

// Sweep over the sorted extents: blocks begin and end where an extent does.
static int sweep(struct builder *builder, const struct flow_extent *extents, unsigned extent_count)
{
	unsigned next = 0;

	while (next < extent_count) {
		uint8_t family = extents[next].family;
		unsigned __int128 at = extents[next].first;

		do {
			unsigned __int128 end;
			int rc;

			while (next < extent_count && extents[next].family == family &&
			       extents[next].first == at) {
				rc = start_extent(builder, &extents[next++]);
				if (rc < 0) {
					return rc;
				}
			}
			end = block_end(builder, next < extent_count ? &extents[next] : NULL, family);
			rc = add_block(builder, family, at, end);
			if (rc < 0) {
				return rc;
			}
			end_extents(builder, end);
			at = end + 1;
		} while (builder->active_count > 0);
	}
	return 0;
}

int flow_blocks_build(struct flow_space *space, const struct flow_cohort_options *cohorts,
                      struct flow_extent *extents, unsigned extent_count, struct error *error)
{
	struct builder builder = {.space = space, .cohorts = cohorts, .error = error};
	size_t blocks = 2 * (size_t)extent_count; // each extent begins one block and ends one
	size_t members = blocks * (extent_count < space->cohort_count ? extent_count : space->cohort_count);

	space->blocks4 = calloc(blocks, sizeof(*space->blocks4));
	space->blocks6 = calloc(blocks, sizeof(*space->blocks6));
	space->members = calloc(members, sizeof(*space->members));
	if (space->blocks4 == NULL || space->blocks6 == NULL || space->members == NULL) {
		return error_set(error, -ENOMEM, "no memory for the address blocks of the tuple space");
	}
	qsort(extents, extent_count, sizeof(*extents), compare_extents);
	find_port_sets(&builder, space->cohort_count);
	return sweep(&builder, extents, extent_count);
}
