#pragma once
// Steering: rules on a reply's destination (address and UDP port) that tell groups of tuples apart, so that a
// port can bring each group's replies to a queue of its own. Pure: made from the tuple space once, at the
// start. Any thread.

#include "flow/space.h"

/** Rules in all, at the most: what tables of ports hold, and what is made in a moment. */
#define FLOW_RULES_MAX 1024

/** What a rule may hold: not every port can match by masks. */
enum flow_rule_form {
	FLOW_RULE_MASKED, ///< address prefixes, ports by value and mask
	FLOW_RULE_PORTS,  ///< single ports, of any address or of one
	FLOW_RULE_TUPLES, ///< single tuples
	FLOW_RULE_FORMS,
};

/** A packet matches when its destination's first `prefix_length` bits and its port under `port_mask` do. */
struct flow_rule {
	unsigned group;
	struct address address; ///< gives the family in any case; bits behind the prefix are 0
	uint8_t prefix_length;  ///< 0: any address of that family
	uint16_t port, port_mask;
};

/**
 * Make rules for `groups` groups: group g has the tuples firsts[g] to firsts[g + 1] - 1, whole workers, all
 * together the space. Every tuple matches one rule, and that is of its own group; what is no tuple may match
 * any. `rules` has room for FLOW_RULES_MAX. Returns how many there are, -E2BIG with the reason when that is
 * not enough, or -ENOMEM.
 */
int flow_rules_make(struct flow_rule *rules, const struct flow_space *space, const uint32_t *firsts,
                    unsigned groups, enum flow_rule_form form, struct error *error);
