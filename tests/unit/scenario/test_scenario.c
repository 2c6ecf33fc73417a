#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "scenario/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND NS_PER_SEC

static void add_mark(struct scenario *scenario, ns_t at, const char *name)
{
	struct scenario_event event = {.at = at, .kind = SCENARIO_MARK};
	struct error error = {0};

	snprintf(event.name, sizeof(event.name), "%s", name);
	assert_int_equal(scenario_add(scenario, &event, &error), 0);
}

static void events_come_in_the_order_of_their_times(void **state)
{
	struct scenario scenario = {0};
	const struct scenario_event *event;
	struct random random;
	ns_t last = 0;
	size_t popped = 0;

	(void)state;
	random_seed(&random, 1, 0);
	for (int i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		add_mark(&scenario, random_below(&random, 50), name);
	}
	for (ns_t now = 0; now < 50; now++) {
		int before = -1;

		assert_true(scenario_next_time(&scenario) >= now);
		while ((event = scenario_pop(&scenario, now)) != NULL) {
			int number;

			assert_int_equal(sscanf(event->name, "%d", &number), 1);
			assert_true(event->at >= last && event->at <= now);
			// Those of one time keep the order in which they were added.
			assert_true(number > before);
			before = number;
			last = event->at;
			popped++;
		}
	}
	assert_int_equal(popped, 500);
	assert_true(scenario_next_time(&scenario) == NS_NEVER);
	scenario_rewind(&scenario);
	assert_true(scenario_next_time(&scenario) != NS_NEVER);
	scenario_clear(&scenario);
}

static void an_event_added_late_is_due_at_once(void **state)
{
	struct scenario scenario = {0};

	(void)state;
	add_mark(&scenario, 10, "first");
	assert_non_null(scenario_pop(&scenario, 20));
	add_mark(&scenario, 5, "late");
	assert_string_equal(scenario_pop(&scenario, 20)->name, "late");
	assert_null(scenario_pop(&scenario, 20));
	scenario_clear(&scenario);
}

static void names_and_kinds_match_both_ways(void **state)
{
	struct error error = {0};

	(void)state;
	for (unsigned i = 0; i < SCENARIO_KINDS; i++) {
		enum scenario_kind kind;

		assert_int_equal(
		        scenario_kind_parse(scenario_kind_name((enum scenario_kind)i), &kind, &error), 0);
		assert_int_equal(kind, i);
	}
	assert_int_equal(scenario_kind_parse("explode", &(enum scenario_kind){0}, &error), -EINVAL);
	assert_non_null(strstr(error.text, "\"explode\""));
	assert_non_null(strstr(error.text, "set-expire-nodest, add, roll"));
}

static void bad_events_are_refused_with_a_reason(void **state)
{
	const struct {
		struct scenario_event event;
		const char *reason;
	} cases[] = {
	        {{.kind = SCENARIO_MARK}, "needs a text"},
	        {{.kind = SCENARIO_EXEC}, "needs a command"},
	        {{.kind = SCENARIO_REMOVE}, "must name the real server"},
	        {{.kind = SCENARIO_SET_TIMEOUT}, "1 s or more"},
	        {{.kind = SCENARIO_SET_EXPIRE_NODEST, .value = 2}, "0 or 1"},
	        {{.kind = SCENARIO_ROLL}, "neither surge nor unavailable"},
	        {{.kind = SCENARIO_KINDS}, "does not exist"},
	        {{.kind = SCENARIO_MARK, .name = "x", .at = NS_NEVER}, "beyond any run"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario scenario = {0};
		struct error error = {0};

		assert_true(scenario_add(&scenario, &cases[i].event, &error) < 0);
		assert_non_null(strstr(error.text, cases[i].reason));
		assert_int_equal(scenario.count, 0);
		scenario_clear(&scenario);
	}
}

static void commands_are_copied(void **state)
{
	char command[] = "kubectl rollout restart";
	struct scenario_event event = {.kind = SCENARIO_EXEC, .command = command};
	struct scenario scenario = {0};
	struct error error = {0};
	char text[64];

	(void)state;
	assert_int_equal(scenario_add(&scenario, &event, &error), 0);
	command[0] = 0;
	scenario_describe(scenario_pop(&scenario, 0), text, sizeof(text));
	assert_string_equal(text, "exec kubectl rollout restart");
	scenario_clear(&scenario);
}

static struct scenario_backend backend(const char *name, const char *address)
{
	struct scenario_backend b = {.port = 53, .weight = 1};

	snprintf(b.name, sizeof(b.name), "%s", name);
	assert_int_equal(address_parse(address, &b.address), 0);
	return b;
}

/** All events as "seconds phrase" lines. */
static void write_all(struct scenario *scenario, char *out, size_t size)
{
	const struct scenario_event *event;
	size_t used = 0;

	out[0] = 0;
	while ((event = scenario_pop(scenario, NS_NEVER)) != NULL) {
		char text[96];

		scenario_describe(event, text, sizeof(text));
		used += (size_t)snprintf(out + used, size - used, "%llu %s\n",
		                         (unsigned long long)(event->at / SECOND), text);
	}
}

static void a_rolling_update_surges_then_stops_one_by_one(void **state)
{
	struct scenario_backend two[] = {backend("a", "10.0.0.1"), backend("b", "10.0.0.2")}, replaced[2];
	struct scenario_roll roll = {.kube_proxy_delay = 5 * SECOND,
	                             .lameduck = 20 * SECOND,
	                             .pod_start = 10 * SECOND,
	                             .port_closed = 2 * SECOND,
	                             .max_surge = 1};
	struct scenario scenario = {0};
	struct error error = {0};
	char text[1024];

	(void)state;
	assert_int_equal(scenario_expand_roll(&roll, two, 2, 100 * SECOND, &scenario, replaced, &error), 0);
	write_all(&scenario, text, sizeof(text));
	assert_string_equal(text, "110 lameduck a\n"
	                          "115 add a#2\n"
	                          "115 remove a\n"
	                          "120 lameduck b\n"
	                          "125 add b#2\n"
	                          "125 remove b\n"
	                          "130 close a\n"
	                          "132 kill a\n"
	                          "140 close b\n"
	                          "142 kill b\n");
	assert_string_equal(replaced[1].name, "b#2");
	assert_string_equal(address_format(&replaced[0].address, text), "10.0.0.3");
	assert_string_equal(address_format(&replaced[1].address, text), "10.0.0.4");
	scenario_clear(&scenario);
}

static void the_graceful_variant_drains_and_never_removes(void **state)
{
	struct scenario_backend one[] = {backend("a", "10.0.0.1")};
	struct scenario_roll roll = {
	        .kube_proxy_delay = SECOND, .max_unavailable = 1, .graceful_weight_zero = true};
	struct scenario scenario = {0};
	struct error error = {0};
	char text[256];

	(void)state;
	assert_int_equal(scenario_expand_roll(&roll, one, 1, 0, &scenario, NULL, &error), 0);
	write_all(&scenario, text, sizeof(text));
	// Without a lameduck the pod dies a second before the load balancer hears of it.
	assert_string_equal(text, "0 kill a\n1 drain a\n1 add a#2\n");
	scenario_clear(&scenario);
}

/** Between any two events of a roll there are never more or fewer pods than the limits allow. */
static void check_limits(uint32_t count, uint32_t surge, uint32_t unavailable)
{
	struct scenario_backend backends[12];
	struct scenario_roll roll = {.pod_start = 7 * SECOND,
	                             .lameduck = SECOND,
	                             .max_surge = surge,
	                             .max_unavailable = unavailable};
	const struct scenario_event *event;
	struct scenario scenario = {0};
	struct error error = {0};
	uint32_t added = 0, stopped = 0;

	for (uint32_t i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%u", i);
		backends[i] = backend(name, "10.0.0.1");
	}
	assert_int_equal(scenario_expand_roll(&roll, backends, count, 0, &scenario, NULL, &error), 0);
	while (scenario_next_time(&scenario) != NS_NEVER) {
		ns_t now = scenario_next_time(&scenario);

		while ((event = scenario_pop(&scenario, now)) != NULL) {
			added += event->kind == SCENARIO_ADD;
			stopped += event->kind == SCENARIO_LAMEDUCK;
		}
		assert_true(count - stopped + added + unavailable >= count);
		assert_true(added <= stopped + surge);
	}
	assert_int_equal(added, count);
	assert_int_equal(stopped, count);
	scenario_clear(&scenario);
}

static void a_rolling_update_keeps_its_limits(void **state)
{
	(void)state;
	for (uint32_t count = 1; count <= 12; count++) {
		for (uint32_t surge = 0; surge <= 14; surge++) {
			for (uint32_t unavailable = surge == 0; unavailable <= 13; unavailable++) {
				check_limits(count, surge, unavailable);
			}
		}
	}
}

static void an_interval_paces_the_replacements(void **state)
{
	struct scenario_backend two[] = {backend("a", "10.0.0.1"), backend("b", "10.0.0.2")};
	struct scenario_roll roll = {.interval = 30 * SECOND, .pod_start = 3 * SECOND};
	struct scenario scenario = {0};
	struct error error = {0};
	char text[256];

	(void)state;
	assert_int_equal(scenario_expand_roll(&roll, two, 2, 0, &scenario, NULL, &error), 0);
	write_all(&scenario, text, sizeof(text));
	assert_string_equal(text, "3 add a#2\n3 remove a\n3 kill a\n33 add b#2\n33 remove b\n33 kill b\n");
	scenario_clear(&scenario);
}

static void a_second_update_rolls_what_the_first_one_left(void **state)
{
	struct scenario_backend two[] = {backend("a", "10.0.0.1"), backend("b", "10.0.0.2")};
	struct scenario_event roll = {.kind = SCENARIO_ROLL, .roll = {.max_unavailable = 1}};
	struct scenario_event remove = {.at = SECOND, .kind = SCENARIO_REMOVE, .backend = "b#2"};
	struct scenario_event add = {.at = 2 * SECOND, .kind = SCENARIO_ADD, .backend = "c", .weight = 1};
	struct scenario scenario = {0};
	struct error error = {0};
	char text[512];

	(void)state;
	assert_int_equal(scenario_add(&scenario, &roll, &error), 0);
	assert_int_equal(scenario_add(&scenario, &remove, &error), 0);
	assert_int_equal(scenario_add(&scenario, &add, &error), 0);
	roll.at = 3 * SECOND;
	assert_int_equal(scenario_add(&scenario, &roll, &error), 0);
	assert_int_equal(scenario_expand(&scenario, two, 2, &error), 0);
	write_all(&scenario, text, sizeof(text));
	assert_non_null(strstr(text, "1 remove b#2\n2 add c\n3 remove a#2\n"));
	assert_non_null(strstr(text, "3 add a#3\n"));
	assert_non_null(strstr(text, "3 remove c\n"));
	assert_non_null(strstr(text, "3 add c#2\n"));
	assert_null(strstr(text, "b#3"));
	assert_null(strstr(text, "roll"));
	scenario_clear(&scenario);
}

static void a_roll_without_servers_is_an_error_and_changes_nothing(void **state)
{
	struct scenario_event roll = {.kind = SCENARIO_ROLL, .roll = {.max_surge = 1}};
	struct scenario scenario = {0};
	struct error error = {0};

	(void)state;
	assert_int_equal(scenario_add(&scenario, &roll, &error), 0);
	assert_int_equal(scenario_expand(&scenario, NULL, 0, &error), -EINVAL);
	assert_non_null(strstr(error.text, "at least one real server"));
	assert_int_equal(scenario.count, 1);
	assert_int_equal(scenario.events[0].kind, SCENARIO_ROLL);
	scenario_clear(&scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(events_come_in_the_order_of_their_times),
	        cmocka_unit_test(an_event_added_late_is_due_at_once),
	        cmocka_unit_test(names_and_kinds_match_both_ways),
	        cmocka_unit_test(bad_events_are_refused_with_a_reason),
	        cmocka_unit_test(commands_are_copied),
	        cmocka_unit_test(a_rolling_update_surges_then_stops_one_by_one),
	        cmocka_unit_test(the_graceful_variant_drains_and_never_removes),
	        cmocka_unit_test(a_rolling_update_keeps_its_limits),
	        cmocka_unit_test(an_interval_paces_the_replacements),
	        cmocka_unit_test(a_second_update_rolls_what_the_first_one_left),
	        cmocka_unit_test(a_roll_without_servers_is_an_error_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
