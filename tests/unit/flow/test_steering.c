#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "flow/steering.h"

#define GROUPS_MAX 16

struct rig {
	struct flow_space *space;
	uint32_t firsts[GROUPS_MAX + 1];
	unsigned groups;
	struct flow_rule rules[FLOW_RULES_MAX];
	int count;
	struct error error;
};

static void make_space(struct rig *rig, const struct flow_cohort_options *cohorts, unsigned count,
                       unsigned workers, unsigned groups)
{
	memset(rig, 0, sizeof(*rig));
	assert_int_equal(flow_space_create(&rig->space, cohorts, count, workers, &rig->error), 0);
	rig->groups = groups;
	for (unsigned i = 0; i <= groups; i++) {
		rig->firsts[i] = flow_space_first(rig->space, i * workers / groups, 0);
	}
}

static struct flow_cohort_options cohort(const struct address_range *ranges, unsigned count,
                                         const char *ports)
{
	struct flow_cohort_options options = {
	        .name = "one", .share = 1, .ranges = ranges, .range_count = count};
	struct error error = {0};

	assert_int_equal(flow_ports_parse(&options.ports, ports, &error), 0);
	return options;
}

static struct address_range range(const char *text)
{
	struct address_range out;
	struct error error = {0};

	assert_int_equal(address_range_parse(text, false, &out, &error), 0);
	return out;
}

static bool matches(const struct flow_rule *rule, const struct address *address, uint16_t port)
{
	return rule->address.family == address->family && (port & rule->port_mask) == rule->port &&
	       address_same_prefix(&rule->address, address, rule->prefix_length);
}

static void make_rules(struct rig *rig, enum flow_rule_form form)
{
	rig->count = flow_rules_make(rig->rules, rig->space, rig->firsts, rig->groups, form, &rig->error);
}

// The property: a tuple matches one rule, its own group's; and the form is kept.
static void check_rules(const struct rig *rig, enum flow_rule_form form)
{
	unsigned group = 0;

	assert_in_range(rig->count, rig->groups, FLOW_RULES_MAX);
	for (uint32_t tuple = 0; tuple < rig->space->tuple_count; tuple++) {
		struct address address = flow_space_address(rig->space, tuple);
		uint16_t port = flow_space_source(rig->space, tuple).port;
		unsigned found = 0;

		group += tuple == rig->firsts[group + 1];
		for (int i = 0; i < rig->count; i++) {
			if (matches(&rig->rules[i], &address, port)) {
				assert_int_equal(rig->rules[i].group, group);
				found++;
			}
		}
		assert_int_equal(found, 1);
	}
	for (int i = 0; i < rig->count; i++) {
		const struct flow_rule *rule = &rig->rules[i];
		unsigned bits = 8 * (unsigned)address_length(rule->address.family);

		assert_int_equal(rule->port & ~rule->port_mask, 0);
		assert_true(form == FLOW_RULE_MASKED || rule->port_mask == 0xffff);
		assert_true(form == FLOW_RULE_MASKED || rule->prefix_length == bits ||
		            (form == FLOW_RULE_PORTS && rule->prefix_length == 0));
	}
}

static void one_address_takes_prefixes_of_ports(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.1")};
	const struct flow_cohort_options options = cohort(ranges, 1, "1024-65535");
	struct rig rig;

	(void)state;
	make_space(&rig, &options, 1, 2, 2);
	make_rules(&rig, FLOW_RULE_MASKED);
	check_rules(&rig, FLOW_RULE_MASKED);
	// 33280 is the first port of the second half: 0-32767, 32768-33279; 33280-33791, ...-34815, -36863,
	// -40959, -49151, -65535.
	assert_int_equal(rig.count, 8);
	for (int i = 0; i < rig.count; i++) {
		assert_int_equal(rig.rules[i].prefix_length, 0);
	}
	make_rules(&rig, FLOW_RULE_PORTS);
	assert_int_equal(rig.count, -E2BIG);
	assert_non_null(strstr(rig.error.text, "1024 rules"));
	flow_space_free(rig.space);
}

static void a_cut_within_a_port_goes_by_prefixes_of_addresses(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.0/26")};
	const struct flow_cohort_options options = cohort(ranges, 1, "4096-4098");
	struct rig rig;

	(void)state;
	make_space(&rig, &options, 1, 2, 2);
	make_rules(&rig, FLOW_RULE_MASKED);
	check_rules(&rig, FLOW_RULE_MASKED);
	assert_int_equal(rig.count, 4); // port 4096, 4097 of .0-.31, 4097 of .32-.63, 4098
	make_rules(&rig, FLOW_RULE_PORTS);
	check_rules(&rig, FLOW_RULE_PORTS);
	assert_int_equal(rig.count, 2 + 64);
	make_rules(&rig, FLOW_RULE_TUPLES);
	check_rules(&rig, FLOW_RULE_TUPLES);
	assert_int_equal(rig.count, 3 * 64);
	flow_space_free(rig.space);
}

static void ipv6_addresses_are_told_apart_late(void **state)
{
	const struct address_range ranges[] = {range("2001:db8::fffe-2001:db8::1:0001"),
	                                       range("2001:db8:ffff::7")};
	const struct flow_cohort_options options = cohort(ranges, 2, "53000-53009,!53004");
	struct rig rig;

	(void)state;
	make_space(&rig, &options, 1, 4, 4);
	for (unsigned form = 0; form < FLOW_RULE_FORMS; form++) {
		make_rules(&rig, (enum flow_rule_form)form);
		check_rules(&rig, (enum flow_rule_form)form);
	}
	flow_space_free(rig.space);
}

static void cohorts_of_different_ports_go_by_address_first(void **state)
{
	const struct address_range a[] = {range("192.0.2.0/28")}, b[] = {range("198.51.100.7")};
	const struct flow_cohort_options options[] = {cohort(a, 1, "1024-9999"), cohort(b, 1, "2000-60000")};
	struct rig rig;

	(void)state;
	make_space(&rig, options, 2, 2, 2);
	make_rules(&rig, FLOW_RULE_MASKED);
	check_rules(&rig, FLOW_RULE_MASKED);
	assert_in_range(rig.count, 4, 64);
	flow_space_free(rig.space);
}

static void ports_without_tuples_cost_no_rules(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.1-192.0.2.3"), range("192.0.2.9")};
	const struct flow_cohort_options options = cohort(ranges, 2, "1024,1030,5000,40000,50000,60000");
	struct rig rig;

	(void)state;
	make_space(&rig, &options, 1, 2, 2);
	make_rules(&rig, FLOW_RULE_MASKED);
	check_rules(&rig, FLOW_RULE_MASKED);
	assert_int_equal(rig.count, 2); // the ports below 32768 and the others
	flow_space_free(rig.space);
}

static void the_largest_plans_stay_within_bounds(void **state)
{
	const struct address_range ranges[] = {range("10.0.0.0-10.0.2.255")};
	const struct flow_cohort_options options = cohort(ranges, 1, "1024-2047");
	struct rig rig;

	(void)state;
	make_space(&rig, &options, 1, 15, 15);
	make_rules(&rig, FLOW_RULE_MASKED);
	check_rules(&rig, FLOW_RULE_MASKED);
	flow_space_free(rig.space);
}

static void what_takes_too_many_rules_is_refused(void **state)
{
	struct address_range ranges[300];
	struct flow_cohort_options options;
	struct rig rig;

	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%u.%u", i / 100, 2 * (i % 100));
		ranges[i] = range(text);
	}
	options = cohort(ranges, 300, "1024-2047");
	make_space(&rig, &options, 1, 2, 2);
	for (unsigned form = 0; form < FLOW_RULE_FORMS; form++) {
		make_rules(&rig, (enum flow_rule_form)form);
		assert_int_equal(rig.count, -E2BIG);
	}
	flow_space_free(rig.space);
}

// Ports drawn from a window, with holes; addresses by cohort, or shared by ports that are odd or even.
static void draw_cohort(struct random *random, unsigned number, bool six, bool shared,
                        struct address_range *ranges, struct flow_cohort_options *out)
{
	unsigned count = 1 + (unsigned)random_below(random, 3);
	char text[64];

	for (unsigned i = 0; i < count; i++) {
		unsigned host = 40 * i + (unsigned)random_below(random, 20);

		snprintf(text, sizeof(text),
		         six ? "2001:db8:%x::%x-2001:db8:%x::%x" : "10.0.%u.%u-10.0.%u.%u",
		         shared ? 0 : number, host, shared ? 0 : number,
		         host + (unsigned)random_below(random, 20));
		ranges[i] = range(text);
	}
	*out = cohort(ranges, count, "53");
	flow_ports_clear(&out->ports);
	while (out->ports.count < 8) {
		uint16_t port = (uint16_t)(1024 + 2 * random_below(random, 200) + (shared ? number % 2 : 0));

		flow_ports_add(&out->ports, port, port, NULL);
	}
}

static void every_tuple_of_random_spaces_matches_its_own_group_once(void **state)
{
	struct random random;
	unsigned made[FLOW_RULE_FORMS] = {0};

	(void)state;
	random_seed(&random, 42, 0);
	for (unsigned round = 0; round < 60; round++) {
		struct address_range ranges[4][3];
		struct flow_cohort_options options[4];
		bool shared = random_below(&random, 4) == 0;
		unsigned cohorts = 1 + (unsigned)random_below(&random, shared ? 2 : 4);
		unsigned workers = 2 + (unsigned)random_below(&random, 5);
		unsigned groups = 2 + (unsigned)random_below(&random, workers - 1);
		bool mixed = random_below(&random, 3) == 0;
		struct rig rig;

		for (unsigned i = 0; i < cohorts; i++) {
			draw_cohort(&random, i, mixed ? i % 2 : round % 2, shared && !mixed, ranges[i],
			            &options[i]);
		}
		make_space(&rig, options, cohorts, workers, groups);
		for (unsigned form = 0; form < FLOW_RULE_FORMS; form++) {
			make_rules(&rig, (enum flow_rule_form)form);
			if (rig.count != -E2BIG) {
				check_rules(&rig, (enum flow_rule_form)form);
				made[form]++;
			}
		}
		flow_space_free(rig.space);
	}
	assert_int_equal(made[FLOW_RULE_MASKED], 60);
	assert_in_range(made[FLOW_RULE_PORTS], 30, 60);
	assert_in_range(made[FLOW_RULE_TUPLES], 30, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_address_takes_prefixes_of_ports),
	        cmocka_unit_test(a_cut_within_a_port_goes_by_prefixes_of_addresses),
	        cmocka_unit_test(ipv6_addresses_are_told_apart_late),
	        cmocka_unit_test(cohorts_of_different_ports_go_by_address_first),
	        cmocka_unit_test(ports_without_tuples_cost_no_rules),
	        cmocka_unit_test(the_largest_plans_stay_within_bounds),
	        cmocka_unit_test(what_takes_too_many_rules_is_refused),
	        cmocka_unit_test(every_tuple_of_random_spaces_matches_its_own_group_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
