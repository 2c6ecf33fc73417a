#include "read.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "stats/backend.h"

#define PATH_SIZE 160

// ---- Values

void report_read_fault(const struct report_reader *reader, const char *at, const char *key,
                       const char *wanted)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s%s%s", at, key != NULL ? "." : "", key != NULL ? key : "");
	error_set_path(reader->error, -EINVAL, reader->source, path, "found something else than %s", wanted);
}

static bool is_count(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

uint64_t report_read_count(const struct report_reader *reader, const json_t *object, const char *at,
                           const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!is_count(value)) {
		report_read_fault(reader, at, key, "an integer of 0 or more");
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

// Times are written exact to the nanosecond as far as 15 digits reach: ten days in seconds.
static bool to_time(const json_t *value, ns_t unit, ns_t *time)
{
	double nanoseconds = json_number_value(value) * (double)unit;

	if (!json_is_number(value) || !(nanoseconds >= 0) || nanoseconds > 0x1p62) {
		return false;
	}
	*time = (ns_t)llround(nanoseconds);
	return true;
}

ns_t report_read_time(const struct report_reader *reader, const json_t *object, const char *at,
                      const char *key, ns_t unit, ns_t absent)
{
	const json_t *value = json_object_get(object, key);
	ns_t time = absent;

	if (!json_is_null(value) && !to_time(value, unit, &time)) {
		report_read_fault(reader, at, key, "a time of 0 or more");
	}
	return time;
}

bool report_read_bool(const struct report_reader *reader, const json_t *object, const char *at,
                      const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value)) {
		report_read_fault(reader, at, key, "true or false");
	}
	return json_is_true(value);
}

void report_read_clusters(const struct report_reader *reader, const json_t *cohort, const char *at,
                          struct verdict_clusters *out)
{
	const json_t *object = json_object_get(cohort, "clusters");

	memset(out, 0, sizeof(*out));
	if (object != NULL) {
		out->clusters = report_read_count(reader, object, at, "tuples");
		out->trials = report_read_count(reader, object, at, "queries");
		out->events = report_read_count(reader, object, at, "lost");
		out->trials_squared = report_read_count(reader, object, at, "queries_squared");
		out->events_squared = report_read_count(reader, object, at, "lost_squared");
		out->products = report_read_count(reader, object, at, "products");
	}
}

const char *report_read_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

// ---- Shape

static unsigned read_timeouts(const struct report_reader *reader, const json_t *document, ns_t *given)
{
	const json_t *list = json_object_get(document, "timeouts");
	unsigned count = 0;

	for (size_t i = 0; i < json_array_size(list) && count < STATS_TIMEOUTS; i++) {
		char at[PATH_SIZE];

		snprintf(at, sizeof(at), "$.timeouts[%zu]", i);
		given[count++] =
		        report_read_time(reader, json_array_get(list, i), at, "timeout_ms", NS_PER_MS, 0);
	}
	return count;
}

// The last interval of a shape also holds what was sent after its end, and then says so in "until_s". Else
// the document may be of a shape with more intervals, which stayed empty.
static uint32_t intervals_of(const struct report_reader *reader, const json_t *document, ns_t interval)
{
	const json_t *list = json_object_get(document, "timeline");
	size_t rows = json_array_size(list);
	char at[PATH_SIZE];
	ns_t until;

	if (rows == 0) {
		return 1;
	}
	if (rows >= STATS_INTERVALS_MAX) {
		return STATS_INTERVALS_MAX;
	}
	snprintf(at, sizeof(at), "$.timeline[%zu]", rows - 1);
	until = report_read_time(reader, json_array_get(list, rows - 1), at, "until_s", NS_PER_SEC, 0);
	return (uint32_t)rows + (until <= rows * interval);
}

int report_read_shape(const struct report_reader *reader, const json_t *document, uint32_t intervals,
                      struct stats_shape *shape, ns_t *given)
{
	ns_t interval = report_read_time(reader, document, "$", "interval_s", NS_PER_SEC, 0);
	unsigned timeouts = read_timeouts(reader, document, given);
	struct error reason = {0};

	if (error_is_set(reader->error)) {
		return reader->error->code;
	}
	intervals = intervals > 0 ? intervals : intervals_of(reader, document, interval);
	if (stats_shape_init(shape, (unsigned)json_array_size(json_object_get(document, "cohorts")), given,
	                     timeouts, 0, interval, intervals * interval, &reason) < 0) {
		return error_set_path(reader->error, -EINVAL, reader->source, "$", "%s", reason.text);
	}
	return 0;
}

// ---- Cells

static uint64_t column_of(const struct report_reader *reader, const json_t *object, const char *at,
                          const char *key, unsigned given)
{
	const json_t *value = json_array_get(json_object_get(object, key), given);

	if (!is_count(value)) {
		report_read_fault(reader, at, key, "a list of a count for each timeout");
		return 0;
	}
	return (uint64_t)json_integer_value(value);
}

static void read_cell(const struct report_reader *reader, const json_t *object, const char *at,
                      const struct stats_shape *shape, const ns_t *given, uint64_t *sent,
                      struct stats_cell *cell)
{
	*sent = report_read_count(reader, object, at, "sent");
	cell->answered = report_read_count(reader, object, at, "answered");
	cell->refused = report_read_count(reader, object, at, "refused");
	cell->lost = report_read_count(reader, object, at, "lost");
	cell->late = report_read_count(reader, object, at, "late");
	for (unsigned i = 0; i < shape->timeouts; i++) {
		unsigned number = 0;
		uint64_t answered = column_of(reader, object, at, "answered_at", i);
		uint64_t refused = column_of(reader, object, at, "refused_at", i);

		while (number + 1 < shape->timeouts && shape->timeout[number] != given[i]) {
			number++;
		}
		if (answered > cell->answered || refused > cell->refused) {
			report_read_fault(reader, at, "answered_at",
			                  "counts within those of the largest timeout");
			return;
		}
		cell->slow[number] = cell->answered - answered;
		cell->slow_refused[number] = cell->refused - refused;
	}
}

static int cohort_number(const json_t *document, const char *name)
{
	const json_t *list = json_object_get(document, "cohorts");

	for (size_t i = 0; name != NULL && i < json_array_size(list); i++) {
		const char *known = report_read_text(json_array_get(list, i), "name");

		if (known != NULL && strcmp(known, name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static void read_ages(const struct report_reader *reader, const json_t *document, const ns_t *given,
                      struct stats_snapshot *snapshot)
{
	const json_t *list = json_object_get(document, "reuse_age");

	for (size_t i = 0; i < json_array_size(list) && !error_is_set(reader->error); i++) {
		const json_t *object = json_array_get(list, i);
		int cohort = cohort_number(document, report_read_text(object, "cohort"));
		unsigned class = STATS_AGE_FIRST;
		char at[PATH_SIZE];

		snprintf(at, sizeof(at), "$.reuse_age[%zu]", i);
		if (cohort < 0) {
			report_read_fault(reader, at, "cohort", "the name of a cohort");
			return;
		}
		if (!report_read_bool(reader, object, at, "first_use")) {
			class = stats_age_class(
			        report_read_time(reader, object, at, "age_low_s", NS_PER_SEC, 0));
		}
		read_cell(reader, object, at, &snapshot->shape, given, &snapshot->sent_by_age[cohort][class],
		          &snapshot->by_age[cohort][class]);
	}
}

static void read_timeline(const struct report_reader *reader, const json_t *document, const ns_t *given,
                          struct stats_snapshot *snapshot)
{
	const struct stats_shape *shape = &snapshot->shape;
	const json_t *list = json_object_get(document, "timeline");

	for (size_t i = 0; i < json_array_size(list) && !error_is_set(reader->error); i++) {
		const json_t *each = json_object_get(json_array_get(list, i), "cohorts");
		char at[PATH_SIZE];

		snprintf(at, sizeof(at), "$.timeline[%zu]", i);
		if (json_array_size(each) != shape->cohorts || i >= shape->intervals) {
			report_read_fault(reader, at, "cohorts", "an object for each cohort");
			return;
		}
		for (unsigned cohort = 0; cohort < shape->cohorts; cohort++) {
			size_t place = (size_t)cohort * shape->intervals + i;

			snprintf(at, sizeof(at), "$.timeline[%zu].cohorts[%u]", i, cohort);
			read_cell(reader, json_array_get(each, cohort), at, shape, given,
			          &snapshot->sent_by_interval[place], &snapshot->by_interval[place]);
		}
		snapshot->intervals = (uint32_t)i + 1;
	}
}

// ---- Histograms

static bool read_squares(const char *text, struct stats_histogram *out)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t halves[2] = {0, 0};

	if (text == NULL || strlen(text) != 32) {
		return false;
	}
	for (unsigned i = 0; i < 32; i++) {
		const char *digit = strchr(digits, text[i]);

		if (digit == NULL) {
			return false;
		}
		halves[i / 16] = halves[i / 16] << 4 | (uint64_t)(digit - digits);
	}
	out->square_high = halves[0];
	out->square_low = halves[1];
	return true;
}

static void read_histogram(const struct report_reader *reader, const json_t *object, const char *at,
                           struct stats_histogram *out)
{
	const json_t *list = json_object_get(object, "histogram");
	uint64_t count = report_read_count(reader, object, at, "count");

	stats_histogram_init(out);
	out->sum = report_read_count(reader, object, at, "sum_ns");
	out->min = report_read_time(reader, object, at, "min", NS_PER_US, NS_NEVER);
	out->max = report_read_time(reader, object, at, "max", NS_PER_US, 0);
	if (!read_squares(report_read_text(object, "squares_ns2"), out)) {
		report_read_fault(reader, at, "squares_ns2", "32 hexadecimal digits");
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *pair = json_array_get(list, i), *number = json_array_get(pair, 1);
		unsigned bucket;
		ns_t low;

		if (!to_time(json_array_get(pair, 0), NS_PER_US, &low) || !is_count(number) ||
		    stats_bucket_low(bucket = stats_bucket(low)) != low) {
			report_read_fault(reader, at, "histogram",
			                  "pairs of a bucket's low end and its count");
			return;
		}
		out->buckets[bucket] += (uint64_t)json_integer_value(number);
		out->count += (uint64_t)json_integer_value(number);
	}
	if (out->count != count) {
		report_read_fault(reader, at, "histogram", "buckets that add up to \"count\"");
	}
}

static void read_histograms(const struct report_reader *reader, const json_t *document,
                            struct stats_snapshot *snapshot)
{
	const json_t *list = json_object_get(document, "cohorts");

	for (unsigned i = 0; i < snapshot->shape.cohorts; i++) {
		char at[PATH_SIZE];

		snprintf(at, sizeof(at), "$.cohorts[%u].latency_us", i);
		read_histogram(reader, json_object_get(json_array_get(list, i), "latency_us"), at,
		               &snapshot->latency[i]);
	}
	read_histogram(reader, json_object_get(document, "pacing_us"), "$.pacing_us", &snapshot->pacing);
}

// ---- Counters

static void read_rcodes(const struct report_reader *reader, const json_t *document,
                        report_rcode_name_of rcode_name, uint64_t *rcodes)
{
	const json_t *object = json_object_get(document, "rcodes");
	size_t known = 0;

	for (unsigned i = 0; i <= STATS_RCODES; i++) {
		char buffer[REPORT_RCODE_TEXT_SIZE];
		const char *name = i == STATS_RCODES ? "OTHER" : rcode_name((uint16_t)i, buffer);

		if (json_object_get(object, name) != NULL) {
			rcodes[i] = report_read_count(reader, object, "$.rcodes", name);
			known++;
		}
	}
	if (known != json_object_size(object)) {
		report_read_fault(reader, "$.rcodes", NULL, "counts by the names of response codes");
	}
}

static void read_backends(const struct report_reader *reader, const json_t *document,
                          struct stats_snapshot *snapshot)
{
	const json_t *list = json_object_get(document, "backends");

	for (size_t i = 0; i < json_array_size(list) && i < STATS_BACKENDS_MERGED; i++) {
		const json_t *object = json_array_get(list, i);
		const char *name = report_read_text(object, "name");
		struct stats_backend backend = {0};
		char at[PATH_SIZE];

		snprintf(at, sizeof(at), "$.backends[%zu]", i);
		if (name == NULL || strlen(name) >= sizeof(backend.name)) {
			report_read_fault(reader, at, "name", "a name of 63 characters at the most");
			return;
		}
		snprintf(backend.name, sizeof(backend.name), "%s", name);
		backend.by_address = report_read_bool(reader, object, at, "by_address");
		backend.answered = report_read_count(reader, object, at, "answered");
		backend.wrong_source = report_read_count(reader, object, at, "wrong_source");
		backend.lost = report_read_count(reader, object, at, "lost");
		backend.first_seen = report_read_time(reader, object, at, "first_seen_s", NS_PER_SEC, 0);
		backend.last_seen = report_read_time(reader, object, at, "last_seen_s", NS_PER_SEC, 0);
		stats_backend_merge(snapshot->backends, &snapshot->backend_count, &backend);
	}
}

void report_read_snapshot(const struct report_reader *reader, const json_t *document,
                          report_rcode_name_of rcode_name, struct stats_snapshot *snapshot)
{
	const json_t *totals = json_object_get(document, "totals");
	ns_t given[STATS_TIMEOUTS];

	read_timeouts(reader, document, given);
	for (unsigned i = 0; i < STATS_SENDER_COUNTERS; i++) {
		snapshot->sender[i] = report_read_count(
		        reader, totals, "$.totals", stats_sender_counter_name((enum stats_sender_counter)i));
	}
	for (unsigned i = 0; i < STATS_RECEIVER_COUNTERS; i++) {
		snapshot->receiver[i] =
		        report_read_count(reader, totals, "$.totals",
		                          stats_receiver_counter_name((enum stats_receiver_counter)i));
	}
	read_rcodes(reader, document, rcode_name, snapshot->rcodes);
	read_histograms(reader, document, snapshot);
	read_backends(reader, document, snapshot);
	read_ages(reader, document, given, snapshot);
	read_timeline(reader, document, given, snapshot);
}
