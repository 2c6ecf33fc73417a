#include "craft.h"

#include "worker/team.h"

size_t worker_team_frame(const struct worker_team *team, const struct match_query *query, uint8_t *frame,
                         size_t size)
{
	const struct dns_query_set *queries = team->receivers[0].queries;
	struct worker_query what = {query->tuple, query->id, query->question};

	if (query->tuple >= team->space->tuple_count ||
	    (queries->generated == DNS_GENERATED_NONE && query->question >= queries->count) ||
	    size < (size_t)team->wire_header.length + queries->longest) {
		return 0;
	}
	return worker_craft(frame, &team->wire_header, team->space, queries, &what, false);
}
