// Shapes, cells, names of counters and of backends.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "stats/backend.h"
#include "stats/counters.h"

static struct stats_shape shape_of(unsigned cohorts, ns_t start, ns_t interval, ns_t duration)
{
	const ns_t timeouts[] = {NS_PER_SEC / 2, NS_PER_SEC, NS_PER_SEC / 10};
	struct stats_shape shape;
	struct error error = {0};

	assert_int_equal(stats_shape_init(&shape, cohorts, timeouts, 3, start, interval, duration, &error),
	                 0);
	return shape;
}

static void timeouts_descend_whatever_their_order_was(void **state)
{
	struct stats_shape shape = shape_of(2, 0, NS_PER_SEC, 10 * NS_PER_SEC);

	(void)state;
	assert_int_equal(shape.timeouts, 3);
	assert_true(shape.timeout[0] == NS_PER_SEC && shape.timeout[1] == NS_PER_SEC / 2 &&
	            shape.timeout[2] == NS_PER_SEC / 10);
}

static void intervals_cover_the_duration(void **state)
{
	(void)state;
	assert_int_equal(shape_of(1, 0, NS_PER_SEC, 10 * NS_PER_SEC).intervals, 10);
	assert_int_equal(shape_of(1, 0, NS_PER_SEC, 10 * NS_PER_SEC + 1).intervals, 11);
	assert_int_equal(shape_of(1, 0, NS_PER_SEC, 1).intervals, 1);
	assert_int_equal(shape_of(1, 0, NS_PER_SEC, 0).intervals, 1);
	assert_int_equal(shape_of(1, 0, NS_PER_SEC, NS_NEVER).intervals, 86400);
	assert_int_equal(shape_of(1, 0, STATS_INTERVAL_MIN, NS_NEVER).intervals, STATS_INTERVALS_MAX);
}

static void a_bad_shape_is_refused_with_the_reason(void **state)
{
	const ns_t good[] = {NS_PER_SEC}, twice[] = {5, 9, 5}, zero[] = {0},
	           many[STATS_TIMEOUTS + 1] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	const struct {
		unsigned cohorts;
		const ns_t *timeouts;
		unsigned count;
		ns_t interval, duration;
	} cases[] = {
	        {0, good, 1, NS_PER_SEC, NS_PER_SEC},
	        {STATS_COHORTS + 1, good, 1, NS_PER_SEC, NS_PER_SEC},
	        {1, good, 0, NS_PER_SEC, NS_PER_SEC},
	        {1, twice, 3, NS_PER_SEC, NS_PER_SEC},
	        {1, zero, 1, NS_PER_SEC, NS_PER_SEC},
	        {1, many, STATS_TIMEOUTS + 1, NS_PER_SEC, NS_PER_SEC},
	        {1, good, 1, STATS_INTERVAL_MIN - 1, NS_PER_SEC},
	        {1, good, 1, 0, NS_PER_SEC},
	        {1, good, 1, STATS_INTERVAL_MIN, STATS_INTERVAL_MIN * ((ns_t)STATS_INTERVALS_MAX + 1)},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct stats_shape shape;
		struct error error = {0};

		assert_int_equal(stats_shape_init(&shape, cases[i].cohorts, cases[i].timeouts, cases[i].count,
		                                  0, cases[i].interval, cases[i].duration, &error),
		                 -EINVAL);
		assert_true(strlen(error.text) > 20);
	}
}

static void an_interval_is_the_exact_quotient(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, 0);
	for (unsigned i = 0; i < 2000; i++) {
		ns_t interval = NS_PER_MS + random_below(&random, 3 * NS_PER_SEC),
		     start = random_below(&random, NS_PER_SEC);
		struct stats_shape shape = shape_of(1, start, interval, 1000000 * interval);

		for (unsigned k = 0; k < 20; k++) {
			uint64_t index = random_below(&random, 1000000);
			ns_t at = start + index * interval;

			assert_int_equal(stats_interval(&shape, at), index);
			assert_int_equal(stats_interval(&shape, at + interval - 1), index);
		}
		assert_int_equal(stats_interval(&shape, 0), 0);
		assert_int_equal(stats_interval(&shape, UINT64_MAX), 999999);
	}
}

static void an_answer_counts_once_in_each_view(void **state)
{
	struct stats_shape shape = shape_of(2, 1000, NS_PER_SEC, 10 * NS_PER_SEC);
	struct stats_receiver receiver;
	struct stats_cell *age, *interval;
	struct error error = {0};

	(void)state;
	assert_int_equal(stats_receiver_init(&receiver, &shape, &error), 0);
	age = &receiver.by_age[1][300];
	interval = &receiver.by_interval[1 * 10 + 3];
	stats_count_answered(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC, NS_PER_SEC / 10); // within all
	stats_count_answered(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC,
	                     NS_PER_SEC / 10 + 1); // later than the shortest
	stats_count_answered(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC, NS_PER_SEC - 1); // later than two
	stats_count_answered(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC, (ns_t)-5);       // clocks apart
	stats_count_refused(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC, NS_PER_SEC / 2 + 1);
	stats_count_refused(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC, (ns_t)-5);
	stats_count_lost(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC);
	stats_count_late(&receiver, 1, 300, 1000 + 3 * NS_PER_SEC);
	assert_int_equal(age->answered, 4);
	assert_int_equal(age->slow[0], 0);
	assert_int_equal(age->slow[1], 1);
	assert_int_equal(age->slow[2], 2);
	assert_int_equal(age->refused, 2);
	assert_int_equal(age->slow_refused[1], 1);
	assert_int_equal(age->slow_refused[2], 1);
	assert_int_equal(age->lost, 1);
	assert_int_equal(age->late, 1);
	assert_memory_equal(age, interval, sizeof(*age));
	assert_int_equal(receiver.latency[1].count, 4);
	assert_int_equal(receiver.latency[0].count, 0);
	assert_true(receiver.latency[1].min == 0);
	stats_receiver_release(&receiver);
}

static void assert_alike(const struct stats_receiver *a, const struct stats_receiver *b)
{
	const struct stats_shape *shape = a->shape;

	assert_memory_equal(a->by_age, b->by_age, shape->cohorts * sizeof(*a->by_age));
	assert_memory_equal(a->by_interval, b->by_interval,
	                    shape->cohorts * shape->intervals * sizeof(*a->by_interval));
	assert_memory_equal(a->latency, b->latency, shape->cohorts * sizeof(*a->latency));
	assert_int_equal(a->interval, b->interval);
}

static void answers_of_a_burst_count_as_one_by_one(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 5, 0);
	for (unsigned cohorts = 1; cohorts <= 3; cohorts++) {
		struct stats_shape shape = shape_of(cohorts, 1000, NS_PER_SEC, 10 * NS_PER_SEC);
		struct stats_receiver together, alone;
		struct stats_answers answers = {0};
		struct error error = {0};

		assert_int_equal(stats_receiver_init(&together, &shape, &error), 0);
		assert_int_equal(stats_receiver_init(&alone, &shape, &error), 0);
		for (unsigned round = 0; round < 2000; round++) {
			unsigned count = (unsigned)random_below(&random, STATS_ANSWERS + 1);
			ns_t base = random_below(&random, 12 * NS_PER_SEC);

			for (unsigned i = 0; i < count; i++) {
				unsigned cohort = (unsigned)random_below(&random, cohorts);
				unsigned class = (unsigned)random_below(&random, STATS_AGE_CLASSES);
				ns_t sent_at = base + random_below(&random, NS_PER_SEC / 10);
				ns_t latency =
				        random_below(&random, NS_PER_SEC) - NS_PER_MS; // may be negative

				stats_answers_put(&answers, cohort, class, sent_at, latency);
				stats_count_answered(&alone, cohort, class, sent_at, latency);
			}
			assert_int_equal(answers.count, count);
			stats_count_answers(&together, &answers);
			assert_int_equal(answers.count, 0);
		}
		assert_alike(&together, &alone);
		stats_receiver_release(&together);
		stats_receiver_release(&alone);
	}
}

static void response_codes_above_the_table_are_one(void **state)
{
	struct stats_shape shape = shape_of(1, 0, NS_PER_SEC, NS_PER_SEC);
	struct stats_receiver receiver;
	struct error error = {0};

	(void)state;
	assert_int_equal(stats_receiver_init(&receiver, &shape, &error), 0);
	stats_count_rcode(&receiver, 0);
	stats_count_rcode(&receiver, STATS_RCODES - 1);
	stats_count_rcode(&receiver, STATS_RCODES);
	stats_count_rcode(&receiver, 4095);
	assert_int_equal(receiver.rcodes[0], 1);
	assert_int_equal(receiver.rcodes[STATS_RCODES - 1], 1);
	assert_int_equal(receiver.rcodes[STATS_RCODES], 2);
	stats_receiver_release(&receiver);
}

static void counting_near_the_top_wraps_without_harm(void **state)
{
	uint64_t counter = UINT64_MAX;

	(void)state;
	stats_add(&counter, 3);
	assert_int_equal(counter, 2);
	stats_add_release(&counter, 1);
	assert_int_equal(stats_read(&counter), 3);
}

static void every_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATS_SENDER_COUNTERS; i++) {
		assert_true(strlen(stats_sender_counter_name((enum stats_sender_counter)i)) > 0);
	}
	for (unsigned i = 0; i < STATS_RECEIVER_COUNTERS; i++) {
		const char *name = stats_receiver_counter_name((enum stats_receiver_counter)i);

		assert_true(strlen(name) > 0);
		for (unsigned k = 0; k < i; k++) {
			assert_string_not_equal(name,
			                        stats_receiver_counter_name((enum stats_receiver_counter)k));
		}
	}
	assert_string_equal(stats_sender_counter_name(STATS_TX_DROPPED), "tx_dropped");
	assert_string_equal(stats_receiver_counter_name(STATS_WRONG_SOURCE), "wrong_source");
	assert_string_equal(stats_receiver_counter_name(STATS_RECEIVER_COUNTERS), "");
}

static void a_backend_keeps_its_number_and_its_times(void **state)
{
	struct stats_shape shape = shape_of(1, 0, NS_PER_SEC, NS_PER_SEC);
	struct stats_receiver receiver;
	struct error error = {0};
	const uint8_t binary[] = {0x00, 0xfe, 'a'}, four[] = {192, 0, 2, 7};
	const uint8_t sixteen[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
	uint8_t text[300];
	uint16_t pod, hex, ipv4, ipv6, as_text;

	(void)state;
	assert_int_equal(stats_receiver_init(&receiver, &shape, &error), 0);
	pod = stats_backend_find(&receiver, (const uint8_t *)"coredns-7d9-x2", 14, false, 10);
	hex = stats_backend_find(&receiver, binary, 3, false, 11);
	ipv4 = stats_backend_find(&receiver, four, 4, true, 12);
	ipv6 = stats_backend_find(&receiver, sixteen, 16, true, 13);
	as_text = stats_backend_find(&receiver, (const uint8_t *)"192.0.2.7", 9, false, 14);
	assert_int_equal(pod, 1);
	assert_int_equal(as_text, 5);
	assert_string_equal(receiver.backends[pod].name, "coredns-7d9-x2");
	assert_string_equal(receiver.backends[hex].name, "0x00fe61");
	assert_string_equal(receiver.backends[ipv4].name, "192.0.2.7");
	assert_string_equal(receiver.backends[ipv6].name, "2001:db8::1");
	assert_true(receiver.backends[ipv4].by_address && !receiver.backends[as_text].by_address);
	assert_int_equal(stats_backend_find(&receiver, (const uint8_t *)"coredns-7d9-x2", 14, false, 99),
	                 pod);
	assert_true(receiver.backends[pod].first_seen == 10 && receiver.backends[pod].last_seen == 99);
	assert_int_equal(stats_backend_find(&receiver, NULL, 0, false, 50), STATS_BACKEND_NONE);
	assert_true(receiver.backends[STATS_BACKEND_NONE].first_seen == 50);
	memset(text, 'x', sizeof(text));
	assert_int_equal(
	        strlen(receiver.backends[stats_backend_find(&receiver, text, sizeof(text), false, 1)].name),
	        STATS_BACKEND_NAME - 1);
	text[0] = 0xff;
	assert_int_equal(
	        strlen(receiver.backends[stats_backend_find(&receiver, text, sizeof(text), false, 1)].name),
	        62);
	stats_receiver_release(&receiver);
}

static void backends_beyond_the_table_are_one_other(void **state)
{
	struct stats_shape shape = shape_of(1, 0, NS_PER_SEC, NS_PER_SEC);
	struct stats_receiver receiver;
	struct error error = {0};

	(void)state;
	assert_int_equal(stats_receiver_init(&receiver, &shape, &error), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 1; i < 1000; i++) {
			char name[16];
			size_t length = (size_t)snprintf(name, sizeof(name), "pod-%u", i);

			assert_int_equal(
			        stats_backend_find(&receiver, (const uint8_t *)name, length, false, i),
			        i < STATS_BACKENDS ? i : STATS_BACKEND_OTHER);
		}
	}
	assert_string_equal(receiver.backends[STATS_BACKEND_OTHER].name, "(other)");
	assert_true(receiver.backends[STATS_BACKEND_OTHER].first_seen == STATS_BACKENDS);
	stats_receiver_release(&receiver);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(timeouts_descend_whatever_their_order_was),
	        cmocka_unit_test(intervals_cover_the_duration),
	        cmocka_unit_test(a_bad_shape_is_refused_with_the_reason),
	        cmocka_unit_test(an_interval_is_the_exact_quotient),
	        cmocka_unit_test(an_answer_counts_once_in_each_view),
	        cmocka_unit_test(answers_of_a_burst_count_as_one_by_one),
	        cmocka_unit_test(response_codes_above_the_table_are_one),
	        cmocka_unit_test(counting_near_the_top_wraps_without_harm),
	        cmocka_unit_test(every_counter_has_a_name_of_its_own),
	        cmocka_unit_test(a_backend_keeps_its_number_and_its_times),
	        cmocka_unit_test(backends_beyond_the_table_are_one_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
