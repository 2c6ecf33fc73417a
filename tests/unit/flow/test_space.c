#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "flow/space.h"

static struct address_range range(const char *text)
{
	struct address_range out;
	struct error error = {0};

	assert_int_equal(address_range_parse(text, false, &out, &error), 0);
	return out;
}

static struct flow_cohort_options cohort(const char *name, const struct address_range *ranges, unsigned count,
                                         const char *ports)
{
	struct flow_cohort_options options = {.share = 1, .ranges = ranges, .range_count = count};
	struct error error = {0};

	strncpy(options.name, name, sizeof(options.name) - 1);
	assert_int_equal(flow_ports_parse(&options.ports, ports, &error), 0);
	return options;
}

static uint32_t lookup(const struct flow_space *space, const struct address *address, uint16_t port)
{
	uint32_t number;

	if (address->family == ADDRESS_IPV6) {
		return flow_space_lookup6(space, address->bytes, port);
	}
	memcpy(&number, address->bytes, sizeof(number));
	return flow_space_lookup4(space, number, port);
}

// Every tuple is found by its source, and numbers, workers and cohorts agree.
static void check_space(const struct flow_space *space)
{
	uint32_t number = 0;

	for (unsigned w = 0; w < space->workers; w++) {
		for (unsigned c = 0; c < space->cohort_count; c++) {
			assert_int_equal(flow_space_first(space, w, c), number);
			for (uint32_t i = 0; i < flow_space_count(space, w, c); i++, number++) {
				struct flow_source source = flow_space_source(space, number);
				struct address address = flow_space_address(space, number);

				assert_int_equal(
				        memcmp(source.address, address.bytes, address_length(source.family)),
				        0);
				assert_int_equal(lookup(space, &address, source.port), number);
				assert_int_equal(flow_space_cohort_of(space, number), c);
				assert_int_equal(source.cohort, c);
				if (source.family == ADDRESS_IPV4) {
					uint32_t worked_out;
					uint16_t port;

					const struct flow_sources4 sources =
					        flow_sources4_of(&space->cohorts[c], w);

					flow_sources4_at(&sources, number, &worked_out, &port);
					assert_memory_equal(&worked_out, source.address, 4);
					assert_int_equal(port, source.port);
				}
				assert_int_equal(flow_space_worker_of(space, number), w);
				assert_true(flow_space_owns(space, &address));
			}
		}
	}
	assert_int_equal(number, space->tuple_count);
}

static void address_varies_before_the_port(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.7-192.0.2.8"), range("192.0.2.1")};
	const struct flow_cohort_options options = cohort("only", ranges, 2, "40000,40002");
	static const char *const expected[] = {"192.0.2.7:40000", "192.0.2.8:40000", "192.0.2.1:40000",
	                                       "192.0.2.7:40002", "192.0.2.8:40002", "192.0.2.1:40002"};
	struct flow_space *space;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_space_create(&space, &options, 1, 1, &error), 0);
	assert_int_equal(space->tuple_count, 6);
	for (uint32_t i = 0; i < 6; i++) {
		char text[FLOW_SOURCE_TEXT_SIZE];

		assert_string_equal(flow_space_format(space, i, text), expected[i]);
	}
	check_space(space);
	flow_space_free(space);
}

static void ipv6_source_is_written_in_brackets(void **state)
{
	const struct address_range ranges[] = {range("2001:db8::ffff:ffff:ffff:fffe-2001:db8:0:1::1")};
	const struct flow_cohort_options options = cohort("six", ranges, 1, "53000-53009");
	struct flow_space *space;
	struct error error = {0};
	char text[FLOW_SOURCE_TEXT_SIZE];

	(void)state;
	assert_int_equal(flow_space_create(&space, &options, 1, 3, &error), 0);
	assert_int_equal(space->tuple_count, 40);
	assert_string_equal(flow_space_format(space, 2, text), "[2001:db8:0:1::]:53000");
	check_space(space);
	flow_space_free(space);
}

static void what_is_outside_is_not_found(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.16/28"), range("198.51.100.0/24"),
	                                       range("203.0.113.9")};
	const struct address_range six[] = {range("2001:db8::/120")};
	const struct flow_cohort_options options[] = {cohort("four", ranges, 3, "1024-2047,!1500"),
	                                              cohort("six", six, 1, "1024-2047")};
	static const char *const outside[] = {"192.0.2.15",
	                                      "192.0.2.32",
	                                      "198.51.99.255",
	                                      "198.51.101.0",
	                                      "0.0.0.0",
	                                      "255.255.255.255",
	                                      "203.0.113.8",
	                                      "203.0.113.10",
	                                      "2001:db8::100",
	                                      "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
	                                      "::",
	                                      "::192.0.2.16"};
	struct flow_space *space;
	struct error error = {0};
	struct address address;

	(void)state;
	assert_int_equal(flow_space_create(&space, options, 2, 2, &error), 0);
	check_space(space);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		assert_int_equal(address_parse(outside[i], &address), 0);
		assert_true(lookup(space, &address, 1024) == FLOW_TUPLE_NONE);
		assert_false(flow_space_owns(space, &address));
	}
	assert_int_equal(address_parse("192.0.2.16", &address), 0);
	assert_true(lookup(space, &address, 1500) == FLOW_TUPLE_NONE);
	assert_true(lookup(space, &address, 0) == FLOW_TUPLE_NONE);
	assert_true(lookup(space, &address, 1023) == FLOW_TUPLE_NONE);
	assert_true(lookup(space, &address, 65535) == FLOW_TUPLE_NONE);
	assert_int_not_equal(lookup(space, &address, 1501), FLOW_TUPLE_NONE);
	flow_space_free(space);
}

static void space_of_one_family_finds_nothing_of_the_other(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.1")};
	const struct flow_cohort_options options = cohort("four", ranges, 1, "53");
	struct flow_space *space;
	struct error error = {0};
	const uint8_t zero[16] = {0};

	(void)state;
	assert_int_equal(flow_space_create(&space, &options, 1, 1, &error), 0);
	assert_true(flow_space_lookup6(space, zero, 53) == FLOW_TUPLE_NONE);
	flow_space_free(space);
}

static void cohorts_share_addresses_with_different_ports(void **state)
{
	const struct address_range wide[] = {range("192.0.2.0/24")};
	const struct address_range narrow[] = {range("192.0.2.64/26"), range("198.51.100.1")};
	const struct address_range one[] = {range("192.0.2.70")};
	const struct flow_cohort_options options[] = {cohort("wide", wide, 1, "1000-1009"),
	                                              cohort("narrow", narrow, 2, "2000-2006"),
	                                              cohort("one", one, 1, "3000-3999")};
	struct flow_space *space;
	struct error error = {0};

	(void)state;
	for (unsigned workers = 1; workers < 9; workers++) {
		assert_int_equal(flow_space_create(&space, options, 3, workers, &error), 0);
		assert_int_equal(space->tuple_count, 2560 + 65 * 7 + 1000);
		check_space(space);
		flow_space_free(space);
	}
}

static void shared_tuples_are_refused_with_both_names(void **state)
{
	const struct address_range a[] = {range("192.0.2.0/24")};
	const struct address_range b[] = {range("192.0.1.250-192.0.2.9")};
	const struct flow_cohort_options options[] = {cohort("treatment", a, 1, "1000-2000"),
	                                              cohort("control", b, 1, "500-600,1999-3000")};
	struct flow_space *space;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_space_create(&space, options, 2, 1, &error), -EINVAL);
	assert_null(space);
	assert_string_equal(
	        error.text,
	        "cohorts 'control' and 'treatment' share tuples, the first is 192.0.2.0 port 1999; give "
	        "them different addresses or ports");
}

static void bad_cohorts_are_refused(void **state)
{
	const struct address_range one[] = {range("192.0.2.1"), range("192.0.2.0/30")};
	const struct address_range mixed[] = {range("192.0.2.1"), range("2001:db8::1")};
	const struct address_range huge[] = {range("10.0.0.0/8")};
	const struct address_range end[] = {
	        {.first = {.family = ADDRESS_IPV4, .bytes = {255, 255, 255, 254}}, .count = 3}};
	struct flow_cohort_options idle = cohort("idle", one, 1, "5");
	struct flow_cohort_options portless = idle;
	struct {
		struct flow_cohort_options options;
		unsigned workers;
		int code;
		const char *part;
	} cases[] = {
	        {cohort("twice", one, 2, "5"), 1, -EINVAL, "192.0.2.1 twice"},
	        {cohort("mixed", mixed, 2, "5"), 1, -EINVAL, "mixes"},
	        {cohort("huge", huge, 1, "1-65535"), 1, -ERANGE, "268435456 are allowed"},
	        {cohort("end", end, 1, "5"), 1, -EINVAL, "passes the last address"},
	        {cohort("small", one, 1, "5"), 2, -EINVAL, "1 tuples for 2 workers"},
	        {cohort("none", one, 0, "5"), 1, -EINVAL, "no addresses"},
	        {idle, 1, -EINVAL, "share 0"},
	        {portless, 1, -EINVAL, "no ports"},
	        {cohort("workers", one, 1, "5"), 0, -EINVAL, "0 workers"},
	};

	(void)state;
	cases[6].options.share = 0;
	flow_ports_clear(&cases[7].options.ports);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_space *space;
		struct error error = {0};

		assert_int_equal(flow_space_create(&space, &cases[i].options, 1, cases[i].workers, &error),
		                 cases[i].code);
		if (strstr(error.text, cases[i].part) == NULL) {
			fail_msg("cohort '%s' gives: %s", cases[i].options.name, error.text);
		}
	}
}

// Random cohorts over few addresses: either they overlap, or every source leads to its tuple and all else to
// none.
static void random_spaces_agree_with_a_slow_model(void **state)
{
	static uint32_t model[64][256];
	struct random random;
	unsigned made = 0;

	(void)state;
	random_seed(&random, 3, 0);
	for (int round = 0; round < 400; round++) {
		struct flow_cohort_options options[4] = {0};
		struct address_range ranges[4][3];
		unsigned count = 1 + (unsigned)random_below(&random, 4);
		unsigned workers = 1 + (unsigned)random_below(&random, 3);
		bool six = random_below(&random, 2);
		struct flow_space *space;
		struct error error = {0};
		bool overlap = false;

		memset(model, 0xff, sizeof(model));
		for (unsigned c = 0; c < count; c++) {
			uint16_t low = (uint16_t)(1 + random_below(&random, 250));

			options[c].share = 1;
			options[c].ranges = ranges[c];
			options[c].range_count = 1 + (unsigned)random_below(&random, 3);
			flow_ports_add(&options[c].ports, low,
			               (uint16_t)(low + random_below(&random, 256 - low)), NULL);
			for (unsigned r = 0; r < options[c].range_count; r++) {
				uint32_t first = (uint32_t)random_below(&random, 60);
				struct address base;

				assert_int_equal(
				        address_parse(six ? "2001:db8::ffff:fff0" : "10.0.255.240", &base),
				        0);
				ranges[c][r].first = address_add(&base, first);
				ranges[c][r].count =
				        1 + random_below(&random, 64 - first > 8 ? 8 : 64 - first);
				for (uint32_t a = first; a < first + ranges[c][r].count; a++) {
					for (uint32_t p = flow_ports_next(&options[c].ports, 1); p != 0;
					     p = flow_ports_next(&options[c].ports, p + 1)) {
						overlap = overlap || model[a][p] != UINT32_MAX;
						model[a][p] = c;
					}
				}
			}
		}
		if (flow_space_tuples(options, count) < 1) {
			continue;
		}
		int rc = flow_space_create(&space, options, count, workers, &error);
		if (overlap) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		if (rc < 0) {
			assert_non_null(strstr(error.text, "workers"));
			continue;
		}
		made++;
		check_space(space);
		for (uint32_t a = 0; a < 64; a++) {
			struct address base, address;

			assert_int_equal(address_parse(six ? "2001:db8::ffff:fff0" : "10.0.255.240", &base),
			                 0);
			address = address_add(&base, a);
			for (uint32_t p = 0; p < 256; p++) {
				uint32_t found = lookup(space, &address, (uint16_t)p);

				assert_int_equal(found == FLOW_TUPLE_NONE
				                         ? UINT32_MAX
				                         : flow_space_cohort_of(space, found),
				                 model[a][p]);
			}
		}
		flow_space_free(space);
	}
	assert_true(made > 50);
}

static void workers_get_even_shares(void **state)
{
	const struct address_range ranges[] = {range("192.0.2.0/29")};
	const struct flow_cohort_options options = cohort("only", ranges, 1, "1-1001");

	(void)state;
	for (unsigned workers = 1; workers <= FLOW_WORKERS_MAX; workers += workers < 8 ? 1 : 31) {
		struct flow_space *space;
		struct error error = {0};

		assert_int_equal(flow_space_create(&space, &options, 1, workers, &error), 0);
		for (unsigned w = 0; w < workers; w++) {
			assert_in_range(flow_space_count(space, w, 0), 8008 / workers, 8008 / workers + 1);
		}
		check_space(space);
		flow_space_free(space);
	}
}

static void memory_is_predicted(void **state)
{
	const struct address_range ranges[] = {range("10.0.0.0/20")};
	const struct flow_cohort_options options = cohort("only", ranges, 1, "32768-60999");
	uint64_t tuples = UINT64_C(4096) * 28232;

	(void)state;
	assert_true(flow_space_tuples(&options, 1) == tuples);
	assert_in_range(flow_space_memory(&options, 1), tuples * 8, tuples * 8 + (1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(address_varies_before_the_port),
	        cmocka_unit_test(ipv6_source_is_written_in_brackets),
	        cmocka_unit_test(what_is_outside_is_not_found),
	        cmocka_unit_test(space_of_one_family_finds_nothing_of_the_other),
	        cmocka_unit_test(cohorts_share_addresses_with_different_ports),
	        cmocka_unit_test(shared_tuples_are_refused_with_both_names),
	        cmocka_unit_test(bad_cohorts_are_refused),
	        cmocka_unit_test(random_spaces_agree_with_a_slow_model),
	        cmocka_unit_test(workers_get_even_shares),
	        cmocka_unit_test(memory_is_predicted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
