#pragma once
// The tuple space: every source (address, port) that a run may use, numbered. Immutable after creation, so
// every lcore reads it without a lock; the application creates and frees it. Numbers go worker by worker,
// within a worker cohort by cohort: the tuples of one (worker, cohort) are contiguous. Within a cohort the
// address varies first, then the port, so that neighbours differ in their address and RSS has something to
// spread.

#include "base/address.h"
#include "base/error.h"
#include "flow/policy.h"
#include "flow/ports.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** No such tuple: the address or port is outside of the space. */
#define FLOW_TUPLE_NONE UINT32_MAX

#define FLOW_TUPLES_MAX  (UINT32_C(1) << 28)
#define FLOW_COHORTS_MAX 64
#define FLOW_WORKERS_MAX 256

/** Room for a source as text, "[2001:db8::7]:40000", terminator included. */
#define FLOW_SOURCE_TEXT_SIZE (ADDRESS_TEXT_SIZE + 8)

/** One cohort, as the caller describes it. `ranges` is borrowed for the call only. */
struct flow_cohort_options {
	char name[32];
	double share;                       ///< relative weight in the traffic, > 0
	const struct address_range *ranges; ///< addresses, all of one family, none twice
	unsigned range_count;
	struct flow_ports ports; ///< each address has all of them
	bool control;            ///< the fresh cohort that the others are compared with
	struct flow_policy_options policy;
	uint32_t queries_in_flight; ///< on one tuple at once; 0 = any, 1 = a client socket that waits for its
	                            ///< answer
};

/** One cohort in the space. Read-only. */
struct flow_cohort {
	char name[32];
	double share;
	bool control;
	uint8_t family; ///< enum address_family
	struct flow_policy_options policy;
	uint32_t queries_in_flight;
	uint32_t address_count;
	uint32_t port_count;
	uint32_t tuple_count;    ///< address_count * port_count
	uint32_t address6_first; ///< IPv6: the cohort's first row in flow_space.addresses6
	uint32_t *addresses4;    ///< IPv4: its addresses in their order, network order
	uint16_t *ports;         ///< its ports in their order
	bool ports_in_a_row;     ///< without a gap
	uint64_t address_factor; ///< ceil(2^56 / address_count): which port an index has, by multiply and
	                         ///< shift
	uint64_t worker_factor;  ///< ceil(workers * 2^56 / tuple_count): the worker of an index by multiply
	                         ///< and shift
	uint32_t worker_base[FLOW_WORKERS_MAX]; ///< tuple number minus index within the cohort, modulo 2^32
};

/** The source of a tuple, 8 bytes. */
struct flow_tuple {
	uint32_t address; ///< IPv4: network order; IPv6: row in flow_space.addresses6
	uint16_t port;    ///< host order
	uint16_t cohort;
};

/** A cohort's addresses within a block. */
struct flow_member {
	uint32_t cohort;
	uint32_t address_base; ///< index within the cohort of the block's first address
};

/**
 * A block of contiguous addresses that the same cohorts use. `ports` has 65536 entries: member << 16 | index
 * of the port within the cohort's ports, or FLOW_TUPLE_NONE. Blocks with the same port sets share one table.
 */
struct flow_block4 {
	uint32_t first, last; ///< host order, both included
	const uint32_t *ports;
	const struct flow_member *members;
};

struct flow_block6 {
	unsigned __int128 first, last; ///< host order, both included
	const uint32_t *ports;
	const struct flow_member *members;
};

/** The space. Fields are private to the room; they stand here for the inline functions. */
struct flow_space {
	struct flow_tuple *tuples;
	uint8_t (*addresses6)[16];
	struct flow_block4 *blocks4; ///< sorted by address, disjoint
	struct flow_block6 *blocks6;
	uint32_t block4_count;
	uint32_t block6_count;
	struct flow_cohort *cohorts;
	uint32_t *firsts; ///< [worker * cohort_count + cohort], and the total at the end
	unsigned workers;
	unsigned cohort_count;
	uint32_t tuple_count;
	uint32_t address6_count;
	struct flow_port_table *tables; ///< owners of the port tables and of the members
	unsigned table_count;
	struct flow_member *members;
};

/**
 * Make the space of `cohorts` for `workers` TX lcores (1..FLOW_WORKERS_MAX); every cohort is split evenly
 * over the workers. Returns 0, -EINVAL (no cohort, no address, mixed families, an address twice, tuples in
 * two cohorts, fewer tuples than workers, a share that is not above 0), -ERANGE above FLOW_TUPLES_MAX,
 * -ENOMEM.
 */
int flow_space_create(struct flow_space **out, const struct flow_cohort_options *cohorts,
                      unsigned cohort_count, unsigned workers, struct error *error);

void flow_space_free(struct flow_space *space);

/** Bytes that the space of these cohorts would take, at most. Doesn't allocate or check. */
uint64_t flow_space_memory(const struct flow_cohort_options *cohorts, unsigned cohort_count);

/** The number of tuples of these cohorts; saturates at UINT64_MAX. */
uint64_t flow_space_tuples(const struct flow_cohort_options *cohorts, unsigned cohort_count);

/** How many tuples the workers `first`..`end` - 1 of `workers` have together. Doesn't allocate or check. */
uint64_t flow_space_share(const struct flow_cohort_options *cohorts, unsigned cohort_count, unsigned workers,
                          unsigned first, unsigned end);

/** True when some cohort sends from `address`: the one to answer ARP and ND for. */
bool flow_space_owns(const struct flow_space *space, const struct address *address);

/** Write the source of a tuple, "192.0.2.7:40000". `buffer` holds FLOW_SOURCE_TEXT_SIZE bytes. Returns
 * `buffer`. */
const char *flow_space_format(const struct flow_space *space, uint32_t tuple, char *buffer);

/** The worker that sends from a tuple. Not for the data path. */
unsigned flow_space_worker_of(const struct flow_space *space, uint32_t tuple);

/** The source address of a tuple as a value. Not for the data path. */
struct address flow_space_address(const struct flow_space *space, uint32_t tuple);

/** First tuple of (worker, cohort). */
static inline uint32_t flow_space_first(const struct flow_space *space, unsigned worker, unsigned cohort)
{
	return space->firsts[worker * space->cohort_count + cohort];
}

/** How many tuples (worker, cohort) has; at least 1. */
static inline uint32_t flow_space_count(const struct flow_space *space, unsigned worker, unsigned cohort)
{
	const uint32_t *first = &space->firsts[worker * space->cohort_count + cohort];

	return first[1] - first[0];
}

static inline unsigned flow_space_cohort_of(const struct flow_space *space, uint32_t tuple)
{
	return space->tuples[tuple].cohort;
}

/** Bring a tuple's source into the cache. Always inlined: gcc 12 leaves out calls of functions that only
 * prefetch. */
__attribute__((always_inline)) static inline void flow_space_prefetch(const struct flow_space *space,
                                                                      uint32_t tuple)
{
	__builtin_prefetch(&space->tuples[tuple]);
}

/** A tuple's record: for those who know the family, the shortest way to its source. */
static inline const struct flow_tuple *flow_space_tuple(const struct flow_space *space, uint32_t tuple)
{
	return &space->tuples[tuple];
}

/**
 * What the sources of a worker's tuples in an IPv4 cohort are worked out from, in a local variable: for the
 * data path, since two small tables stay in the cache where a record a tuple does not.
 */
struct flow_sources4 {
	const uint32_t *addresses;
	const uint16_t *ports;
	uint64_t factor;
	uint32_t base, address_count, first_port;
	bool in_a_row;
};

static inline struct flow_sources4 flow_sources4_of(const struct flow_cohort *cohort, unsigned worker)
{
	return (struct flow_sources4){
	        .addresses = cohort->addresses4,
	        .ports = cohort->ports,
	        .factor = cohort->address_factor,
	        .base = cohort->worker_base[worker],
	        .address_count = cohort->address_count,
	        .first_port = cohort->ports[0],
	        .in_a_row = cohort->ports_in_a_row,
	};
}

/** The source of a tuple: `address` in network order, `port` in host order. */
static inline void flow_sources4_at(const struct flow_sources4 *sources, uint32_t tuple, uint32_t *address,
                                    uint16_t *port)
{
	uint32_t index = tuple - sources->base, row = index, column = 0;

	if (sources->address_count > 1) {
		row = (uint32_t)(((unsigned __int128)index * sources->factor) >> 56);
		column = index - row * sources->address_count;
	}
	*address = sources->addresses[column];
	*port = sources->in_a_row ? (uint16_t)(sources->first_port + row) : sources->ports[row];
}

/** A tuple's source. `address` points into the space: 4 or 16 octets in network order. */
struct flow_source {
	const uint8_t *address;
	uint16_t port; ///< host order
	uint8_t cohort;
	uint8_t family; ///< enum address_family
};

static inline struct flow_source flow_space_source(const struct flow_space *space, uint32_t tuple)
{
	const struct flow_tuple *t = &space->tuples[tuple];
	const struct flow_cohort *cohort = &space->cohorts[t->cohort];
	bool ipv4 = cohort->family == ADDRESS_IPV4;

	return (struct flow_source){
	        .address = ipv4 ? (const uint8_t *)&t->address : space->addresses6[t->address],
	        .port = t->port,
	        .cohort = (uint8_t)t->cohort,
	        .family = cohort->family,
	};
}

// The tuple of the address `offset` addresses into a block.
static inline uint32_t flow_space_number(const struct flow_space *space, const struct flow_member *members,
                                         uint32_t port_entry, uint32_t offset)
{
	const struct flow_member *member = &members[port_entry >> 16];
	const struct flow_cohort *cohort = &space->cohorts[member->cohort];
	uint32_t index = (port_entry & 0xffff) * cohort->address_count + member->address_base + offset;
	// Exact for index < tuple_count <= 2^28: the factor is rounded up by less than 2^-56 of an index.
	unsigned worker =
	        (unsigned)(((unsigned __int128)((uint64_t)index << 8) * cohort->worker_factor) >> 64);

	return index + cohort->worker_base[worker];
}

/** The tuple of a reply's destination, or FLOW_TUPLE_NONE. `address_be` is in network order, `port` in host
 * order. */
static inline uint32_t flow_space_lookup4(const struct flow_space *space, uint32_t address_be, uint16_t port)
{
	const struct flow_block4 *block = space->blocks4;
	uint32_t address = be32toh(address_be);
	uint32_t entry;

	// Branchless search of the last block that starts at or below the address; most spaces have one or
	// two.
	for (uint32_t left = space->block4_count; left > 1;) {
		uint32_t half = left / 2;

		block += block[half].first <= address ? half : 0;
		left -= half;
	}
	if (space->block4_count == 0 || address < block->first || address > block->last) {
		return FLOW_TUPLE_NONE;
	}
	entry = block->ports[port];
	if (entry == FLOW_TUPLE_NONE) {
		return FLOW_TUPLE_NONE;
	}
	return flow_space_number(space, block->members, entry, address - block->first);
}

/** Bring to the cache what flow_space_lookup4() reads, in a space of one block. Always inlined: see
 * flow_space_prefetch(). */
__attribute__((always_inline)) static inline void flow_space_prefetch_lookup4(const struct flow_space *space,
                                                                              uint16_t port)
{
	if (space->block4_count == 1) {
		__builtin_prefetch(&space->blocks4->ports[port]);
	}
}

/** As flow_space_lookup4() for 16 octets in network order, which need no alignment. */
static inline uint32_t flow_space_lookup6(const struct flow_space *space, const uint8_t *address_bytes,
                                          uint16_t port)
{
	const struct flow_block6 *block = space->blocks6;
	uint64_t high, low;
	unsigned __int128 address;
	uint32_t entry;

	memcpy(&high, address_bytes, sizeof(high));
	memcpy(&low, address_bytes + sizeof(high), sizeof(low));
	address = (unsigned __int128)be64toh(high) << 64 | be64toh(low);
	for (uint32_t left = space->block6_count; left > 1;) {
		uint32_t half = left / 2;

		block += block[half].first <= address ? half : 0;
		left -= half;
	}
	if (space->block6_count == 0 || address < block->first || address > block->last) {
		return FLOW_TUPLE_NONE;
	}
	entry = block->ports[port];
	if (entry == FLOW_TUPLE_NONE) {
		return FLOW_TUPLE_NONE;
	}
	return flow_space_number(space, block->members, entry, (uint32_t)(address - block->first));
}
