#pragma once
// What each lcore counts. One block an lcore, one writer, cache-line aligned; the main lcore reads at any
// time and sums into a snapshot (stats/snapshot.h). Counters only grow and are never reset. TX counts a query
// as sent before match_publish, RX counts an outcome only of queries it saw published, and its outcomes are
// release stores; so a reader that takes RX's counters first, then TX's, never holds an outcome whose query
// it misses. stats_snapshot_take says why. Whoever counts by hand (`counters`, `backends`) uses stats_add, so
// that the reader never sees half a number.

#include "base/error.h"
#include "base/fixed.h"
#include "base/units.h"
#include "stats/age.h"
#include "stats/histogram.h"
#include "stats/single_writer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Timeouts of one run, at the most. */
#define STATS_TIMEOUTS 8
/** Cohorts of one run, at the most. */
#define STATS_COHORTS 32
/** Real servers (or wrong sources) told apart, at the most; further ones are summed as one "other". */
#define STATS_BACKENDS 256
/** Intervals of one run, at the most. */
#define STATS_INTERVALS_MAX (UINT32_C(1) << 20)
/** The shortest interval. */
#define STATS_INTERVAL_MIN NS_PER_MS
/** Response codes counted by number; above, as one "other". */
#define STATS_RCODES 24
/** A backend's name: the NSID's printable text or hex, or an address. */
#define STATS_BACKEND_NAME 64

/** Events and reasons of the sending side, each one counter of that name. */
enum stats_sender_counter {
	STATS_SENT,             ///< frames the port accepted
	STATS_SENT_BYTES,       ///< octets of those frames, without FCS
	STATS_TX_DROPPED,       ///< queries withdrawn since the port accepted none for too long
	STATS_TX_RETRIES,       ///< burst calls that took fewer frames than offered
	STATS_THROTTLED_TUPLE,  ///< queries due, but the policy allowed no tuple
	STATS_THROTTLED_FLIGHT, ///< queries due, but every slot of the tuples proposed was in flight
	STATS_THROTTLED_TABLE,  ///< queries due, but the in-flight table was full
	STATS_THROTTLED_MEMORY, ///< queries due, but the frame pool was empty
	STATS_SKIPPED, ///< queries that the pacer left out since the lcore was late by more than the lag
	               ///< allowed
	STATS_SENDER_COUNTERS,
};

/** Events and reasons of the receiving side. Outcomes of queries are counted in cells, by cohort; these are
 * the rest. */
enum stats_receiver_counter {
	STATS_RECEIVED, ///< frames that the port handed over
	STATS_RECEIVED_BYTES,
	STATS_REPLY_BYTES,   ///< DNS octets of answers
	STATS_TRUNCATED,     ///< answers with TC set
	STATS_REFUSED_PORT,  ///< of the refused: ICMP port unreachable
	STATS_REFUSED_HOST,  ///< ICMP host or network unreachable, IPv6 address unreachable or no route
	STATS_REFUSED_ADMIN, ///< ICMP administratively prohibited
	STATS_REFUSED_OTHER,
	STATS_DUPLICATE,    ///< replies or refusals to queries that had ended
	STATS_WRONG_SOURCE, ///< replies of a query in flight from another address or port than the service's
	STATS_MISMATCH,     ///< id known on the tuple, other question
	STATS_UNEXPECTED,   ///< to a tuple of ours, but no query known
	STATS_MALFORMED_FRAME, ///< broken Ethernet, IP, UDP or ICMP
	STATS_MALFORMED_DNS,   ///< broken DNS message, or one that is no response
	STATS_BAD_CHECKSUM,
	STATS_FRAGMENT,         ///< IP fragments: not reassembled
	STATS_FOREIGN,          ///< to an address or port that is none of ours
	STATS_ICMP_UNMATCHED,   ///< ICMP errors that quote no query in flight
	STATS_NEIGHBOUR,        ///< ARP and ND requests answered
	STATS_ECHO,             ///< ICMP echo requests answered
	STATS_CONTROL_DROPPED,  ///< answers to those that found no room
	STATS_EARLY,            ///< replies put aside since their query was still being sent
	STATS_RX_WRONG_QUEUE,   ///< frames that came to another receiver's queue than their tuple's
	STATS_DISPATCH_DROPPED, ///< of these, those for which the ring to their receiver had no room
	STATS_OTHER,            ///< other protocols
	STATS_RECEIVER_COUNTERS,
};

/** Names as reports spell them ("tx_dropped", "wrong_source"). */
const char *stats_sender_counter_name(enum stats_sender_counter counter);
const char *stats_receiver_counter_name(enum stats_receiver_counter counter);

/** Outcomes of the queries of one cohort and one reuse age class, or one cohort and one interval of sending.
 */
struct stats_cell {
	uint64_t answered; ///< within the largest timeout
	uint64_t refused;
	uint64_t lost;                 ///< nothing within the largest timeout
	uint64_t late;                 ///< of the lost: answered after all
	uint64_t slow[STATS_TIMEOUTS]; ///< slow[i]: of the answered, later than timeout i; slow[0] stays 0
	uint64_t slow_refused[STATS_TIMEOUTS]; ///< of the refused, later than timeout i
};

/** The shape of a run's statistics, fixed at the start; sender, receiver and snapshot agree on it. */
struct stats_shape {
	unsigned cohorts;
	unsigned timeouts;
	ns_t timeout[STATS_TIMEOUTS]; ///< descending: timeout[0] is the largest
	ns_t start;                   ///< when interval 0 begins
	ns_t interval;
	uint32_t intervals;                ///< the last one also takes all that is sent later
	struct fixed_ratio interval_ratio; ///< 1 / interval
};

/**
 * Check and fill a shape. The timeouts may come in any order, but differ. `intervals` covers `duration` (one
 * day when NS_NEVER). Returns 0 or -EINVAL.
 */
int stats_shape_init(struct stats_shape *shape, unsigned cohorts, const ns_t *timeouts,
                     unsigned timeout_count, ns_t start, ns_t interval, ns_t duration, struct error *error);

/** The interval in which something was sent. */
static inline uint32_t stats_interval(const struct stats_shape *shape, ns_t sent_at)
{
	ns_t since = sent_at <= shape->start ? 0 : sent_at - shape->start;
	uint64_t index = fixed_scale(since, shape->interval_ratio);

	// The product may lie one below the quotient.
	index += (index + 1) * shape->interval <= since;
	return index < shape->intervals ? (uint32_t)index : shape->intervals - 1;
}

/** One TX lcore's counters. Writer: that lcore. */
struct stats_sender {
	const struct stats_shape *shape;
	uint64_t counters[STATS_SENDER_COUNTERS];
	uint64_t (*by_age)[STATS_AGE_CLASSES]; ///< [cohort][class] sent
	uint64_t *by_interval;                 ///< [cohort * intervals + interval] sent
	struct stats_histogram pacing;         ///< how long after its due time a query was crafted
} __attribute__((aligned(64)));

/** A real server, as its NSID or a wrong source address names it. */
struct stats_backend {
	char name[STATS_BACKEND_NAME];
	uint64_t hash;
	bool by_address;            ///< a wrong source, not an NSID
	uint64_t answered;          ///< answers that carried this name
	uint64_t wrong_source;      ///< replies from this address
	uint64_t lost;              ///< queries lost on tuples whose last answer came from here
	ns_t first_seen, last_seen; ///< when stats_backend_find was asked for it
};

/** One RX lcore's counters. Writer: that lcore. */
struct stats_receiver {
	const struct stats_shape *shape;
	uint64_t counters[STATS_RECEIVER_COUNTERS];
	uint64_t rcodes[STATS_RCODES + 1];
	struct stats_cell (*by_age)[STATS_AGE_CLASSES]; ///< [cohort][class]
	struct stats_cell *by_interval;                 ///< [cohort * intervals + interval]
	struct stats_histogram *latency;                ///< [cohort]
	struct stats_backend *backends;                 ///< [STATS_BACKENDS + 1], by number
	_Atomic uint32_t backend_count;                 ///< those below this number are complete
	uint16_t *backend_index;                        ///< open addressing over the hashes
	ns_t interval_start;                            ///< of the interval that was counted into last
	uint32_t interval;                              ///< its number
} __attribute__((aligned(64)));

/**
 * Allocate zeroed counters of a shape, which the caller keeps as long as they live. Their memory is mapped
 * and becomes real when first counted into. Returns 0 or -ENOMEM. Release frees it; a zeroed struct may be
 * released.
 */
int stats_sender_init(struct stats_sender *sender, const struct stats_shape *shape, struct error *error);
void stats_sender_release(struct stats_sender *sender);
int stats_receiver_init(struct stats_receiver *receiver, const struct stats_shape *shape,
                        struct error *error);
void stats_receiver_release(struct stats_receiver *receiver);

/** Bytes that the counters of `senders` TX and `receivers` RX lcores take at the most. */
uint64_t stats_memory(const struct stats_shape *shape, unsigned senders, unsigned receivers);

/** TX: the counter of the queries that a cohort sent in an interval. */
static inline uint64_t *stats_sent_in(struct stats_sender *sender, unsigned cohort, uint32_t interval)
{
	return &sender->by_interval[(size_t)cohort * sender->shape->intervals + interval];
}

/**
 * TX: the port accepted one query of this cohort and age class. `interval` is stats_interval of its send time
 * as the in-flight table tells it (match_staged_query), since RX files the outcome under that. Before
 * match_publish. Hot path.
 */
static inline void stats_count_sent(struct stats_sender *sender, unsigned cohort, unsigned age_class,
                                    uint32_t interval)
{
	stats_add(&sender->by_age[cohort][age_class], 1);
	stats_add(stats_sent_in(sender, cohort, interval), 1);
}

/**
 * RX: outcomes. `sent_at` picks the interval, `latency` the timeouts it exceeded; one that is negative as a
 * signed number (the sender's clock was read a little later) counts as 0. Hot path.
 */
void stats_count_answered(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at,
                          ns_t latency);
void stats_count_refused(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at,
                         ns_t latency);
void stats_count_lost(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at);
void stats_count_late(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at);

static inline void stats_count_rcode(struct stats_receiver *receiver, unsigned rcode)
{
	stats_add(&receiver->rcodes[rcode < STATS_RCODES ? rcode : STATS_RCODES], 1);
}

/** Answers that are counted together, at the most. */
#define STATS_ANSWERS 64

/** Answers that were not counted yet: what stats_count_answered() would be told of each. One owner. */
struct stats_answers {
	unsigned count;
	uint16_t cohort[STATS_ANSWERS], age_class[STATS_ANSWERS];
	ns_t sent_at[STATS_ANSWERS], latency[STATS_ANSWERS];
};

/** Note an answer. There is room. */
static inline void stats_answers_put(struct stats_answers *answers, unsigned cohort, unsigned age_class,
                                     ns_t sent_at, ns_t latency)
{
	unsigned i = answers->count++;

	answers->cohort[i] = (uint16_t)cohort;
	answers->age_class[i] = (uint16_t)age_class;
	answers->sent_at[i] = sent_at;
	answers->latency[i] = latency > INT64_MAX ? 0 : latency;
}

/** RX: count all of them, and none is left. The same as one by one, with one store of each sum. Hot path. */
void stats_count_answers(struct stats_receiver *receiver, struct stats_answers *answers);

/** The number of the backend without a name. */
#define STATS_BACKEND_NONE 0
/** The number of all backends that found no room. */
#define STATS_BACKEND_OTHER STATS_BACKENDS

/**
 * RX: the number of the backend of that name, which is entered when new; STATS_BACKEND_NONE when `length` is
 * 0, STATS_BACKEND_OTHER when the table is full. An NSID (RFC 5001) is opaque: printable ASCII is kept,
 * anything else written as "0x" and hex, both cut to the room there is. `by_address`: `name` is an address, 4
 * or 16 octets in network order, and kept as text. Hot path.
 */
uint16_t stats_backend_find(struct stats_receiver *receiver, const uint8_t *name, size_t length,
                            bool by_address, ns_t now);
