#pragma once
// A real server as the network sees it: what state it is in, how long it takes, how much it can do at a time.
// It holds no packets: it says what becomes of a query and when. The owner is one thread; nothing is
// allocated while queries pass.

#include "base/address.h"
#include "base/error.h"
#include "base/random.h"
#include "base/units.h"
#include "dns/answer.h"

#include <stdbool.h>
#include <stdint.h>

/** Room for a real server's name and for its NSID, terminator included. */
#define BACKEND_NAME_SIZE 64

/** Neighbour discovery gives a host up after three probes (net/core/neighbour.c); measured. */
#define BACKEND_UNREACHABLE_AFTER (3100 * NS_PER_MS)

enum backend_state {
	BACKEND_ALIVE,
	BACKEND_LAMEDUCK, ///< was told to stop, still answers
	BACKEND_CLOSED,   ///< its port is closed: ICMP port unreachable
	BACKEND_DEAD,     ///< silence
	BACKEND_GONE,     ///< its host is gone: ICMP host unreachable, late
};

enum backend_distribution {
	BACKEND_CONSTANT,
	BACKEND_EXPONENTIAL, ///< with `service_time` as the mean
	BACKEND_UNIFORM,     ///< over [0, 2 * service_time]
};

struct backend_options {
	char name[BACKEND_NAME_SIZE];
	struct address address;
	uint16_t port;   ///< 0: the service's
	uint32_t weight; ///< below 2^31
	enum backend_distribution distribution;
	ns_t service_time;
	ns_t delay;                    ///< of the way there and back, besides
	uint32_t concurrency;          ///< queries at a time; 0 = any number. The capacity is concurrency /
	                               ///< service_time
	uint32_t queue;                ///< queries that may wait for a free place
	double loss;                   ///< probability that it never answers a query
	char nsid[BACKEND_NAME_SIZE];  ///< "": its name
	const struct address *answers; ///< for A and AAAA questions; borrowed for the life of the backend
	uint32_t answer_count;
	uint32_t ttl;   ///< of the answers, seconds
	uint16_t rcode; ///< of its replies
};

/** What becomes of a query. */
enum backend_fate {
	BACKEND_ANSWERS,     ///< at `*at`, unless it dies before
	BACKEND_REFUSES,     ///< ICMP port unreachable at `*at`
	BACKEND_UNREACHABLE, ///< ICMP host unreachable at `*at`
	BACKEND_SILENT,      ///< it is dead
	BACKEND_LOSES,       ///< by chance
	BACKEND_OVERFLOWS,   ///< its queue is full
};

/** Read its fields; only the functions below write them. */
struct backend {
	struct backend_options options;
	enum backend_state state;
	uint32_t life; ///< a query taken in an earlier life is never answered
	ns_t probe_until;
	ns_t *places; ///< heap of the times at which the places become free
	ns_t *starts; ///< ring of the times at which those that wait begin
	uint32_t first;
	uint32_t waiting;
	struct random random;
	struct dns_answer answer; ///< what it answers
	uint64_t received;
	uint64_t answered;
};

/** Bring a server up. Returns 0, -EINVAL, -ERANGE or -ENOMEM with the reason in `error`. */
int backend_init(struct backend *backend, const struct backend_options *options, uint64_t seed,
                 struct error *error);

/** Free what it holds; the struct is the caller's. */
void backend_free(struct backend *backend);

/** A query arrives at `now`, which never decreases. `*at` is written with the first three fates. */
enum backend_fate backend_receive(struct backend *backend, ns_t now, ns_t *at);

/** Change the state. One that stops answering forgets the queries it holds. */
void backend_set_state(struct backend *backend, enum backend_state state);

/** The name of a state, in one word. */
const char *backend_state_name(enum backend_state state);

/** True in the states in which it answers. */
static inline bool backend_is_answering(const struct backend *backend)
{
	return backend->state == BACKEND_ALIVE || backend->state == BACKEND_LAMEDUCK;
}
