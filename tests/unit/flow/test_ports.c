#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "flow/ports.h"

static void default_ports_are_those_of_linux(void **state)
{
	struct flow_ports ports;

	(void)state;
	flow_ports_default(&ports);
	assert_int_equal(ports.count, 28232);
	assert_true(flow_ports_has(&ports, 32768));
	assert_true(flow_ports_has(&ports, 60999));
	assert_false(flow_ports_has(&ports, 32767));
	assert_false(flow_ports_has(&ports, 61000));
}

static void text_adds_and_takes_out_from_left_to_right(void **state)
{
	struct flow_ports ports;
	struct error error = {0};

	(void)state;
	assert_int_equal(flow_ports_parse(&ports, "1024-65535,!5353,!6000-6009,6005", &error), 0);
	assert_int_equal(ports.count, 64512 - 1 - 10 + 1);
	assert_false(flow_ports_has(&ports, 5353));
	assert_true(flow_ports_has(&ports, 6005));
	assert_true(flow_ports_has(&ports, 65535));
	assert_int_equal(flow_ports_parse(&ports, "!40000", &error), 0);
	assert_int_equal(ports.count, 28231);
	assert_int_equal(flow_ports_parse(&ports, "7", &error), 0);
	assert_int_equal(ports.count, 1);
}

static void bad_text_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
	        {"", "is no port"},
	        {"0", "port 0"},
	        {"0-5", "port 0"},
	        {"5-1", "backwards"},
	        {"65536", "is no port"},
	        {"1-65536", "is no port"},
	        {"a", "'a'"},
	        {"1,,2", "''"},
	        {"5,!5", "no port at all"},
	        {"1-2-3", "'1-2-3'"},
	        {"!!5", "'!!5'"},
	        {"1 ", "'1 '"},
	        {"1,", "''"},
	        {"-5", "'-5'"},
	        {"5-", "'5-'"},
	        {"1-111111111111111111", "is no port"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flow_ports ports;
		struct error error = {0};

		assert_int_equal(flow_ports_parse(&ports, cases[i].text, &error), -EINVAL);
		if (strstr(error.text, cases[i].part) == NULL) {
			fail_msg("'%s' gives: %s", cases[i].text, error.text);
		}
	}
}

static void walk_meets_every_port_once_in_order(void **state)
{
	struct flow_ports ports;
	struct error error = {0};
	uint32_t seen = 0, last = 0;

	(void)state;
	assert_int_equal(flow_ports_parse(&ports, "1-65535,!64,!128-191", &error), 0);
	for (uint32_t port = flow_ports_next(&ports, 1); port != 0;
	     port = flow_ports_next(&ports, port + 1)) {
		assert_true(port > last);
		assert_true(flow_ports_has(&ports, (uint16_t)port));
		last = port;
		seen++;
	}
	assert_int_equal(seen, ports.count);
	assert_int_equal(last, 65535);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(default_ports_are_those_of_linux),
	        cmocka_unit_test(text_adds_and_takes_out_from_left_to_right),
	        cmocka_unit_test(bad_text_is_refused_with_the_reason),
	        cmocka_unit_test(walk_meets_every_port_once_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
