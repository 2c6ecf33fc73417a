// Rules on destinations that tell groups of tuples apart. The space is cut into regions: contiguous addresses
// of which each port belongs to one group. Then prefixes of ports, and where these don't do, prefixes of
// addresses, are halved until each holds tuples of one group only.
#include "flow/steering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 65536u

// Of a port of a region, or of several: no tuple has it; tuples of several groups have it.
#define GROUP_NONE  UINT16_MAX
#define GROUP_MIXED (UINT16_MAX - 1)

// A table of 128 KiB each, for a moment.
#define REGIONS_MAX 256

typedef unsigned __int128 address_number;

struct region {
	address_number first, last;
	uint16_t *groups; ///< [PORTS]
};

struct rule_maker {
	const struct flow_space *space;
	const uint32_t *firsts;
	unsigned groups;
	enum flow_rule_form form;
	uint8_t family; ///< of the regions
	struct region regions[REGIONS_MAX];
	unsigned region_count;
	struct flow_rule *rules;
	unsigned count, limit;
	bool full; ///< there was no room for a rule
	bool no_memory;
};

// Regions first..end - 1: all that a prefix of addresses touches.
struct prefix {
	address_number value;
	unsigned length;
	unsigned first, end;
};

static uint16_t group_of(const struct rule_maker *maker, uint32_t tuple)
{
	unsigned low = 0;

	for (unsigned left = maker->groups; left > 1;) {
		unsigned half = left / 2;

		low += maker->firsts[low + half] <= tuple ? half : 0;
		left -= half;
	}
	return (uint16_t)low;
}

// ---- Regions

struct block {
	address_number first, last;
	const uint32_t *ports;
	const struct flow_member *members;
};

static uint16_t group_at(const struct rule_maker *maker, const struct block *block, uint32_t port,
                         uint32_t offset)
{
	return group_of(maker, flow_space_number(maker->space, block->members, block->ports[port], offset));
}

// Tuples of one port have rising numbers: the first offset of another group than that at `low`.
static uint32_t next_group(const struct rule_maker *maker, const struct block *block, uint32_t port,
                           uint32_t low, uint32_t high)
{
	uint16_t group = group_at(maker, block, port, low);

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (group_at(maker, block, port, middle) == group) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return high;
}

static bool add_cut(uint32_t *cuts, unsigned *count, uint32_t cut)
{
	unsigned place = *count;

	while (place > 0 && cuts[place - 1] > cut) {
		place--;
	}
	if (place > 0 && cuts[place - 1] == cut) {
		return true;
	}
	if (*count == REGIONS_MAX) {
		return false;
	}
	memmove(&cuts[place + 1], &cuts[place], (*count - place) * sizeof(*cuts));
	cuts[place] = cut;
	(*count)++;
	return true;
}

// Offsets at which some port passes from one group to the next; at most one a boundary and cohort.
static bool find_cuts(const struct rule_maker *maker, const struct block *block, uint32_t *cuts,
                      unsigned *count)
{
	uint32_t end = (uint32_t)(block->last - block->first);

	*count = 0;
	for (uint32_t port = 0; port < PORTS; port++) {
		uint32_t low = 0;

		while (block->ports[port] != FLOW_TUPLE_NONE &&
		       group_at(maker, block, port, low) != group_at(maker, block, port, end)) {
			low = next_group(maker, block, port, low, end);
			if (!add_cut(cuts, count, low)) {
				return false;
			}
		}
	}
	return true;
}

static int add_region(struct rule_maker *maker, const struct block *block, uint32_t start, address_number end)
{
	struct region *region = &maker->regions[maker->region_count];

	if (maker->region_count == REGIONS_MAX) {
		return -E2BIG;
	}
	*region = (struct region){.first = block->first + start,
	                          .last = end - 1,
	                          .groups = (uint16_t *)malloc(PORTS * sizeof(uint16_t))};
	if (region->groups == NULL) {
		return -ENOMEM;
	}
	maker->region_count++;
	for (uint32_t port = 0; port < PORTS; port++) {
		region->groups[port] = block->ports[port] == FLOW_TUPLE_NONE
		                               ? GROUP_NONE
		                               : group_at(maker, block, port, start);
	}
	return 0;
}

static int add_block(struct rule_maker *maker, const struct block *block)
{
	uint32_t cuts[REGIONS_MAX], start = 0;
	unsigned count;
	int rc = 0;

	if (!find_cuts(maker, block, cuts, &count)) {
		return -E2BIG;
	}
	for (unsigned i = 0; i < count && rc == 0; i++) {
		rc = add_region(maker, block, start, block->first + cuts[i]);
		start = cuts[i];
	}
	return rc == 0 ? add_region(maker, block, start, block->last + 1) : rc;
}

static int find_regions(struct rule_maker *maker, uint8_t family)
{
	const struct flow_space *space = maker->space;
	unsigned count = family == ADDRESS_IPV4 ? space->block4_count : space->block6_count;
	int rc = count > REGIONS_MAX ? -E2BIG : 0;

	maker->family = family;
	for (unsigned i = 0; i < count && rc == 0; i++) {
		struct block block;

		if (family == ADDRESS_IPV4) {
			const struct flow_block4 *b = &space->blocks4[i];

			block = (struct block){b->first, b->last, b->ports, b->members};
		} else {
			const struct flow_block6 *b = &space->blocks6[i];

			block = (struct block){b->first, b->last, b->ports, b->members};
		}
		rc = add_block(maker, &block);
	}
	return rc;
}

static void forget_regions(struct rule_maker *maker)
{
	while (maker->region_count > 0) {
		free(maker->regions[--maker->region_count].groups);
	}
}

// ---- Rules

static unsigned address_bits(const struct rule_maker *maker)
{
	return 8 * (unsigned)address_length(maker->family);
}

static void add_rule(struct rule_maker *maker, const struct prefix *prefix, unsigned group, uint32_t port,
                     unsigned port_bits)
{
	struct flow_rule *rule = &maker->rules[maker->count];
	address_number value = prefix->value;

	if (maker->count >= maker->limit) {
		maker->full = true;
		return;
	}
	*rule = (struct flow_rule){.group = group,
	                           .address.family = maker->family,
	                           .prefix_length = (uint8_t)prefix->length,
	                           .port = (uint16_t)port,
	                           .port_mask = (uint16_t)(0xffffu << port_bits)};
	for (unsigned i = address_bits(maker) / 8; i > 0; i--) {
		rule->address.bytes[i - 1] = (uint8_t)value;
		value >>= 8;
	}
	maker->count++;
}

// The two halves of a prefix, narrowed before to the last that holds all its regions.
static void halve(const struct rule_maker *maker, const struct prefix *prefix, struct prefix *low,
                  struct prefix *high)
{
	unsigned bits = address_bits(maker);

	*low = *prefix;
	do {
		address_number middle = low->value | (address_number)1 << (bits - 1 - low->length);

		low->length++;
		*high = *low;
		high->value = middle;
		while (low->first < low->end && maker->regions[low->end - 1].first >= middle) {
			low->end--;
		}
		while (high->first < high->end && maker->regions[high->first].last < middle) {
			high->first++;
		}
		if (low->first == low->end) {
			*low = *high; // all lie in the upper half
			high->first = high->end;
		}
	} while (high->first == high->end && low->length < bits);
}

static void add_addresses(struct rule_maker *maker, const struct prefix *prefix, uint32_t port)
{
	for (unsigned i = prefix->first; i < prefix->end; i++) {
		const struct region *region = &maker->regions[i];
		address_number count = region->last - region->first + 1;

		for (address_number k = 0; region->groups[port] != GROUP_NONE && k < count && !maker->full;
		     k++) {
			struct prefix one = {.value = region->first + k, .length = address_bits(maker)};

			add_rule(maker, &one, region->groups[port], port, 0);
		}
	}
}

static uint16_t both(uint16_t a, uint16_t b)
{
	if (a == b || b == GROUP_NONE) {
		return a;
	}
	return a == GROUP_NONE ? b : GROUP_MIXED;
}

// One port that several groups have, on different addresses.
static void divide_addresses(struct rule_maker *maker, const struct prefix *prefix, uint32_t port)
{
	uint16_t group = GROUP_NONE;
	struct prefix low, high;

	for (unsigned i = prefix->first; i < prefix->end; i++) {
		group = both(group, maker->regions[i].groups[port]);
	}
	if (group == GROUP_NONE || maker->full) {
		return;
	}
	if (group != GROUP_MIXED) {
		add_rule(maker, prefix, group, port, 0);
		return;
	}
	halve(maker, prefix, &low, &high);
	divide_addresses(maker, &low, port);
	divide_addresses(maker, &high, port);
}

// The 2^bits ports from `port` on, whose groups on this prefix are `groups`.
static void divide_ports(struct rule_maker *maker, const struct prefix *prefix, const uint16_t *groups,
                         uint32_t port, unsigned bits)
{
	uint16_t group = GROUP_NONE;

	for (uint32_t i = 0; i < UINT32_C(1) << bits && group != GROUP_MIXED; i++) {
		group = both(group, groups[port + i]);
	}
	if (group == GROUP_NONE || maker->full) {
		return;
	}
	if (group != GROUP_MIXED && (bits == 0 || maker->form == FLOW_RULE_MASKED)) {
		add_rule(maker, prefix, group, port, bits);
	} else if (bits > 0) {
		divide_ports(maker, prefix, groups, port, bits - 1);
		divide_ports(maker, prefix, groups, port + (UINT32_C(1) << (bits - 1)), bits - 1);
	} else if (maker->form == FLOW_RULE_MASKED) {
		divide_addresses(maker, prefix, port);
	} else {
		add_addresses(maker, prefix, port);
	}
}

// Whether some port has tuples of several groups.
static bool divide_all_ports(struct rule_maker *maker, const struct prefix *prefix)
{
	uint16_t *groups = (uint16_t *)malloc(PORTS * sizeof(*groups));
	bool mixed = false;

	if (groups == NULL) {
		maker->no_memory = true;
		return false;
	}
	for (uint32_t port = 0; port < PORTS; port++) {
		groups[port] = GROUP_NONE;
	}
	for (unsigned i = prefix->first; i < prefix->end; i++) {
		for (uint32_t port = 0; port < PORTS; port++) {
			groups[port] = both(groups[port], maker->regions[i].groups[port]);
			mixed |= groups[port] == GROUP_MIXED;
		}
	}
	divide_ports(maker, prefix, groups, 0, 16);
	free(groups);
	return mixed;
}

// Ports first, or addresses first: whichever takes fewer rules. Ports first is good for one cohort, addresses
// first for cohorts of different ports.
static void divide(struct rule_maker *maker, const struct prefix *prefix)
{
	unsigned before = maker->count, limit = maker->limit, count;
	bool mixed = divide_all_ports(maker, prefix), full = maker->full;
	struct flow_rule *kept;
	struct prefix low, high;

	if (!mixed || maker->form != FLOW_RULE_MASKED || prefix->end - prefix->first < 2) {
		return;
	}
	count = full ? 0 : maker->count - before;
	kept = (struct flow_rule *)malloc((count + 1) * sizeof(*kept));
	if (kept == NULL) {
		maker->no_memory = true;
		return;
	}
	memcpy(kept, &maker->rules[before], count * sizeof(*kept));
	maker->count = before;
	maker->limit = full ? limit : before + count - 1;
	maker->full = false;
	halve(maker, prefix, &low, &high);
	divide(maker, &low);
	divide(maker, &high);
	if (maker->full && !full) {
		memcpy(&maker->rules[before], kept, count * sizeof(*kept));
		maker->count = before + count;
		maker->full = false;
	}
	maker->limit = limit;
	free(kept);
}

static void add_tuples(struct rule_maker *maker)
{
	for (uint32_t tuple = 0; tuple < maker->space->tuple_count && !maker->full; tuple++) {
		struct address address = flow_space_address(maker->space, tuple);
		struct prefix one = {.length = 8 * (unsigned)address_length(address.family)};

		for (size_t i = 0; i < address_length(address.family); i++) {
			one.value = one.value << 8 | address.bytes[i];
		}
		maker->family = address.family;
		add_rule(maker, &one, group_of(maker, tuple), flow_space_source(maker->space, tuple).port, 0);
	}
}

static int make(struct rule_maker *maker)
{
	static const uint8_t families[] = {ADDRESS_IPV4, ADDRESS_IPV6};
	int rc = 0;

	if (maker->form == FLOW_RULE_TUPLES) {
		add_tuples(maker);
	}
	for (size_t i = 0; i < 2 && rc == 0 && maker->form != FLOW_RULE_TUPLES; i++) {
		rc = find_regions(maker, families[i]);
		if (rc == 0) {
			const struct prefix any = {.end = maker->region_count};

			divide(maker, &any);
		}
		forget_regions(maker);
	}
	if (rc == 0 && maker->no_memory) {
		rc = -ENOMEM;
	}
	return rc == 0 && maker->full ? -E2BIG : rc;
}

int flow_rules_make(struct flow_rule *rules, const struct flow_space *space, const uint32_t *firsts,
                    unsigned groups, enum flow_rule_form form, struct error *error)
{
	struct rule_maker *maker = (struct rule_maker *)calloc(1, sizeof(*maker));
	int rc;

	if (maker == NULL) {
		return error_set(error, -ENOMEM, "no memory for rules");
	}
	*maker = (struct rule_maker){.space = space,
	                             .firsts = firsts,
	                             .groups = groups,
	                             .form = form,
	                             .rules = rules,
	                             .limit = FLOW_RULES_MAX};
	rc = make(maker);
	if (rc == 0) {
		rc = (int)maker->count;
	} else if (rc == -ENOMEM) {
		error_set(error, rc, "no memory for rules");
	} else {
		error_set(error, rc,
		          "these addresses and ports need more than %d rules to tell the receivers' replies "
		          "apart; use contiguous ones",
		          FLOW_RULES_MAX);
	}
	free(maker);
	return rc;
}
