// The frames of a burst.
#include "sending.h"

#include "craft.h"

// A frame comes from its pool as it was freed: one segment, one reference. A driver may have moved its data
// (virtio does).
static inline uint8_t *frame_prepare(struct rte_mbuf *frame, uint32_t length, uint64_t offload_flags)
{
	frame->data_off = RTE_PKTMBUF_HEADROOM;
	frame->data_len = (uint16_t)length;
	frame->pkt_len = length;
	frame->ol_flags = offload_flags;
	return (uint8_t *)frame->buf_addr + RTE_PKTMBUF_HEADROOM;
}

// All queries are alike and their frames hold them already. Cohort by cohort, so that what their sources have
// in common stays in registers.
static void stamp(struct worker_sender *sender, unsigned count)
{
	const struct packet_stamp stamp = sender->stamp;
	const struct worker_pending *pending = sender->pending, *end = pending + count;
	struct rte_mbuf *const *frame = sender->frames;
	uint32_t length = sender->stamped_length;
	uint64_t marks = sender->marks;

	while (pending < end) {
		unsigned cohort = pending->cohort;
		const struct flow_sources4 sources =
		        flow_sources4_of(&sender->space->cohorts[cohort], sender->number);

		do {
			uint8_t *bytes = frame_prepare(*frame++, length, marks);
			uint32_t address;
			uint16_t port;

			flow_sources4_at(&sources, pending->tuple, &address, &port);
			packet_stamp_apply(bytes, &stamp, address, port, pending->id);
			pending++;
		} while (pending < end && pending->cohort == cohort);
	}
}

// With a copy of the header the compiler keeps what it says in registers, while it reads the sender's again
// after each octet that is written to a frame.
static void craft(struct worker_sender *sender, unsigned count)
{
	const struct packet_header header = *sender->header;
	bool resident = sender->resident;
	uint64_t marks = sender->marks;

	for (unsigned i = 0; i < count; i++) {
		struct worker_pending *pending = &sender->pending[i];
		struct worker_query query = {pending->tuple, pending->id, pending->question};
		struct rte_mbuf *frame = sender->frames[i];
		uint8_t *bytes = (uint8_t *)frame->buf_addr + RTE_PKTMBUF_HEADROOM;

		pending->length =
		        worker_craft(bytes, &header, sender->space, sender->queries, &query, resident);
		frame_prepare(frame, pending->length, header.offload.flags | marks);
		if (header.offload.flags != 0) {
			frame->l2_len = header.offload.l2_length;
			frame->l3_len = header.offload.l3_length;
		}
	}
}

void sender_craft(struct worker_sender *sender, unsigned count)
{
	if (sender->stamped_length > 0) {
		stamp(sender, count);
	} else {
		craft(sender, count);
	}
}

static void fill_template(struct rte_mempool *pool, void *opaque, void *object, unsigned index)
{
	static const struct packet_source nowhere;
	const struct worker_sender *sender = (const struct worker_sender *)opaque;
	const struct packet_payload payload = worker_payload(&sender->queries->queries[0]);
	struct rte_mbuf *mbuf = (struct rte_mbuf *)object;

	(void)pool;
	(void)index;
	packet_craft((uint8_t *)mbuf->buf_addr + RTE_PKTMBUF_HEADROOM, sender->header, &nowhere, &payload, 0);
}

void worker_sender_prepare_frames(struct worker_sender *sender)
{
	const struct packet_payload payload = worker_payload(&sender->queries->queries[0]);

	// With one message for all queries the pool's frames keep it, and a query is a patch of what varies.
	sender->resident = sender->queries->count == 1;
	sender->stamped_length = 0;
	if (!sender->resident) {
		return;
	}
	rte_mempool_obj_iter(sender->pool, fill_template, sender);
	if (sender->queries->generated == DNS_GENERATED_NONE &&
	    packet_stamp_prepare(&sender->stamp, sender->header, &payload)) {
		sender->stamped_length = sender->header->length + payload.length;
	}
}
