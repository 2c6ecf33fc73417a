// The table against a naive model: a list of all queries ever staged, and who holds each place of
// the index. Random operations with faults.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/random.h"
#include "match/send.h"

#define OPERATIONS 1000000
#define FIRST      64
#define TUPLES     24
#define DEPTH      8
#define CAPACITY   128
#define TIMEOUT    (100 * NS_PER_US)
#define BURST      16

struct model_query {
	ns_t sent_at;
	uint32_t tuple, question;
	uint16_t id, age_class;
	enum match_state state;
	bool published;
};

struct model {
	struct match_table table;
	struct random random;
	struct model_query *queries;
	size_t count, published, expired; // of queries; those below `expired` are done with
	size_t high;                      // the largest count that was: what was staged, withdrawn or not
	struct model_query *places[TUPLES][DEPTH]; // staged last
	struct model_query *known[TUPLES][DEPTH];  // published last: what RX knows
	uint16_t next_id[TUPLES];
	match_mark marks[TUPLES];
	ns_t now;
	uint64_t sent, ended, results[MATCH_IS_EARLY + 1];
};

static struct model_query **holder(struct model *model, uint32_t tuple, uint16_t id)
{
	return &model->places[tuple - FIRST][id % DEPTH];
}

static void stage_some(struct model *model)
{
	uint64_t burst = 1 + random_below(&model->random, BURST);

	for (uint64_t i = 0; i < burst; i++) {
		uint32_t tuple = (uint32_t)random_below(&model->random, TUPLES),
		         limit = tuple % 3 == 0 ? 5 : 0;
		uint16_t id = model->next_id[tuple], expected = id;
		enum match_room room =
		        match_reserve(&model->table, FIRST + tuple, limit, &id, &model->marks[tuple]);
		enum match_room wanted = MATCH_TUPLE_FULL;
		struct model_query *old = NULL;

		for (unsigned k = 0; k < DEPTH && wanted != MATCH_ROOM; k++) {
			expected = (uint16_t)(model->next_id[tuple] + k);
			old = *holder(model, FIRST + tuple, expected);
			if ((limit == 0 || expected % DEPTH < limit) &&
			    (old == NULL || old->state != MATCH_SENT)) {
				wanted = MATCH_ROOM;
			}
		}
		if (model->count - model->expired >= CAPACITY) {
			wanted = MATCH_TABLE_FULL;
		}
		assert_int_equal(room, wanted);
		if (room != MATCH_ROOM) {
			continue;
		}
		assert_int_equal(id, expected);
		match_stage(&model->table, FIRST + tuple, id, (uint16_t)(model->count & 511),
		            (uint32_t)model->count, model->now);
		model->queries[model->count] = (struct model_query){match_send_time(model->now),
		                                                    FIRST + tuple,
		                                                    (uint32_t)model->count,
		                                                    id,
		                                                    (uint16_t)(model->count & 511),
		                                                    MATCH_SENT,
		                                                    false};
		*holder(model, FIRST + tuple, id) = &model->queries[model->count];
		model->count++;
		model->high = model->high > model->count ? model->high : model->count;
		model->next_id[tuple] = (uint16_t)(id + 1);
	}
}

// The port takes some; the rest is tried again or dropped.
static void publish_some(struct model *model)
{
	uint32_t staged = match_staged(&model->table);
	uint32_t accepted = (uint32_t)random_below(&model->random, staged + 1);

	assert_int_equal(staged, model->count - model->published);
	for (uint32_t i = 0; i < accepted; i++) {
		struct model_query *query = &model->queries[model->published + i];
		struct match_query told = match_staged_query(&model->table, i, model->now);

		assert_int_equal(told.question, query->question);
		assert_int_equal(told.sent_at, query->sent_at);
		query->published = true;
		model->known[query->tuple - FIRST][query->id % DEPTH] = query;
	}
	match_publish(&model->table, accepted);
	model->published += accepted;
	model->sent += accepted;
	if (random_below(&model->random, 8) == 0) {
		match_withdraw(&model->table);
		while (model->count > model->published) {
			const struct model_query *query = &model->queries[--model->count];

			*holder(model, query->tuple, query->id) = NULL;
		}
	} else if (random_below(&model->random, 2) == 0) {
		match_restamp(&model->table, 0, model->now);
		for (size_t i = model->published; i < model->count; i++) {
			model->queries[i].sent_at = match_send_time(model->now);
		}
	}
}

static bool question_equals(const void *context, uint32_t question, const uint8_t *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	return *(const uint32_t *)context == question;
}

static void compare(const struct match_query *query, const struct model_query *wanted)
{
	assert_int_equal(query->tuple, wanted->tuple);
	assert_int_equal(query->id, wanted->id);
	assert_int_equal(query->question, wanted->question);
	assert_int_equal(query->age_class, wanted->age_class);
	assert_int_equal(query->sent_at, wanted->sent_at);
}

// What RX finds: a query in flight, one that is being staged, what ended.
static struct model_query *findable(struct model *model, uint32_t tuple, uint16_t id)
{
	struct model_query *known = model->known[tuple - FIRST][id % DEPTH];
	struct model_query *staged = *holder(model, tuple, id);

	if (staged != NULL && staged->id == id && staged->state == MATCH_SENT) {
		return staged; // or in flight: then it is known
	}
	return known != NULL && known->id == id ? known : NULL;
}

// The log came round since.
static bool is_forgotten(const struct model *model, const struct model_query *query)
{
	return (size_t)(query - model->queries) + CAPACITY < model->high;
}

// A reply to one of the last queries: the first, a second, a spoofed id, question or tuple.
static void reply_some(struct model *model)
{
	struct model_query target, *wanted;
	struct match_question question = {
	        .check = question_equals, .bytes = (const uint8_t *)"", .length = 1};
	enum match_result expected;
	struct match_query query;
	bool end = random_below(&model->random, 8) != 0;
	uint64_t fault = random_below(&model->random, 16);

	if (model->count == 0) {
		return;
	}
	target = model->queries[model->count - 1 -
	                        random_below(&model->random, model->count < 160 ? model->count : 160)];
	target.id = (uint16_t)(target.id + (fault == 0 ? DEPTH : fault == 1 ? 1 : 0));
	target.tuple = fault == 2 ? FIRST + (uint32_t)random_below(&model->random, TUPLES) : target.tuple;
	target.question += fault == 3;
	question.context = &target.question;
	wanted = findable(model, target.tuple, target.id);
	if (wanted == NULL || is_forgotten(model, wanted)) {
		expected = MATCH_IS_UNEXPECTED;
	} else if (wanted->question != target.question) {
		expected = MATCH_IS_MISMATCH;
	} else if (wanted->state == MATCH_SENT) {
		expected = wanted->published ? MATCH_IS_ANSWER : MATCH_IS_EARLY;
	} else {
		expected = wanted->state == MATCH_LOST ? MATCH_IS_LATE : MATCH_IS_DUPLICATE;
	}
	assert_int_equal(
	        match_reply(&model->table, target.tuple, target.id, &question, end, model->now, &query),
	        expected);
	model->results[expected]++;
	if (expected != MATCH_IS_UNEXPECTED) {
		compare(&query, wanted);
	}
	if (end && expected == MATCH_IS_ANSWER) {
		wanted->state = MATCH_ANSWERED;
		model->ended++;
	} else if (end && expected == MATCH_IS_LATE) {
		wanted->state = MATCH_LATE;
	}
}

static void refuse_some(struct model *model)
{
	uint32_t tuple = FIRST + (uint32_t)random_below(&model->random, TUPLES);
	struct model_query *only = NULL;
	struct match_query query;
	unsigned in_flight = 0;
	enum match_result expected = MATCH_IS_UNEXPECTED;

	for (uint16_t i = 0; i < DEPTH; i++) {
		struct model_query *one = *holder(model, tuple, i);

		if (one != NULL && one->state == MATCH_SENT) {
			only = one;
			in_flight++;
		}
	}
	if (in_flight == 1) {
		expected = only->published ? MATCH_IS_ANSWER : MATCH_IS_EARLY;
	}
	assert_int_equal(match_refuse(&model->table, tuple, -1, model->now, &query), expected);
	if (expected == MATCH_IS_ANSWER) {
		compare(&query, only);
		only->state = MATCH_REFUSED;
		model->ended++;
	}
}

// The oldest published query in flight; the model steps over the others, as the table does.
static struct model_query *oldest(struct model *model)
{
	while (model->expired < model->published && model->queries[model->expired].state != MATCH_SENT) {
		model->expired++;
	}
	return model->expired < model->published ? &model->queries[model->expired] : NULL;
}

static void expire_some(struct model *model)
{
	struct match_query lost[5];
	struct model_query *next;
	unsigned count;

	do {
		count = match_expire(&model->table, model->now, lost, 5);
		for (unsigned i = 0; i < count; i++) {
			next = oldest(model);
			assert_non_null(next);
			assert_true(next->sent_at + TIMEOUT <= model->now);
			compare(&lost[i], next);
			next->state = MATCH_LOST;
			model->ended++;
		}
	} while (count == 5);
	next = oldest(model);
	assert_true(next == NULL || next->sent_at + TIMEOUT > model->now);
	assert_true(match_next_expiry(&model->table, model->now) ==
	            (next != NULL ? next->sent_at + TIMEOUT : NS_NEVER));
}

static void the_table_agrees_with_a_naive_model(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 4; seed++) {
		struct model model = {.now = (UINT64_C(1) << 40) - 50 * NS_PER_MS};
		struct error error = {0};

		model.queries = (struct model_query *)calloc(OPERATIONS, sizeof(*model.queries));
		assert_non_null(model.queries);
		random_seed(&model.random, seed, 0);
		assert_int_equal(
		        match_table_init(&model.table, FIRST, TUPLES, DEPTH, CAPACITY, TIMEOUT, &error), 0);
		for (unsigned i = 0; i < OPERATIONS / 4; i++) {
			uint64_t choice = random_below(&model.random, 32);

			model.now += random_below(&model.random, seed % 2 == 0 ? 400 : 4000);
			if (choice < 4) {
				stage_some(&model);
			} else if (choice < 8) {
				publish_some(&model);
			} else if (choice < 29) {
				reply_some(&model);
			} else if (choice < 30) {
				refuse_some(&model);
			} else {
				expire_some(&model);
			}
			if (i % 64 == 0) {
				assert_int_equal(match_outstanding(&model.table), model.sent - model.ended);
			}
		}
		for (unsigned i = 0; i <= MATCH_IS_EARLY; i++) {
			assert_true(model.results[i] > 0);
		}
		match_table_release(&model.table);
		free(model.queries);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_table_agrees_with_a_naive_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
