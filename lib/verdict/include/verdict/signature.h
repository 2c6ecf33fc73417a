#pragma once
// The diagnosis: which mechanism bears the losses' signature. Each signature is a test with a null
// hypothesis, an effect and its interval; p-values are corrected for their number (Holm 1979). The caller
// fills the evidence, plain counts that it gathers from one run or adds up over boxes, and owns its arrays.
// Pure function, any thread; no other room's structs.

#include "base/error.h"
#include "verdict/interval.h"
#include "verdict/timeout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What happened in a stretch of time; seconds since the event, negative before it. */
struct verdict_slice {
	double from;
	double to;
	uint64_t sent;
	uint64_t lost;
	uint64_t refused; ///< by ICMP of any kind
	uint64_t closed;  ///< ICMP port unreachable, prohibited and the like, by arrival
	uint64_t wrong_source;
};

/** How queries failed: the others of `failed` in silence. */
struct verdict_failures {
	uint64_t failed;
	uint64_t refused;     ///< ICMP port unreachable, prohibited and the like: somebody turned them away
	uint64_t unreachable; ///< ICMP host or network unreachable: nobody was there
};

/**
 * A run as the client saw it. Lost queries are those that failed, be it in silence or by ICMP (slices count
 * the two apart): of a dead server's both may come, for kernels limit the rate of ICMP errors. A tuple is
 * *stale* after the event when it was used before it, *clean* when it wasn't (fresh tuples and first uses).
 * Without an event, `before`, `stale` and `clean` stay empty. Stale and clean are best counted by each
 * tuple's first query after the event: then they are independent, and what happens later (expiry, chance)
 * doesn't thin them.
 */
struct verdict_evidence {
	bool event;                     ///< a change of the real servers is marked on the time line
	uint64_t sent;                  ///< the whole run
	uint64_t throttled;             ///< queries that had no free slot when they were due
	uint64_t delayed;               ///< queries sent later than the pacer allows
	uint64_t tx_dropped;            ///< packets that the port refused
	uint64_t rx_missed;             ///< frames that the port lost on receiving
	double timeout;                 ///< IPVS timeout in seconds when known from elsewhere; 0: not known
	struct verdict_clusters before; ///< all queries before the event
	struct verdict_clusters stale;  ///< after it, tuples used before
	struct verdict_clusters clean;  ///< after it, tuples not used before
	struct verdict_clusters after;  ///< all queries after it; empty: stale and clean together
	struct verdict_clusters first_use; ///< queries of tuples that were never answered before
	struct verdict_clusters reused;    ///< of those that were; both of the same time
	struct verdict_failures failures;  ///< of all tuples after the event (none: in the run)
	uint64_t again_sent; ///< stale tuples, after their first loss and within the timeout of it
	uint64_t again_lost;
	uint64_t next_sent; ///< the query after a stale tuple's first loss, however late
	uint64_t next_lost;
	const struct verdict_age
	        *since_use; ///< stale queries by the time since the tuple's last use before the event
	size_t since_use_count;
	bool since_use_drawn; ///< `since_use` is of tuples that lost queries only: it says nothing of k
	uint64_t past_sent;   ///< stale tuples queried past the timeout's end; 0: as `since_use` has it
	uint64_t past_lost;
	const struct verdict_slice *slices;
	size_t slice_count;
};

struct verdict_options {
	double significance; ///< of all tests together; 0: 0.01
	double confidence;   ///< of the intervals; 0: 0.95
	double least_effect; ///< a smaller difference in loss doesn't matter; 0: 0.01
	unsigned others;     ///< changes of the same run judged besides its main one, which share a
	                     ///< hundredth of the significance: chance heaps losses at one of many
	                     ///< moments; 0: this is the main one
};

enum verdict_signature {
	VERDICT_ENTRIES_KEPT, ///< removed server, entries kept until the timeout
	VERDICT_DEAD_WEIGHT,  ///< weight 0 with a dead server: goes on past the timeout
	VERDICT_LAZY_EXPIRY,  ///< one loss a tuple
	VERDICT_STILL_LISTED, ///< clean tuples lose as stale ones do
	VERDICT_FLUSHING,     ///< a burst of answers from the real server's own address
	VERDICT_OVERLOAD,     ///< losses follow the rate
	VERDICT_EXHAUSTION,   ///< new tuples lose, reused ones don't
	VERDICT_REFUSED,      ///< ICMP port unreachable, and what fails in silence beside it
	VERDICT_SIGNATURES,
};

enum verdict_state {
	VERDICT_NOT_TESTED, ///< the evidence for it wasn't gathered
	VERDICT_UNDECIDED,  ///< not enough data: neither shown nor ruled out
	VERDICT_RULED_OUT,
	VERDICT_SHOWN,
};

struct verdict_finding {
	enum verdict_signature signature;
	enum verdict_state state;
	double p_value;                 ///< of the null hypothesis, uncorrected; 1 when not tested
	double nested;                  ///< of what is asked only when that is rejected; 0: nothing is
	double adjusted;                ///< Holm's for p_value, and at least `nested`
	struct verdict_interval effect; ///< a difference or share of losses, as `statement` says
	char statement[400];
};

enum verdict_overall {
	VERDICT_UNTRUSTED,  ///< the generator itself was in trouble
	VERDICT_NOT_ENOUGH, ///< a loss may be there, but the data can't name it
	VERDICT_NO_LOSS,    ///< no loss that matters
	VERDICT_NONE_OF_THESE,
	VERDICT_NAMED, ///< at least one signature is shown
};

struct verdict {
	enum verdict_overall overall;
	struct verdict_finding findings[VERDICT_SIGNATURES];
	struct verdict_interval excess; ///< loss after the event (no event: in the run) above that before it
	struct verdict_timeout timeout; ///< from `since_use`, when stale tuples lose more
	double needed;                  ///< VERDICT_NOT_ENOUGH: queries a group that would do; else 0
	char text[1024];                ///< a few sentences for a person
};

/** A signature's name in a report ("removed server, entries kept"). */
const char *verdict_signature_name(enum verdict_signature signature);

/** What its test tries to reject, as one sentence. */
const char *verdict_signature_null(enum verdict_signature signature);

/** Judge a run. Returns 0; -EINVAL when the evidence contradicts itself (with the reason); -ENOMEM. */
int verdict_judge(const struct verdict_evidence *evidence, const struct verdict_options *options,
                  struct verdict *out, struct error *error);
