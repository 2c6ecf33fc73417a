#include "ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "report/ledger.h"

// Clock times of the ledger begin above 0, which means never.
static ns_t since(ns_t time, ns_t start)
{
	return time == 0 ? NS_NEVER : time > start ? time - start : 0;
}

static void write_tuple(const struct session *session, uint32_t tuple, ns_t start,
                        enum report_ledger_format format, FILE *file)
{
	const struct worker_team *team = session->team;
	const struct flow_sent *sent = &team->ledger.sent[tuple];
	const struct flow_answered *answered = &team->ledger.answered[tuple];
	char source[FLOW_SOURCE_TEXT_SIZE];
	struct report_tuple row = {
	        .source = flow_space_format(team->space, tuple, source),
	        .cohort = team->space->cohorts[flow_space_cohort_of(team->space, tuple)].name,
	        .sent = sent->sent,
	        .answered = answered->answered,
	        .refused = answered->refused,
	        .lost = answered->lost,
	        .late = answered->late,
	        .first_lost = since(answered->first_lost, start),
	        .last_lost = since(answered->last_lost, start),
	        .longest_lost = answered->longest_lost,
	        .last_sent = since(sent->last_sent, start),
	        .last_answered = since(answered->last_answered, start),
	        .backend = worker_team_backend(team, tuple, flow_answered_backend(answered)),
	};

	report_ledger_row(format, &row, file);
}

int ledger_write(const struct session *session, const char *path, ns_t start, struct error *error)
{
	enum report_ledger_format format = report_ledger_format_of(path);
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdout : fopen(path, "we");
	int failed;

	if (file == NULL) {
		return error_set_at(error, -errno, "--ledger", 0, 0, "can't write '%s': %s", path,
		                    strerror(errno));
	}
	report_ledger_head(format, file);
	for (uint32_t tuple = 0; tuple < session->team->space->tuple_count; tuple++) {
		if (session->team->ledger.sent[tuple].sent > 0) {
			write_tuple(session, tuple, start, format, file);
		}
	}
	failed = ferror(file);
	failed = (standard ? fflush(file) : fclose(file)) != 0 || failed;
	return failed ? error_set_at(error, -EIO, path, 0, 0, "the ledger could not be written") : 0;
}

void ledger_clusters(const struct session *session, unsigned cohort, struct verdict_clusters *out)
{
	const struct worker_team *team = session->team;

	memset(out, 0, sizeof(*out));
	for (unsigned worker = 0; worker < team->sender_count; worker++) {
		uint32_t first = flow_space_first(team->space, worker, cohort);
		uint32_t count = flow_space_count(team->space, worker, cohort);

		for (uint32_t tuple = first; tuple < first + count; tuple++) {
			const struct flow_answered *answered = &team->ledger.answered[tuple];

			verdict_clusters_add(
			        out, (uint64_t)answered->answered + answered->refused + answered->lost,
			        answered->lost);
		}
	}
}
