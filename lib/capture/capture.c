#include "capture/capture.h"

static const char *const texts[CAPTURE_REASONS] = {
        [CAPTURE_LOST] = "lost: no answer within the timeout",
        [CAPTURE_ANSWERED] = "answered: the last query before the next loss on this port",
        [CAPTURE_LATE] = "late: the answer to a query that was counted as lost",
        [CAPTURE_DUPLICATE] = "duplicate: the query had ended before",
        [CAPTURE_UNEXPECTED] = "unexpected: no query of this id was sent from this port",
        [CAPTURE_MISMATCH] = "mismatch: the id is known, the question is another",
        [CAPTURE_WRONG_SOURCE] = "wrong source: an answer that is not from the service's address",
        [CAPTURE_REFUSED] = "refused: this ICMP error ended the query that it quotes",
        [CAPTURE_ICMP] = "ICMP error for no query in flight",
        [CAPTURE_MALFORMED] = "malformed, or no DNS response",
};

const char *capture_reason_text(enum capture_reason reason)
{
	return (unsigned)reason < CAPTURE_REASONS ? texts[reason] : "unknown";
}

int capture_init(struct capture *capture, uint64_t queries, uint64_t frames, struct error *error)
{
	int rc;

	memset(capture, 0, sizeof(*capture));
	rc = capture_ring_init(&capture->queries, queries, sizeof(struct capture_query), error);
	return rc < 0 ? rc : capture_ring_init(&capture->frames, frames, sizeof(struct capture_frame), error);
}

void capture_release(struct capture *capture)
{
	capture_ring_release(&capture->queries);
	capture_ring_release(&capture->frames);
}
