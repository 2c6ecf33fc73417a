#pragma once
// Messages drawn at random: what the tests of quick ways against general ones have in common.

#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static struct random random_state;

static unsigned below(unsigned bound)
{
	return (unsigned)random_below(&random_state, bound);
}

static bool one_in(unsigned count)
{
	return below(count) == 0;
}

static size_t put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return 2;
}
