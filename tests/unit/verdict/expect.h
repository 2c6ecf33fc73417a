#pragma once
// Comparisons of doubles for this room's tests: absolute and relative, with the values in the message.

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline void expect_within(double value, double expected, double tolerance, const char *file, int line)
{
	if (!(fabs(value - expected) <= tolerance)) {
		print_error("%.15g is not within %g of %.15g\n", value, tolerance, expected);
		_fail(file, line);
	}
}

#define assert_near(value, expected, tolerance) expect_within(value, expected, tolerance, __FILE__, __LINE__)
#define assert_close(value, expected, relative)                                                              \
	expect_within(value, expected, (relative)*fabs(expected), __FILE__, __LINE__)
