// Runs of octets are the same exactly when memcmp() says so, and nothing is read beyond them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/octets.h"

#define LENGTH_MOST 70

static void agrees_with_memcmp(void **state)
{
	(void)state;
	for (size_t length = 0; length <= LENGTH_MOST; length++) {
		// Of their own size, so that AddressSanitizer sees a step too far.
		uint8_t *a = (uint8_t *)malloc(length + 1), *b = (uint8_t *)malloc(length + 1);

		assert_non_null(a);
		assert_non_null(b);
		for (size_t i = 0; i < length; i++) {
			a[i + 1] = b[i + 1] = (uint8_t)(i * 37 + length);
		}
		assert_true(octets_equal(a + 1, b + 1, length));
		for (size_t bit = 0; bit < 8 * length; bit++) {
			b[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(octets_equal(a + 1, b + 1, length));
			b[1 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		free(a);
		free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_memcmp)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
