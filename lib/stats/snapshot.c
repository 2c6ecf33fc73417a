#include "stats/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stats/backend.h"

#define CELL_WORDS (sizeof(struct stats_cell) / sizeof(uint64_t))

_Static_assert(sizeof(struct stats_cell) % sizeof(uint64_t) == 0, "cells are added word by word");

// The order in memory: cells by age and interval, sent by age and interval, histograms, cohorts, backends.
static uint64_t snapshot_size(const struct stats_shape *shape)
{
	uint64_t cells = (uint64_t)shape->cohorts * (STATS_AGE_CLASSES + shape->intervals);

	return cells * (sizeof(struct stats_cell) + sizeof(uint64_t)) +
	       shape->cohorts * (sizeof(struct stats_histogram) + sizeof(struct stats_totals)) +
	       STATS_BACKENDS_MERGED * sizeof(struct stats_backend);
}

int stats_snapshot_init(struct stats_snapshot *snapshot, const struct stats_shape *shape, struct error *error)
{
	size_t ages = (size_t)shape->cohorts * STATS_AGE_CLASSES,
	       intervals = (size_t)shape->cohorts * shape->intervals;
	uint64_t size = snapshot_size(shape);
	void *memory;

	memset(snapshot, 0, sizeof(*snapshot));
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		return error_set(error, -ENOMEM,
		                 "no memory for a snapshot of %" PRIu64
		                 " bytes; use fewer cohorts or a longer interval",
		                 size);
	}
	snapshot->shape = *shape;
	snapshot->by_age = (struct stats_cell(*)[STATS_AGE_CLASSES])memory;
	snapshot->by_interval = (struct stats_cell *)memory + ages;
	snapshot->sent_by_age = (uint64_t(*)[STATS_AGE_CLASSES])(snapshot->by_interval + intervals);
	snapshot->sent_by_interval = (uint64_t *)(snapshot->by_interval + intervals) + ages;
	snapshot->latency = (struct stats_histogram *)(snapshot->sent_by_interval + intervals);
	snapshot->cohorts = (struct stats_totals *)(snapshot->latency + shape->cohorts);
	snapshot->backends = (struct stats_backend *)(snapshot->cohorts + shape->cohorts);
	for (unsigned i = 0; i < shape->cohorts; i++) {
		stats_histogram_init(&snapshot->latency[i]);
	}
	stats_histogram_init(&snapshot->latency_all);
	stats_histogram_init(&snapshot->pacing);
	return 0;
}

void stats_snapshot_release(struct stats_snapshot *snapshot)
{
	if (snapshot->by_age != NULL) {
		munmap(snapshot->by_age, snapshot_size(&snapshot->shape));
	}
	memset(snapshot, 0, sizeof(*snapshot));
}

static void words_add(uint64_t *into, const uint64_t *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		into[i] += stats_read(&from[i]);
	}
}

static void cells_add(struct stats_cell *into, const struct stats_cell *from, size_t count)
{
	words_add((uint64_t *)into, (const uint64_t *)from, count * CELL_WORDS);
}

// ---- Totals

static void totals_add_cell(struct stats_totals *totals, uint64_t sent, const struct stats_cell *cell)
{
	totals->sent += sent;
	totals->answered += cell->answered;
	totals->refused += cell->refused;
	totals->lost += cell->lost;
	totals->late += cell->late;
	for (unsigned i = 0; i < STATS_TIMEOUTS; i++) {
		totals->slow[i] += cell->slow[i];
		totals->slow_refused[i] += cell->slow_refused[i];
	}
}

// A contradiction (stats_snapshot_check finds it) shows as 0, not as 2^64 queries.
static void totals_close(struct stats_totals *totals)
{
	uint64_t ended = totals->answered + totals->refused + totals->lost;

	totals->outstanding = totals->sent > ended ? totals->sent - ended : 0;
}

static void cohorts_range(const struct stats_snapshot *snapshot, int cohort, unsigned *first, unsigned *end)
{
	*first = cohort < 0 ? 0 : (unsigned)cohort;
	*end = cohort < 0 ? snapshot->shape.cohorts : (unsigned)cohort + 1;
}

struct stats_totals stats_snapshot_interval(const struct stats_snapshot *snapshot, int cohort,
                                            uint32_t interval)
{
	struct stats_totals totals = {0};
	unsigned first, end;

	cohorts_range(snapshot, cohort, &first, &end);
	for (unsigned i = first; i < end; i++) {
		size_t place = (size_t)i * snapshot->shape.intervals + interval;

		totals_add_cell(&totals, snapshot->sent_by_interval[place], &snapshot->by_interval[place]);
	}
	totals_close(&totals);
	return totals;
}

struct stats_totals stats_snapshot_ages(const struct stats_snapshot *snapshot, int cohort, unsigned first,
                                        unsigned last)
{
	struct stats_totals totals = {0};
	unsigned first_cohort, end;

	cohorts_range(snapshot, cohort, &first_cohort, &end);
	for (unsigned i = first_cohort; i < end; i++) {
		for (unsigned class = first; class <= last && class < STATS_AGE_CLASSES; class ++) {
			totals_add_cell(&totals, snapshot->sent_by_age[i][class],
			                &snapshot->by_age[i][class]);
		}
	}
	totals_close(&totals);
	return totals;
}

static void snapshot_total(struct stats_snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		snapshot->cohorts[i] = stats_snapshot_ages(snapshot, (int)i, 0, STATS_AGE_CLASSES - 1);
	}
	snapshot->total = stats_snapshot_ages(snapshot, -1, 0, STATS_AGE_CLASSES - 1);
	stats_histogram_init(&snapshot->latency_all);
	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		stats_histogram_sum(&snapshot->latency_all, &snapshot->latency[i]);
	}
}

struct stats_totals stats_at_timeout(const struct stats_totals *totals, unsigned timeout)
{
	struct stats_totals at = *totals;

	at.answered -= totals->slow[timeout];
	at.refused -= totals->slow_refused[timeout];
	at.lost += totals->slow[timeout] + totals->slow_refused[timeout];
	at.late += totals->slow[timeout];
	memset(at.slow, 0, sizeof(at.slow));
	memset(at.slow_refused, 0, sizeof(at.slow_refused));
	return at;
}

// ---- Taking

static void snapshot_clear(struct stats_snapshot *snapshot)
{
	const struct stats_shape *shape = &snapshot->shape;

	memset(snapshot->sender, 0, sizeof(snapshot->sender));
	memset(snapshot->receiver, 0, sizeof(snapshot->receiver));
	memset(snapshot->rcodes, 0, sizeof(snapshot->rcodes));
	memset(snapshot->by_age, 0, shape->cohorts * sizeof(*snapshot->by_age));
	memset(snapshot->sent_by_age, 0, shape->cohorts * sizeof(*snapshot->sent_by_age));
	for (unsigned i = 0; i < shape->cohorts; i++) {
		size_t row = (size_t)i * shape->intervals;

		memset(&snapshot->by_interval[row], 0, snapshot->intervals * sizeof(struct stats_cell));
		memset(&snapshot->sent_by_interval[row], 0, snapshot->intervals * sizeof(uint64_t));
		stats_histogram_init(&snapshot->latency[i]);
	}
	stats_histogram_init(&snapshot->pacing);
	snapshot->backend_count = 0;
	snapshot->intervals = 0;
}

static void take_receiver(struct stats_snapshot *snapshot, const struct stats_receiver *receiver)
{
	const struct stats_shape *shape = &snapshot->shape;
	uint32_t backends = atomic_load_explicit(&receiver->backend_count, memory_order_acquire);

	for (unsigned i = 0; i < shape->cohorts; i++) {
		size_t row = (size_t)i * shape->intervals;

		cells_add(snapshot->by_age[i], receiver->by_age[i], STATS_AGE_CLASSES);
		cells_add(&snapshot->by_interval[row], &receiver->by_interval[row], snapshot->intervals);
		stats_histogram_sum(&snapshot->latency[i], &receiver->latency[i]);
	}
	words_add(snapshot->receiver, receiver->counters, STATS_RECEIVER_COUNTERS);
	words_add(snapshot->rcodes, receiver->rcodes, STATS_RCODES + 1);
	for (uint32_t i = 0; i < backends; i++) {
		if (stats_read(&receiver->backends[i].first_seen) != NS_NEVER) {
			stats_backend_merge(snapshot->backends, &snapshot->backend_count,
			                    &receiver->backends[i]);
		}
	}
	if (stats_read(&receiver->backends[STATS_BACKEND_OTHER].first_seen) != NS_NEVER) {
		stats_backend_merge(snapshot->backends, &snapshot->backend_count,
		                    &receiver->backends[STATS_BACKEND_OTHER]);
	}
}

static void take_sender(struct stats_snapshot *snapshot, const struct stats_sender *sender)
{
	const struct stats_shape *shape = &snapshot->shape;

	for (unsigned i = 0; i < shape->cohorts; i++) {
		size_t row = (size_t)i * shape->intervals;

		words_add(snapshot->sent_by_age[i], sender->by_age[i], STATS_AGE_CLASSES);
		words_add(&snapshot->sent_by_interval[row], &sender->by_interval[row], snapshot->intervals);
	}
	words_add(snapshot->sender, sender->counters, STATS_SENDER_COUNTERS);
	stats_histogram_sum(&snapshot->pacing, &sender->pacing);
}

// Why a snapshot of running lcores never shows more queries ended than sent, cell by cell.
//
// For one query: TX counts it as sent (S), then publishes it with a release store of match_table.published
// (P). RX takes it for in flight only after an acquire load that saw P or a later value, and then counts its
// outcome with a release store (O). We read the cell of the outcomes (relaxed), pass an acquire fence, and
// read the cell of the sent. If our read saw O, or a later count of the same counter, the fence makes
// everything before that store ours: a later count is a release store of the same thread, so O and what RX
// saw before O come before it. So S happens before P, P before O, O before the fence, the fence before our
// read of `sent`, which therefore sees S or a later count. This holds for each query of the cell, and `sent`
// only grows: sent >= answered + refused + lost, in each cell by age and each by interval. Several RX lcores:
// each outcome is read before the one fence. Several TX lcores: each query has one TX and one cell, and sums
// of inequalities hold.
//
// Not needed: an order between RX's cells by age and by interval, or a common instant. The two views may so
// differ by the queries that ended during the copy; they agree once the lcores stand still. The release
// stores cost nothing on x86-64 and an stlr on ARM; with relaxed ones the language would let O overtake RX's
// acquire chain in our eyes (POWER does so: it is not multi-copy atomic), whatever order we read in.
void stats_snapshot_take(struct stats_snapshot *snapshot, const struct stats_sender *const *senders,
                         unsigned sender_count, const struct stats_receiver *const *receivers,
                         unsigned receiver_count, ns_t now)
{
	uint32_t current = stats_interval(&snapshot->shape, now);

	snapshot_clear(snapshot);
	snapshot->at = now;
	snapshot->intervals =
	        current + 2 < snapshot->shape.intervals ? current + 2 : snapshot->shape.intervals;
	for (unsigned i = 0; i < receiver_count; i++) {
		take_receiver(snapshot, receivers[i]);
	}
	atomic_thread_fence(memory_order_acquire);
	for (unsigned i = 0; i < sender_count; i++) {
		take_sender(snapshot, senders[i]);
	}
	snapshot_total(snapshot);
}

// ---- Summing

static bool same_shape(const struct stats_shape *a, const struct stats_shape *b)
{
	return a->cohorts == b->cohorts && a->timeouts == b->timeouts && a->interval == b->interval &&
	       a->intervals == b->intervals && memcmp(a->timeout, b->timeout, sizeof(a->timeout)) == 0;
}

int stats_snapshot_sum(struct stats_snapshot *into, const struct stats_snapshot *from)
{
	const struct stats_shape *shape = &into->shape;

	if (!same_shape(shape, &from->shape)) {
		return -EINVAL;
	}
	into->at = from->at > into->at ? from->at : into->at;
	into->intervals = from->intervals > into->intervals ? from->intervals : into->intervals;
	words_add(into->sender, from->sender, STATS_SENDER_COUNTERS);
	words_add(into->receiver, from->receiver, STATS_RECEIVER_COUNTERS);
	words_add(into->rcodes, from->rcodes, STATS_RCODES + 1);
	for (unsigned i = 0; i < shape->cohorts; i++) {
		size_t row = (size_t)i * shape->intervals;

		cells_add(into->by_age[i], from->by_age[i], STATS_AGE_CLASSES);
		words_add(into->sent_by_age[i], from->sent_by_age[i], STATS_AGE_CLASSES);
		cells_add(&into->by_interval[row], &from->by_interval[row], from->intervals);
		words_add(&into->sent_by_interval[row], &from->sent_by_interval[row], from->intervals);
		stats_histogram_sum(&into->latency[i], &from->latency[i]);
	}
	stats_histogram_sum(&into->pacing, &from->pacing);
	for (unsigned i = 0; i < from->backend_count; i++) {
		stats_backend_merge(into->backends, &into->backend_count, &from->backends[i]);
	}
	snapshot_total(into);
	return 0;
}
