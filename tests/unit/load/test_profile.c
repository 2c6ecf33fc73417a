#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "load/profile.h"

static void assert_near(double found, double expected, double tolerance)
{
	if (!(fabs(found - expected) <= tolerance)) {
		fail_msg("%.12g is not within %g of %.12g", found, tolerance, expected);
	}
}

static double until(const struct load_profile *profile, double seconds)
{
	return load_count_value(load_profile_queries_until(profile, (ns_t)(seconds * 1e9)));
}

static void constant_rate_alone_lasts_for_ever(void **state)
{
	struct load_profile profile;
	struct error error = {0};

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "100k", "", &error), 0);
	assert_true(load_profile_duration(&profile) == NS_NEVER);
	assert_near(load_profile_rate_at(&profile, 7 * NS_PER_SEC), 1e5, 0);
	assert_near(until(&profile, 100000), 1e10, 0);
	load_profile_free(&profile);
}

static void ramp_has_the_area_of_a_triangle(void **state)
{
	struct load_profile profile;
	struct error error = {0};

	(void)state;
	assert_int_equal(load_profile_parse(&profile, "60s 0 100k, forever 5k", "", &error), 0);
	assert_near(until(&profile, 30), 750000, 1e-6);
	assert_near(until(&profile, 60), 3000000, 1e-6);
	assert_near(until(&profile, 61), 3005000, 1e-6);
	assert_near(load_profile_rate_at(&profile, 15 * NS_PER_SEC), 25000, 1e-9);
	assert_near(load_profile_peak(&profile), 1e5, 0);
	load_profile_free(&profile);
}

static void burst_profile_goes_round(void **state)
{
	struct load_profile profile;
	struct error error = {0};

	(void)state;
	load_profile_init(&profile);
	assert_int_equal(load_profile_burst(&profile, 1000, NS_PER_SEC, 10, 9 * NS_PER_SEC, &error), 0);
	assert_true(load_profile_duration(&profile) == NS_NEVER);
	assert_near(until(&profile, 10), 1090, 1e-9);
	assert_near(until(&profile, 25.5), 2 * 1090 + 1000 + 45, 1e-6);
	assert_near(load_profile_rate_at(&profile, 20500 * NS_PER_MS), 1000, 0);
	assert_near(load_profile_rate_at(&profile, 21500 * NS_PER_MS), 10, 0);
	load_profile_free(&profile);
}

static void steps_profile_ends_after_the_last_step(void **state)
{
	const double rates[] = {10, 20, 40};
	struct load_profile profile;
	struct error error = {0};

	(void)state;
	load_profile_init(&profile);
	assert_int_equal(load_profile_steps(&profile, rates, 3, 5 * NS_PER_SEC, &error), 0);
	assert_true(load_profile_duration(&profile) == 15 * NS_PER_SEC);
	assert_near(until(&profile, 15), 350, 0);
	assert_near(until(&profile, 1000), 350, 0);
	assert_near(load_profile_rate_at(&profile, 15 * NS_PER_SEC), 0, 0);
	load_profile_free(&profile);
}

static void integral_is_the_sum_of_thin_slices(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 11, 0);
	for (int round = 0; round < 50; round++) {
		struct load_profile profile;
		struct error error = {0};
		double sum = 0;

		load_profile_init(&profile);
		for (int i = 0; i < 5; i++) {
			double from = (double)random_below(&random, 1000);
			double to = random_below(&random, 2) ? from : (double)random_below(&random, 1000);

			assert_int_equal(load_profile_add(&profile, 1 + random_below(&random, NS_PER_SEC),
			                                  from, to, &error),
			                 0);
		}
		for (ns_t t = 0; t < profile.duration; t += NS_PER_MS) {
			sum += load_profile_rate_at(&profile, t + NS_PER_MS / 2) * 1e-3;
		}
		assert_near(load_count_value(profile.total), sum, 8); // slices over a jump are off by a slice
		load_profile_free(&profile);
	}
}

static void text_takes_lines_commas_and_comments(void **state)
{
	struct load_profile profile;
	struct error error = {0};

	(void)state;
	assert_int_equal(
	        load_profile_parse(&profile,
	                           "# warm up\n10 1k\t# ten seconds\r\n\n 500ms 1k 2k,1m max\nrepeat\n",
	                           "rates", &error),
	        0);
	assert_int_equal(profile.count, 3);
	assert_true(profile.segments[0].duration == 10 * NS_PER_SEC);
	assert_true(profile.segments[2].from_qps == LOAD_UNLIMITED);
	assert_true(profile.repeat);
	assert_true(profile.duration == 70500 * NS_PER_MS);
	load_profile_free(&profile);
}

static void bad_text_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *text;
		int line;
		int column;
		const char *part;
	} cases[] = {
	        {"", 0, 0, "empty"},
	        {"# nothing\n", 0, 0, "empty"},
	        {"10s 1k\n10s fast\n", 2, 5, "'fast' is no rate"},
	        {"10x 1k", 1, 1, "'10x' is no duration"},
	        {"10s 1k, 5s 1k 2k 3k", 1, 18, "one word too many"},
	        {"forever 1k\n10s 2k", 2, 1, "can follow"},
	        {"forever 1k 2k", 1, 1, "needs a duration"},
	        {"0s 1k", 1, 1, "duration above 0"},
	        {"1s 2G", 1, 1, "rate 2e+09"},
	        {"1s max 5", 1, 1, "max"},
	        {"repeat", 1, 1, "needs segments"},
	        {"100k, repeat", 1, 7, "needs segments"},
	        {"1s 5, repeat, 1s 5", 1, 15, "comes after repeat"},
	        {"1s -5", 1, 4, "no rate"},
	        {"1s nan", 1, 4, "no rate"},
	        {"11111111111111111111111111111111111111111111111111111111111111111111 5", 1, 1, "longer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct load_profile profile;
		struct error error = {0};

		assert_true(load_profile_parse(&profile, cases[i].text, "rates", &error) < 0);
		if (error.line != cases[i].line || error.column != cases[i].column ||
		    strstr(error.text, cases[i].part) == NULL) {
			fail_msg("'%s' gives %d:%d: %s", cases[i].text, error.line, error.column, error.text);
		}
		assert_int_equal(profile.count, 0);
		assert_null(profile.segments);
	}
}

static void random_text_never_breaks_the_parser(void **state)
{
	static const char alphabet[] = "0123456789smk. ,\n#-frepatnvx\t";
	struct random random;

	(void)state;
	random_seed(&random, 12, 0);
	for (int round = 0; round < 20000; round++) {
		struct load_profile profile;
		struct error error = {0};
		char text[64];
		size_t length = random_below(&random, sizeof(text));

		for (size_t i = 0; i < length; i++) {
			text[i] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
		}
		text[length] = '\0';
		if (load_profile_parse(&profile, text, "", &error) < 0) {
			assert_true(error_is_set(&error));
		} else {
			assert_true(profile.count > 0);
		}
		load_profile_free(&profile);
	}
}

static void file_is_read_and_its_name_is_in_errors(void **state)
{
	char path[] = "profileXXXXXX";
	struct load_profile profile;
	struct error error = {0};
	int file = mkstemp(path);

	(void)state;
	assert_true(file >= 0);
	assert_int_equal(write(file, "10s 5\n10s x\n", 12), 12);
	close(file);
	assert_int_equal(load_profile_read(&profile, path, &error), -EINVAL);
	assert_string_equal(error.source, path);
	assert_int_equal(error.line, 2);
	unlink(path);
	memset(&error, 0, sizeof(error));
	assert_int_equal(load_profile_read(&profile, path, &error), -ENOENT);
	assert_non_null(strstr(error.text, "can't open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(constant_rate_alone_lasts_for_ever),
	        cmocka_unit_test(ramp_has_the_area_of_a_triangle),
	        cmocka_unit_test(burst_profile_goes_round),
	        cmocka_unit_test(steps_profile_ends_after_the_last_step),
	        cmocka_unit_test(integral_is_the_sum_of_thin_slices),
	        cmocka_unit_test(text_takes_lines_commas_and_comments),
	        cmocka_unit_test(bad_text_is_refused_at_its_place),
	        cmocka_unit_test(random_text_never_breaks_the_parser),
	        cmocka_unit_test(file_is_read_and_its_name_is_in_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
