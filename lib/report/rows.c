#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// Rules are judged from so many replies on, and one in so many may go astray: those on the way while the
// rules came into force, fragments.
#define RULES_REPLIES 1000
#define RULES_MISSES  100

double report_percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

double report_rate(uint64_t count, ns_t time)
{
	return time > 0 ? (double)count / ns_to_seconds(time) : 0;
}

// The shape keeps the timeouts in descending order.
static unsigned timeout_number(const struct report_input *input, unsigned given)
{
	const struct stats_shape *shape = &input->snapshot->shape;

	if (input->plan->timeouts == NULL) {
		return given;
	}
	for (unsigned i = 0; i < shape->timeouts; i++) {
		if (shape->timeout[i] == input->plan->timeouts[given]) {
			return i;
		}
	}
	return given;
}

struct report_row report_at_timeout(const struct report_input *input, const struct stats_totals *totals,
                                    unsigned given)
{
	unsigned number = timeout_number(input, given);
	struct report_row row = {
	        .timeout = input->snapshot->shape.timeout[number],
	        .totals = stats_at_timeout(totals, number),
	};
	uint64_t ended = row.totals.answered + row.totals.refused + row.totals.lost;

	row.loss = verdict_wilson((double)row.totals.lost, (double)ended, REPORT_CONFIDENCE);
	return row;
}

int report_accounts_check(const struct report_input *input, struct error *error)
{
	return stats_snapshot_check(input->snapshot, input->in_flight, error);
}

uint32_t report_intervals(const struct stats_snapshot *snapshot)
{
	uint32_t count = snapshot->intervals;

	for (; count > 0; count--) {
		struct stats_totals totals = stats_snapshot_interval(snapshot, -1, count - 1);

		if (report_totals_used(&totals)) {
			break;
		}
	}
	return count;
}

ns_t report_interval_since(const struct report_input *input, uint32_t interval)
{
	return input->snapshot->shape.interval * interval;
}

ns_t report_interval_until(const struct report_input *input, uint32_t interval)
{
	const struct stats_shape *shape = &input->snapshot->shape;
	ns_t end = shape->interval * (interval + UINT64_C(1));

	return interval + 1 == shape->intervals && input->sending > end ? input->sending : end;
}

void report_totals_add(struct stats_totals *into, const struct stats_totals *from)
{
	into->sent += from->sent;
	into->answered += from->answered;
	into->refused += from->refused;
	into->lost += from->lost;
	into->late += from->late;
	into->outstanding += from->outstanding;
	for (unsigned i = 0; i < STATS_TIMEOUTS; i++) {
		into->slow[i] += from->slow[i];
		into->slow_refused[i] += from->slow_refused[i];
	}
}

const char *report_cohort_name(const struct report_input *input, unsigned cohort, char *buffer, size_t size)
{
	if (input->plan->cohorts != NULL && input->plan->cohorts[cohort].name != NULL) {
		return input->plan->cohorts[cohort].name;
	}
	snprintf(buffer, size, "cohort %u", cohort);
	return buffer;
}

const char *report_rcode_name(const struct report_input *input, unsigned rcode, char *buffer)
{
	if (rcode == STATS_RCODES) {
		return "OTHER";
	}
	if (input->rcode_name != NULL) {
		return input->rcode_name((uint16_t)rcode, buffer);
	}
	snprintf(buffer, REPORT_RCODE_TEXT_SIZE, "RCODE%u", rcode);
	return buffer;
}

uint64_t report_throttled(const struct stats_snapshot *snapshot)
{
	return snapshot->sender[STATS_THROTTLED_TUPLE] + snapshot->sender[STATS_THROTTLED_FLIGHT] +
	       snapshot->sender[STATS_THROTTLED_TABLE] + snapshot->sender[STATS_THROTTLED_MEMORY];
}

uint64_t report_port_missing(const struct report_input *input)
{
	uint64_t sent = input->snapshot->sender[STATS_SENT];

	// The port also counts answers to ARP and ping, so more than sent is no contradiction.
	return input->box.port_counters_known && sent > input->box.port_tx_packets
	               ? sent - input->box.port_tx_packets
	               : 0;
}

// What ICMP says of a query matches no rule on UDP ports and comes to any queue.
uint64_t report_rules_misses(const struct report_input *input)
{
	const uint64_t *counts = input->snapshot->receiver;
	uint64_t away = counts[STATS_RX_WRONG_QUEUE],
	         icmp = counts[STATS_REFUSED_PORT] + counts[STATS_REFUSED_HOST] +
	                counts[STATS_REFUSED_ADMIN] + counts[STATS_REFUSED_OTHER] +
	                counts[STATS_ICMP_UNMATCHED];

	return away > icmp ? away - icmp : 0;
}

enum report_rules report_rules(const struct report_input *input)
{
	uint64_t replies = input->snapshot->total.answered + input->snapshot->total.late;

	if (input->box.steering != REPORT_STEERING_FLOW || replies < RULES_REPLIES) {
		return REPORT_RULES_UNKNOWN;
	}
	return report_rules_misses(input) > replies / RULES_MISSES ? REPORT_RULES_BROKEN : REPORT_RULES_KEPT;
}

const char *report_steering_name(enum report_steering steering)
{
	static const char *const names[] = {
	        [REPORT_STEERING_NONE] = "none",
	        [REPORT_STEERING_FLOW] = "flow",
	        [REPORT_STEERING_SOFTWARE] = "software",
	};

	return names[steering];
}

bool report_box_faults(const struct report_input *input)
{
	const uint64_t *sender = input->snapshot->sender;
	const struct report_box *box = &input->box;
	uint64_t faults = sender[STATS_TX_DROPPED] + sender[STATS_SKIPPED] +
	                  report_throttled(input->snapshot) +
	                  input->snapshot->receiver[STATS_CONTROL_DROPPED] +
	                  input->snapshot->receiver[STATS_DISPATCH_DROPPED] + report_port_missing(input);

	if (box->port_counters_known) {
		faults +=
		        box->port_rx_missed + box->port_rx_errors + box->port_rx_nombuf + box->port_tx_errors;
	}
	return faults > 0;
}

bool report_rate_asked(const struct report_input *input)
{
	return isfinite(input->requested_qps) && input->requested_qps > 0;
}

// ---- Reuse ages

// Round ages as people think of them; 300 s is the UDP timeout of IPVS.
static const ns_t age_bounds[] = {
        NS_PER_MS,        10 * NS_PER_MS,   100 * NS_PER_MS,   NS_PER_SEC,        2 * NS_PER_SEC,
        5 * NS_PER_SEC,   10 * NS_PER_SEC,  20 * NS_PER_SEC,   30 * NS_PER_SEC,   60 * NS_PER_SEC,
        90 * NS_PER_SEC,  120 * NS_PER_SEC, 180 * NS_PER_SEC,  240 * NS_PER_SEC,  300 * NS_PER_SEC,
        360 * NS_PER_SEC, 600 * NS_PER_SEC, 1800 * NS_PER_SEC, 3600 * NS_PER_SEC,
};

#define AGE_BOUNDS ((unsigned)(sizeof(age_bounds) / sizeof(age_bounds[0])))

ns_t report_age_high(unsigned class)
{
	return class == STATS_AGE_FIRST ? 0 : stats_age_low(class + 1);
}

unsigned report_ages(void)
{
	return AGE_BOUNDS + 2;
}

unsigned report_age_row(unsigned class)
{
	unsigned row = 0;

	if (class == STATS_AGE_FIRST) {
		return 0;
	}
	// A policy keeps a tuple from being used before its age, hardly ever after: of a class across a bound
	// the ages above it are the likely ones.
	while (row < AGE_BOUNDS && report_age_high(class) > age_bounds[row]) {
		row++;
	}
	return row + 1;
}

void report_age_bounds(unsigned row, ns_t *low, ns_t *high)
{
	*low = row < 2 ? 0 : age_bounds[row - 2];
	*high = row == 0 ? 0 : row - 1 < AGE_BOUNDS ? age_bounds[row - 1] : NS_NEVER;
}

// ---- Histograms

void report_histogram_since(const struct stats_histogram *before, const struct stats_histogram *after,
                            struct stats_histogram *out)
{
	*out = *after;
	if (before == NULL || before->count == 0) {
		return;
	}
	stats_histogram_init(out);
	out->square_low = after->square_low - before->square_low;
	out->square_high =
	        after->square_high - before->square_high - (after->square_low < before->square_low);
	out->sum = after->sum - before->sum;
	for (unsigned i = 0; i < STATS_BUCKETS; i++) {
		uint64_t count = after->buckets[i] - before->buckets[i];

		out->buckets[i] = count;
		out->count += count;
		if (count > 0) {
			ns_t low = stats_bucket_low(i), high = stats_bucket_low(i + 1) - 1;

			out->min = out->min == NS_NEVER ? (low > after->min ? low : after->min) : out->min;
			out->max = high < after->max ? high : after->max;
		}
	}
}
