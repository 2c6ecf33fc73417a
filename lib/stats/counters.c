#include "stats/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "stats/backend.h"

static const char *const sender_names[STATS_SENDER_COUNTERS] = {
        [STATS_SENT] = "sent",
        [STATS_SENT_BYTES] = "sent_bytes",
        [STATS_TX_DROPPED] = "tx_dropped",
        [STATS_TX_RETRIES] = "tx_retries",
        [STATS_THROTTLED_TUPLE] = "throttled_tuple",
        [STATS_THROTTLED_FLIGHT] = "throttled_flight",
        [STATS_THROTTLED_TABLE] = "throttled_table",
        [STATS_THROTTLED_MEMORY] = "throttled_memory",
        [STATS_SKIPPED] = "skipped",
};

static const char *const receiver_names[STATS_RECEIVER_COUNTERS] = {
        [STATS_RECEIVED] = "received",
        [STATS_RECEIVED_BYTES] = "received_bytes",
        [STATS_REPLY_BYTES] = "reply_bytes",
        [STATS_TRUNCATED] = "truncated",
        [STATS_REFUSED_PORT] = "refused_port",
        [STATS_REFUSED_HOST] = "refused_host",
        [STATS_REFUSED_ADMIN] = "refused_admin",
        [STATS_REFUSED_OTHER] = "refused_other",
        [STATS_DUPLICATE] = "duplicate",
        [STATS_WRONG_SOURCE] = "wrong_source",
        [STATS_MISMATCH] = "mismatch",
        [STATS_UNEXPECTED] = "unexpected",
        [STATS_MALFORMED_FRAME] = "malformed_frame",
        [STATS_MALFORMED_DNS] = "malformed_dns",
        [STATS_BAD_CHECKSUM] = "bad_checksum",
        [STATS_FRAGMENT] = "fragment",
        [STATS_FOREIGN] = "foreign",
        [STATS_ICMP_UNMATCHED] = "icmp_unmatched",
        [STATS_NEIGHBOUR] = "neighbour",
        [STATS_ECHO] = "echo",
        [STATS_CONTROL_DROPPED] = "control_dropped",
        [STATS_EARLY] = "early",
        [STATS_RX_WRONG_QUEUE] = "rx_wrong_queue",
        [STATS_DISPATCH_DROPPED] = "dispatch_dropped",
        [STATS_OTHER] = "other",
};

const char *stats_sender_counter_name(enum stats_sender_counter counter)
{
	return (unsigned)counter < STATS_SENDER_COUNTERS ? sender_names[counter] : "";
}

const char *stats_receiver_counter_name(enum stats_receiver_counter counter)
{
	return (unsigned)counter < STATS_RECEIVER_COUNTERS ? receiver_names[counter] : "";
}

// ---- Shape

static int shape_take_timeouts(struct stats_shape *shape, const ns_t *timeouts, unsigned count,
                               struct error *error)
{
	if (count < 1 || count > STATS_TIMEOUTS) {
		return error_set(error, -EINVAL, "%u timeouts can't be told apart; a run has 1 to %u", count,
		                 STATS_TIMEOUTS);
	}
	shape->timeouts = count;
	for (unsigned i = 0; i < count; i++) {
		unsigned place = i;

		if (timeouts[i] == 0) {
			return error_set(error, -EINVAL,
			                 "a timeout of 0 leaves no time for an answer; use 1ns or more");
		}
		for (; place > 0 && shape->timeout[place - 1] < timeouts[i]; place--) {
			shape->timeout[place] = shape->timeout[place - 1];
		}
		if (place > 0 && shape->timeout[place - 1] == timeouts[i]) {
			return error_set(error, -EINVAL,
			                 "the timeout of %" PRIu64 " ns is given twice; leave one out",
			                 timeouts[i]);
		}
		shape->timeout[place] = timeouts[i];
	}
	return 0;
}

int stats_shape_init(struct stats_shape *shape, unsigned cohorts, const ns_t *timeouts,
                     unsigned timeout_count, ns_t start, ns_t interval, ns_t duration, struct error *error)
{
	const ns_t day = 86400 * NS_PER_SEC;
	uint64_t intervals;
	int failed;

	memset(shape, 0, sizeof(*shape));
	if (cohorts < 1 || cohorts > STATS_COHORTS) {
		return error_set(error, -EINVAL, "%u cohorts can't be counted; a run has 1 to %u", cohorts,
		                 STATS_COHORTS);
	}
	failed = shape_take_timeouts(shape, timeouts, timeout_count, error);
	if (failed != 0) {
		return failed;
	}
	if (interval < STATS_INTERVAL_MIN) {
		return error_set(error, -EINVAL,
		                 "an interval of %" PRIu64 " ns is too short; the shortest is %" PRIu64 " ns",
		                 interval, STATS_INTERVAL_MIN);
	}
	intervals = duration == NS_NEVER ? day / interval : duration / interval + (duration % interval != 0);
	if (duration == NS_NEVER && intervals > STATS_INTERVALS_MAX) {
		intervals = STATS_INTERVALS_MAX;
	}
	if (intervals > STATS_INTERVALS_MAX) {
		return error_set(error, -EINVAL,
		                 "%" PRIu64 " intervals are too many for one run; at most %" PRIu32
		                 " are kept: use an interval of %" PRIu64 " ms or more",
		                 intervals, STATS_INTERVALS_MAX,
		                 duration / STATS_INTERVALS_MAX / NS_PER_MS + 1);
	}
	shape->cohorts = cohorts;
	shape->start = start;
	shape->interval = interval;
	shape->intervals = intervals > 0 ? (uint32_t)intervals : 1;
	shape->interval_ratio = fixed_ratio(1, interval);
	return 0;
}

// ---- Memory

// A run's largest shape takes gigabytes of cells, of which a run touches those of its cohorts, ages and
// seconds.
static void *map_zeroed(uint64_t size, struct error *error)
{
	void *memory =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		error_set(error, -ENOMEM,
		          "no memory for %" PRIu64
		          " bytes of counters; use fewer cohorts or a longer interval",
		          size);
		return NULL;
	}
	return memory;
}

static uint64_t sender_size(const struct stats_shape *shape)
{
	return (uint64_t)shape->cohorts * (STATS_AGE_CLASSES + shape->intervals) * sizeof(uint64_t);
}

int stats_sender_init(struct stats_sender *sender, const struct stats_shape *shape, struct error *error)
{
	uint64_t *memory;

	memset(sender, 0, sizeof(*sender));
	memory = map_zeroed(sender_size(shape), error);
	if (memory == NULL) {
		return -ENOMEM;
	}
	sender->shape = shape;
	sender->by_age = (uint64_t(*)[STATS_AGE_CLASSES])memory;
	sender->by_interval = memory + (size_t)shape->cohorts * STATS_AGE_CLASSES;
	stats_histogram_init(&sender->pacing);
	return 0;
}

void stats_sender_release(struct stats_sender *sender)
{
	if (sender->by_age != NULL) {
		munmap(sender->by_age, sender_size(sender->shape));
	}
	sender->by_age = NULL;
	sender->by_interval = NULL;
}

// The order in memory: cells by age, cells by interval, histograms, backends, their index. Cells come first,
// so that a cell's outcomes never straddle two cache lines.
static uint64_t receiver_size(const struct stats_shape *shape)
{
	uint64_t cells = (uint64_t)shape->cohorts * (STATS_AGE_CLASSES + shape->intervals);

	return cells * sizeof(struct stats_cell) + shape->cohorts * sizeof(struct stats_histogram) +
	       (STATS_BACKENDS + 1) * sizeof(struct stats_backend) + STATS_BACKEND_INDEX * sizeof(uint16_t);
}

int stats_receiver_init(struct stats_receiver *receiver, const struct stats_shape *shape, struct error *error)
{
	struct stats_cell *cells;

	memset(receiver, 0, sizeof(*receiver));
	cells = (struct stats_cell *)map_zeroed(receiver_size(shape), error);
	if (cells == NULL) {
		return -ENOMEM;
	}
	receiver->shape = shape;
	receiver->interval_start = shape->start;
	receiver->by_age = (struct stats_cell(*)[STATS_AGE_CLASSES])cells;
	receiver->by_interval = cells + (size_t)shape->cohorts * STATS_AGE_CLASSES;
	receiver->latency =
	        (struct stats_histogram *)(receiver->by_interval + (size_t)shape->cohorts * shape->intervals);
	receiver->backends = (struct stats_backend *)(receiver->latency + shape->cohorts);
	receiver->backend_index = (uint16_t *)(receiver->backends + STATS_BACKENDS + 1);
	for (unsigned i = 0; i < shape->cohorts; i++) {
		stats_histogram_init(&receiver->latency[i]);
	}
	stats_backend_init(receiver);
	return 0;
}

void stats_receiver_release(struct stats_receiver *receiver)
{
	if (receiver->by_age != NULL) {
		munmap(receiver->by_age, receiver_size(receiver->shape));
	}
	receiver->by_age = NULL;
	receiver->by_interval = NULL;
	receiver->latency = NULL;
	receiver->backends = NULL;
	receiver->backend_index = NULL;
}

uint64_t stats_memory(const struct stats_shape *shape, unsigned senders, unsigned receivers)
{
	return senders * (sender_size(shape) + sizeof(struct stats_sender)) +
	       receivers * (receiver_size(shape) + sizeof(struct stats_receiver));
}

// ---- Outcomes

// Outcomes come nearly in the order of sending: nearly all fall into the interval of the one before.
static inline struct stats_cell *cell_of_interval(struct stats_receiver *receiver, unsigned cohort,
                                                  ns_t sent_at)
{
	const struct stats_shape *shape = receiver->shape;

	if (sent_at - receiver->interval_start >= shape->interval) {
		receiver->interval = stats_interval(shape, sent_at);
		receiver->interval_start = shape->start + receiver->interval * shape->interval;
	}
	return &receiver->by_interval[(size_t)cohort * shape->intervals + receiver->interval];
}

static inline ns_t latency_from(ns_t latency)
{
	return latency > INT64_MAX ? 0 : latency;
}

static inline void count_slow(const struct stats_shape *shape, uint64_t *by_age, uint64_t *by_interval,
                              ns_t latency)
{
	// Timeouts descend: nearly every answer is faster than the last, and the loop ends before it begins.
	for (unsigned i = shape->timeouts - 1; i > 0 && latency > shape->timeout[i]; i--) {
		stats_add(&by_age[i], 1);
		stats_add(&by_interval[i], 1);
	}
}

// Answers `first` to `end` - 1, all of one cohort.
static void count_row(struct stats_receiver *receiver, const struct stats_answers *answers, unsigned first,
                      unsigned end)
{
	const struct stats_shape *shape = receiver->shape;
	unsigned cohort = answers->cohort[first];
	struct stats_cell *ages = receiver->by_age[cohort];
	struct stats_cell *by_interval = cell_of_interval(receiver, cohort, answers->sent_at[first]);
	ns_t start = receiver->interval_start, interval = shape->interval;
	ns_t quick = shape->timeout[shape->timeouts - 1];

	// The histogram goes before the cells, whose stores release it.
	stats_histogram_add_all(&receiver->latency[cohort], &answers->latency[first], end - first);
	for (unsigned i = first; i < end; i++) {
		struct stats_cell *by_age = &ages[answers->age_class[i]];

		if (answers->sent_at[i] - start >= interval) {
			by_interval = cell_of_interval(receiver, cohort, answers->sent_at[i]);
			start = receiver->interval_start;
		}
		if (answers->latency[i] > quick) {
			count_slow(shape, by_age->slow, by_interval->slow, answers->latency[i]);
		}
		stats_add_release(&by_age->answered, 1);
		stats_add_release(&by_interval->answered, 1);
	}
}

void stats_count_answers(struct stats_receiver *receiver, struct stats_answers *answers)
{
	for (unsigned first = 0, end; first < answers->count; first = end) {
		end = answers->count;
		if (receiver->shape->cohorts > 1) {
			end = first + 1;
			while (end < answers->count && answers->cohort[end] == answers->cohort[first]) {
				end++;
			}
		}
		count_row(receiver, answers, first, end);
	}
	answers->count = 0;
}

void stats_count_answered(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at,
                          ns_t latency)
{
	struct stats_answers answer;

	answer.count = 0;
	stats_answers_put(&answer, cohort, age_class, sent_at, latency);
	stats_count_answers(receiver, &answer);
}

void stats_count_refused(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at,
                         ns_t latency)
{
	struct stats_cell *by_age = &receiver->by_age[cohort][age_class];
	struct stats_cell *by_interval = cell_of_interval(receiver, cohort, sent_at);

	count_slow(receiver->shape, by_age->slow_refused, by_interval->slow_refused, latency_from(latency));
	stats_add_release(&by_age->refused, 1);
	stats_add_release(&by_interval->refused, 1);
}

void stats_count_lost(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at)
{
	stats_add_release(&receiver->by_age[cohort][age_class].lost, 1);
	stats_add_release(&cell_of_interval(receiver, cohort, sent_at)->lost, 1);
}

void stats_count_late(struct stats_receiver *receiver, unsigned cohort, unsigned age_class, ns_t sent_at)
{
	stats_add(&receiver->by_age[cohort][age_class].late, 1);
	stats_add(&cell_of_interval(receiver, cohort, sent_at)->late, 1);
}
