#pragma once
// Reuse policies: which tuple sends the next query. A picker is one policy over the contiguous tuples of one
// (worker, cohort); that worker's TX lcore creates, calls and owns it. Nothing here reads a clock: `now` is
// the caller's. No call loops over tuples or allocates; each is O(1), sweep's are O(log tuples).

#include "base/error.h"
#include "base/units.h"
#include "flow/ledger.h"

#include <stdbool.h>
#include <stdint.h>

enum flow_policy {
	FLOW_POLICY_SEQUENTIAL, ///< round the space
	FLOW_POLICY_RANDOM,     ///< uniform, a Poisson crowd of clients
	FLOW_POLICY_LRU,        ///< least recently used
	FLOW_POLICY_INTERVAL,   ///< R after its last use
	FLOW_POLICY_SWEEP,      ///< one first use and one probe a tuple, ages spread over R1..R2
	FLOW_POLICY_STICKY,     ///< K queries on a tuple, then it rests R
	FLOW_POLICY_FRESH,      ///< never before R has passed
	FLOW_POLICY_LINUX,      ///< as a Linux client picks ephemeral ports
	FLOW_POLICY_COUNT,
};

struct flow_policy_options {
	enum flow_policy kind;
	ns_t reuse_low;  ///< interval, sticky, fresh: R; sweep: R1. Others: not used
	ns_t reuse_high; ///< sweep: R2; interval: the latest age that still is R, 0 = R + R/64. Others: not
	                 ///< used
	uint32_t queries_per_use; ///< sticky: K, at least 1. Others: not used
	uint64_t seed; ///< random, linux: the same seed draws the same tuples; sweep: the same ages
};

/** "sequential", "random", ... */
const char *flow_policy_name(enum flow_policy kind);

/** The policy of that name. Returns 0, or -EINVAL with the list of names in `error`. */
int flow_policy_parse(const char *name, enum flow_policy *kind, struct error *error);

/**
 * The fewest tuples with which the policy keeps its promise at `rate_qps` queries a second: interval R and
 * fresh R need ceil(rate * R), sticky K, R needs ceil((rate * R + K - 1) / K), sweep 2, others 1.
 */
double flow_policy_tuples(const struct flow_policy_options *options, double rate_qps);

/**
 * Check the options, and that `tuples` are enough for the promise at `rate_qps`. Give the numbers of one
 * picker (a cohort's tuples and rate, each divided by the workers). A rate of 0 or infinity is not known
 * beforehand (closed loop, "as fast as possible") and only the options are checked. Returns 0, -EINVAL for
 * bad options, or -ENOSPC, and `error` says how many tuples it needs and which rate these tuples allow.
 */
int flow_policy_check(const struct flow_policy_options *options, uint32_t tuples, double rate_qps,
                      struct error *error);

/** How many uses a picker looks ahead, at the most: two bursts of a worker. A power of two. */
#define FLOW_PICKER_AHEAD 64

struct flow_picker;

/**
 * Make a picker for the tuples [first, first + count), count >= 1. `ledger` is the whole ledger's sent side,
 * borrowed for the picker's life, with no use of these tuples yet. `start` is the time of the run's first
 * query at the earliest (> 0). Returns 0, what flow_policy_check() says of the options and the count at an
 * unknown rate, or -ENOMEM.
 */
int flow_picker_create(struct flow_picker **out, const struct flow_policy_options *options, uint32_t first,
                       uint32_t count, const struct flow_sent *ledger, ns_t start, struct error *error);

void flow_picker_free(struct flow_picker *picker);

/** Bytes that a picker of `count` tuples takes. */
uint64_t flow_picker_memory(enum flow_policy kind, uint32_t count);

/**
 * Propose a tuple for a query at `now`; false when none may be used now. `now` never goes back. A proposal
 * that is answered neither by flow_picker_used() nor by flow_picker_busy() is made again, unless another has
 * become better meanwhile: only the latest one counts, and only it may be answered.
 */
bool flow_picker_next(struct flow_picker *picker, ns_t now, uint32_t *tuple);

/** The proposed `tuple` was sent at `now`; ledger[tuple].last_sent is `now` already. */
void flow_picker_used(struct flow_picker *picker, uint32_t tuple, ns_t now);

/**
 * The proposed `tuple` has no free in-flight slot; the next call proposes another, as far as the policy has
 * one. A caller bounds its own attempts: with everything busy there always is a next proposal.
 */
void flow_picker_busy(struct flow_picker *picker, uint32_t tuple);

/**
 * When flow_picker_next() will propose something, if nothing is used until then: 0 = at once, NS_NEVER =
 * never again (a finished sweep). Exact after a next() that returned false.
 */
ns_t flow_picker_ready_at(const struct flow_picker *picker);

/**
 * The tuples that will be proposed after `skip` more uses, as long as each proposal is used: up to `max` of
 * them into `tuples`, skip + max at most FLOW_PICKER_AHEAD. Returns how many; 0 when the policy can't tell.
 * Nothing is proposed by this call. Their ledger records are on their way into the cache already.
 */
unsigned flow_picker_upcoming(const struct flow_picker *picker, unsigned skip, uint32_t *tuples,
                              unsigned max);

/** The first `count` tuples of flow_picker_upcoming(picker, 0, ...) were sent, in that order: the same as
 * `count` times flow_picker_next() and flow_picker_used(). */
void flow_picker_used_upcoming(struct flow_picker *picker, unsigned count);
