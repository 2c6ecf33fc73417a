#include "recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "stats/age.h"

#define COMMENT_SIZE 512

static uint64_t stamp(const struct recorder *recorder, const struct session *session, ns_t time)
{
	if (recorder->simulated) {
		return time > recorder->start ? time - recorder->start : 0;
	}
	return session->clock.wall_ns + (time - CLOCK_EPOCH);
}

int recorder_open(struct recorder *recorder, const struct session *session, ns_t start, bool simulated,
                  struct error *error)
{
	const struct plan *plan = session->plan;

	memset(recorder, 0, sizeof(*recorder));
	recorder->start = start;
	recorder->simulated = simulated;
	if (plan->output.pcap == NULL) {
		return 0;
	}
	return capture_file_open(&recorder->file, plan->output.pcap, stdout, "staleflow " STALEFLOW_VERSION,
	                         plan->port.device != NULL ? plan->port.device
	                                                   : plan_driver_name(plan->port.driver),
	                         CAPTURE_FRAME_MAX, error);
}

static void describe_age(unsigned class, char *text, size_t size)
{
	if (class == STATS_AGE_FIRST) {
		snprintf(text, size, "first use of the port");
	} else {
		snprintf(text, size, "the port had rested %.4g to %.4g s",
		         ns_to_seconds(stats_age_low(class)), ns_to_seconds(stats_age_low(class + 1)));
	}
}

static void write_query(struct recorder *recorder, const struct session *session,
                        const struct capture_query *record)
{
	const struct worker_team *team = session->team;
	const struct match_query *query = &record->query;
	const char *backend = worker_team_backend(team, query->tuple, record->backend);
	char comment[COMMENT_SIZE], age[64];
	uint8_t frame[UINT16_MAX];
	size_t length = worker_team_frame(team, query, frame, sizeof(frame));
	struct capture_packet packet = {
	        .time = stamp(recorder, session, query->sent_at),
	        .direction = CAPTURE_OUTBOUND,
	        .bytes = frame,
	        .captured = (uint32_t)length,
	        .original = (uint32_t)length,
	        .comment = comment,
	};

	describe_age(query->age_class, age, sizeof(age));
	snprintf(comment, sizeof(comment),
	         "%s; sent %.6f s into the run; cohort %s; %s; last answer on it from %s",
	         capture_reason_text(record->reason),
	         ns_to_seconds(query->sent_at > recorder->start ? query->sent_at - recorder->start : 0),
	         team->space->cohorts[flow_space_cohort_of(team->space, query->tuple)].name, age,
	         backend != NULL ? backend : "an unknown server");
	capture_file_write(recorder->file, &packet);
}

static void write_frame(struct recorder *recorder, const struct session *session,
                        const struct capture_frame *record)
{
	struct capture_packet packet = {
	        .time = stamp(recorder, session, record->arrived),
	        .direction = CAPTURE_INBOUND,
	        .bytes = record->bytes,
	        .captured = record->captured,
	        .original = record->original,
	        .comment = capture_reason_text((enum capture_reason)record->reason),
	};

	capture_file_write(recorder->file, &packet);
}

// What one receiver has handed over.
static void take(struct recorder *recorder, const struct session *session, struct capture *capture)
{
	const struct capture_query *query;
	const struct capture_frame *frame;

	while ((query = (const struct capture_query *)capture_ring_peek(&capture->queries)) != NULL) {
		write_query(recorder, session, query);
		capture_ring_pop(&capture->queries);
	}
	while ((frame = (const struct capture_frame *)capture_ring_peek(&capture->frames)) != NULL) {
		write_frame(recorder, session, frame);
		capture_ring_pop(&capture->frames);
	}
}

void recorder_step(struct recorder *recorder, struct session *session)
{
	for (unsigned i = 0; recorder->file != NULL && i < session->team->receiver_count; i++) {
		take(recorder, session, &session->captures[i]);
	}
}

int recorder_finish(struct recorder *recorder, struct session *session, ns_t now, struct error *error)
{
	struct capture_file *file = recorder->file;
	uint64_t dropped = 0;

	if (file == NULL) {
		return 0;
	}
	recorder_step(recorder, session);
	for (unsigned i = 0; i < session->team->receiver_count; i++) {
		dropped += capture_dropped(&session->captures[i]);
	}
	if (dropped > 0) {
		fprintf(stderr,
		        "staleflow: --pcap: %" PRIu64 " of %" PRIu64
		        " packets are missing from '%s': they came faster than they could be written\n",
		        dropped, capture_file_count(file) + dropped, session->plan->output.pcap);
	}
	recorder->file = NULL;
	return capture_file_close(file, stamp(recorder, session, now), dropped, error);
}

void recorder_close(struct recorder *recorder)
{
	struct error ignored = {0};

	capture_file_close(recorder->file, 0, 0, &ignored);
	recorder->file = NULL;
}
