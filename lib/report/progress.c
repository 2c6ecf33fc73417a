#include "report/report.h"

#include <inttypes.h>

#include "rows.h"

int report_progress(const struct report_input *input, const struct stats_snapshot *previous, char *buffer,
                    size_t size)
{
	const struct stats_snapshot *current = input->snapshot;
	const struct stats_totals *total = &current->total;
	ns_t start = current->shape.start, now = current->at > start ? current->at - start : 0;
	ns_t since = previous != NULL && previous->at > start ? previous->at - start : 0;
	uint64_t sent = total->sent - (previous != NULL ? previous->total.sent : 0);
	uint64_t ended = total->answered + total->refused + total->lost;
	char asked[40] = "", refused[40] = "";

	if (report_rate_asked(input)) {
		snprintf(asked, sizeof(asked), " of %.0f", input->requested_qps);
	}
	if (total->refused > 0) {
		snprintf(refused, sizeof(refused), ", %" PRIu64 " refused", total->refused);
	}
	return snprintf(buffer, size,
	                "%.1f s: %.0f%s q/s, %" PRIu64 " sent, %" PRIu64 " answered%s, %" PRIu64
	                " lost (%.2f %%), %" PRIu64 " in flight",
	                ns_to_seconds(now), report_rate(sent, now > since ? now - since : 0), asked,
	                total->sent, total->answered, refused, total->lost,
	                report_percent(total->lost, ended), total->outstanding);
}
