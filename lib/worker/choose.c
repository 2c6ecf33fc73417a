// Which queries leave next: cohort by share, tuple by policy, id by tuple, question by turn. What is chosen
// is booked at once, so that the next choice knows of it.
#include "sending.h"

void sender_throttle(struct worker_sender *sender, enum stats_sender_counter counter)
{
	if (!sender->blocked) {
		sender->blocked = true;
		stats_add(&sender->stats->counters[counter], 1);
	}
}

// The order of questions, in local variables for a burst: by line of the query file, or by number of a
// generated name.
struct questions {
	uint32_t next, stride, first;
	uint64_t end; // lines of the file; numbers of generated names have none
};

static inline struct questions questions_begin(const struct worker_sender *sender)
{
	const struct dns_query_set *queries = sender->queries;
	bool generated = queries->generated != DNS_GENERATED_NONE;

	return (struct questions){.next = sender->question,
	                          .stride = queries->count == 1 && !generated ? 0 : sender->question_stride,
	                          .first = sender->first_question,
	                          .end = generated ? UINT64_MAX : queries->count};
}

static inline uint32_t questions_take(struct questions *questions)
{
	uint32_t question = questions->next;

	questions->next += questions->stride;
	if (questions->next >= questions->end) {
		questions->next -= (uint32_t)questions->end;
		if (questions->next >= questions->end) {
			questions->next = questions->first; // fewer lines than senders
		}
	}
	return question;
}

// The query on `tuple` with `id` is used: in the in-flight table and in its tuple's record.
static inline void book(struct match_staging *staging, struct flow_sent *record,
                        struct worker_pending *pending, uint32_t tuple, uint16_t id, uint32_t question,
                        ns_t now)
{
	ns_t last_sent = record->last_sent;
	uint16_t age_class = last_sent == 0 ? STATS_AGE_FIRST : stats_age_class(now - last_sent);

	pending->last_sent = last_sent;
	pending->tuple = tuple;
	pending->id = id;
	pending->age_class = age_class;
	pending->question = question;
	match_staging_put(staging, tuple, id, age_class, question, now);
	record->last_sent = now;
	record->sent++;
	record->next_id = (uint16_t)(id + 1);
}

static void book_one(struct worker_sender *sender, struct worker_pending *pending, uint32_t question,
                     ns_t now)
{
	struct match_staging staging = match_staging_begin(sender->table);

	book(&staging, &sender->ledger[pending->tuple], pending, pending->tuple, pending->id, question, now);
	match_staging_end(sender->table, &staging);
}

// Bring the sources of the queries a burst from here, where frames are not stamped.
static void look_ahead(const struct worker_sender *sender, const struct flow_picker *picker, unsigned used)
{
	uint32_t tuples[WORKER_BURST];
	unsigned known;

	if (sender->stamped_length > 0) {
		return; // sources are worked out from numbers
	}
	known = flow_picker_upcoming(picker, WORKER_BURST - used, tuples, used);
	for (unsigned i = 0; i < known; i++) {
		flow_space_prefetch(sender->space, tuples[i]);
	}
}

// Take the policy's next tuples as they come, as long as each has room at a first look: nearly always the
// whole burst.
static unsigned choose_upcoming(struct worker_sender *sender, uint16_t cohort, struct worker_pending *pending,
                                unsigned count, ns_t now)
{
	struct flow_picker *picker = sender->cohorts[cohort].picker;
	struct match_staging staging = match_staging_begin(sender->table);
	struct questions questions = questions_begin(sender);
	struct flow_sent *ledger = sender->ledger;
	uint32_t tuples[WORKER_BURST], room = match_staging_room(&staging);
	unsigned made, known = flow_picker_upcoming(picker, 0, tuples, count < room ? count : room);

	for (made = 0; made < known; made++, pending++) {
		struct flow_sent *record = &ledger[tuples[made]];
		uint16_t id = record->next_id;

		if (!match_staging_has_room(&staging, id, &record->mark)) {
			break;
		}
		pending->cohort = cohort;
		book(&staging, record, pending, tuples[made], id, questions_take(&questions), now);
	}
	match_staging_end(sender->table, &staging);
	sender->question = questions.next;
	flow_picker_used_upcoming(picker, made);
	look_ahead(sender, picker, made);
	return made;
}

// The cohort whose turn it is. One that has finished passes its turns; one that has no tuple right now keeps
// its turn, so that the shares stay exact: the query waits, and the pacer counts what that costs.
static uint32_t next_cohort(struct worker_sender *sender)
{
	uint32_t cohort = flow_mixer_next(&sender->mixer);

	while (cohort != FLOW_MIXER_NONE && sender->cohorts[cohort].done) {
		flow_mixer_pass(&sender->mixer);
		cohort = flow_mixer_next(&sender->mixer);
	}
	return cohort;
}

// The next query's cohort, tuple and id. False: nothing can be sent now.
static bool choose_one(struct worker_sender *sender, ns_t now, struct worker_pending *pending)
{
	enum stats_sender_counter reason = STATS_THROTTLED_TUPLE;
	uint32_t chosen = next_cohort(sender);
	struct worker_cohort *cohort;
	struct questions questions;

	if (chosen == FLOW_MIXER_NONE) {
		atomic_store_explicit(&sender->state, WORKER_FINISHED, memory_order_release);
		return false;
	}
	cohort = &sender->cohorts[chosen];
	pending->cohort = (uint16_t)chosen;
	for (unsigned tries = 0; tries < WORKER_TUPLE_TRIES; tries++) {
		enum match_room room;

		if (!flow_picker_next(cohort->picker, now, &pending->tuple)) {
			if (flow_picker_ready_at(cohort->picker) == NS_NEVER) {
				cohort->done = true;
				return choose_one(sender, now, pending);
			}
			break;
		}
		pending->id = sender->ledger[pending->tuple].next_id;
		room = match_reserve(sender->table, pending->tuple, cohort->in_flight_limit, &pending->id,
		                     &sender->ledger[pending->tuple].mark);
		if (room == MATCH_ROOM) {
			questions = questions_begin(sender);
			book_one(sender, pending, questions_take(&questions), now);
			sender->question = questions.next;
			flow_picker_used(cohort->picker, pending->tuple, now);
			flow_mixer_take(&sender->mixer);
			look_ahead(sender, cohort->picker, 1);
			return true;
		}
		if (room == MATCH_TABLE_FULL) {
			reason = STATS_THROTTLED_TABLE;
			break;
		}
		reason = STATS_THROTTLED_FLIGHT;
		flow_picker_busy(cohort->picker, pending->tuple);
	}
	sender_throttle(sender, reason);
	return false;
}

static bool choose_by_policy(struct worker_sender *sender, struct worker_pending *pending, unsigned left,
                             unsigned *made, ns_t now)
{
	// With one cohort there are no turns to take; a limit a tuple needs more than a first look.
	if (sender->cohort_count == 1 && sender->cohorts[0].in_flight_limit == 0) {
		*made = choose_upcoming(sender, 0, pending, left, now);
		if (*made > 0) {
			return true;
		}
	}
	*made = choose_one(sender, now, pending);
	return *made > 0;
}

// The next query as the trace has it. False: its tuple is full.
static bool choose_by_trace(struct worker_sender *sender, struct worker_pending *pending, ns_t now)
{
	const struct worker_step *step = &sender->steps[sender->step];
	enum match_room room;

	pending->tuple = step->tuple;
	pending->cohort = (uint16_t)flow_space_cohort_of(sender->space, pending->tuple);
	pending->id = sender->ledger[pending->tuple].next_id;
	room = match_reserve(sender->table, pending->tuple, sender->cohorts[pending->cohort].in_flight_limit,
	                     &pending->id, &sender->ledger[pending->tuple].mark);
	if (room != MATCH_ROOM) {
		sender_throttle(sender,
		                room == MATCH_TABLE_FULL ? STATS_THROTTLED_TABLE : STATS_THROTTLED_FLIGHT);
		return false;
	}
	book_one(sender, pending, step->question, now);
	sender->step++;
	return true;
}

unsigned sender_choose(struct worker_sender *sender, unsigned count, ns_t now)
{
	unsigned total = 0, made;

	while (total < count) {
		struct worker_pending *pending = &sender->pending[total];

		if (sender->steps != NULL) {
			made = choose_by_trace(sender, pending, now);
		} else {
			choose_by_policy(sender, pending, count - total, &made, now);
		}
		if (made == 0) {
			break;
		}
		sender->blocked = false;
		total += made;
	}
	return total;
}
