#include "capture/ring.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fixed.h"
#include "base/lines.h"

int capture_ring_init(struct capture_ring *ring, uint64_t count, size_t size, struct error *error)
{
	uint64_t places = fixed_power_of_two(count);

	memset(ring, 0, sizeof(*ring));
	ring->records = (uint8_t *)lines_allocate(places, size); // zeroed: no page is missing later
	if (ring->records == NULL) {
		return error_set(error, -ENOMEM, "no memory for %" PRIu64 " records of a capture", places);
	}
	ring->size = size;
	ring->mask = places - 1;
	return 0;
}

void capture_ring_release(struct capture_ring *ring)
{
	free(ring->records);
	memset(ring, 0, sizeof(*ring));
}
