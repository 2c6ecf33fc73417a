#pragma once
// What a receiving lcore hands over for the capture file: lost queries as a few numbers (crafting is
// deterministic, so their frames can be made again), unusual frames as copies. The RX lcore writes, the main
// lcore reads; the main thread creates and frees it. Nothing here waits, locks or allocates.

#include "base/error.h"
#include "base/units.h"
#include "capture/ring.h"
#include "match/table.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** Why something is in the capture file. */
enum capture_reason {
	CAPTURE_LOST,     ///< a query that got nothing within the largest timeout
	CAPTURE_ANSWERED, ///< the query before it on the same tuple, which was answered
	CAPTURE_LATE,
	CAPTURE_DUPLICATE,
	CAPTURE_UNEXPECTED,
	CAPTURE_MISMATCH,
	CAPTURE_WRONG_SOURCE,
	CAPTURE_REFUSED,   ///< an ICMP error that ended a query
	CAPTURE_ICMP,      ///< an ICMP error for no query in flight
	CAPTURE_MALFORMED, ///< broken, or no DNS response
	CAPTURE_REASONS,
};

/** What the reason means, for a packet comment. */
const char *capture_reason_text(enum capture_reason reason);

/** A query, to be crafted again. */
struct capture_query {
	struct match_query query;
	enum capture_reason reason;
	uint16_t backend; ///< who answered last on its tuple; FLOW_BACKEND_NONE: not known
};

/** Octets of a frame that are kept: all of it at an MTU of 1500, and a VLAN tag. */
#define CAPTURE_FRAME_MAX 2032

struct capture_frame {
	ns_t arrived;
	uint16_t captured; ///< octets in `bytes`
	uint16_t original; ///< octets of the frame
	uint32_t reason;   ///< enum capture_reason
	uint8_t bytes[CAPTURE_FRAME_MAX];
};

_Static_assert(sizeof(struct capture_frame) == 2048, "a frame's record is two kibibytes");

struct capture {
	struct capture_ring queries; ///< of struct capture_query
	struct capture_ring frames;  ///< of struct capture_frame
};

/** Make room for `queries` and `frames` records that the main lcore has not fetched yet. Returns 0 or
 * -ENOMEM. Release in either case. */
int capture_init(struct capture *capture, uint64_t queries, uint64_t frames, struct error *error);
void capture_release(struct capture *capture);

/** RX: a query. */
static inline void capture_take_query(struct capture *capture, enum capture_reason reason,
                                      const struct match_query *query, uint16_t backend)
{
	struct capture_query *record = (struct capture_query *)capture_ring_reserve(&capture->queries);

	if (record != NULL) {
		*record = (struct capture_query){*query, reason, backend};
		capture_ring_commit(&capture->queries);
	}
}

/** RX: a frame that arrived at `now`. */
static inline void capture_take_frame(struct capture *capture, enum capture_reason reason,
                                      const uint8_t *bytes, size_t length, ns_t now)
{
	struct capture_frame *record = (struct capture_frame *)capture_ring_reserve(&capture->frames);

	if (record != NULL) {
		record->arrived = now;
		record->reason = reason;
		record->original = length < UINT16_MAX ? (uint16_t)length : UINT16_MAX;
		record->captured = length < CAPTURE_FRAME_MAX ? (uint16_t)length : CAPTURE_FRAME_MAX;
		memcpy(record->bytes, bytes, record->captured);
		capture_ring_commit(&capture->frames);
	}
}

/** Records that found no room, of both kinds. Any thread. */
static inline uint64_t capture_dropped(const struct capture *capture)
{
	return capture_ring_dropped(&capture->queries) + capture_ring_dropped(&capture->frames);
}
