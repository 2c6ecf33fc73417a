#include "live/ring.h"

#include <rte_mempool.h>
#include <string.h>

#define ETHERNET_HEADER 14

struct live_shape live_shape_of(unsigned slots, unsigned longest)
{
	struct live_shape shape = {.slots = 64, .shift = 6, .longest = longest};

	while (shape.slots < slots && shape.slots < LIVE_SLOTS_MAX) {
		shape.slots *= 2;
	}
	while ((1u << shape.shift) < sizeof(struct live_slot) + longest) {
		shape.shift++;
	}
	while (shape.slots > 64 &&
	       sizeof(struct live_ring) + ((uint64_t)shape.slots << shape.shift) > LIVE_RING_OCTETS_MAX) {
		shape.slots /= 2;
	}
	shape.octets = (uint32_t)sizeof(struct live_ring) + (shape.slots << shape.shift);
	return shape;
}

uint16_t live_ring_put(void *context, struct rte_mbuf **frames, uint16_t count)
{
	struct live_end *end = (struct live_end *)context;
	uint16_t put = 0;

	for (; put < count; put++) {
		struct live_slot *slot = live_slot_at(end->ring, &end->shape, end->tail + put);
		uint32_t length = frames[put]->data_len;

		// A slot is free when the driver took its frame, not when a program took it from the ring.
		if (__atomic_load_n(&slot->length, __ATOMIC_ACQUIRE) != 0 || length > end->shape.longest ||
		    length < ETHERNET_HEADER) {
			break;
		}
		memcpy(slot->octets, rte_pktmbuf_mtod(frames[put], const void *), length);
		slot->length = length;
	}
	if (put > 0) {
		end->tail += put;
		__atomic_store_n(&end->ring->tail, end->tail, __ATOMIC_RELEASE);
		rte_mempool_put_bulk(frames[0]->pool, (void **)frames, put);
	}
	return put;
}
