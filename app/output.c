#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns/reply.h"
#include "file.h"
#include "ledger.h"
#include "run.h"

static int rhythm_open(struct output_rhythm *rhythm, const struct session *session, ns_t start, ns_t every,
                       struct error *error)
{
	int rc = 0;

	rhythm->every = every;
	rhythm->next = start + every;
	rhythm->first = true;
	for (unsigned i = 0; rc == 0 && every > 0 && i < 2; i++) {
		rc = stats_snapshot_init(&rhythm->looks[i], &session->team->shape, error);
	}
	return rc;
}

// Look at the counters; `previous` is NULL at the first look.
static const struct stats_snapshot *rhythm_look(struct output_rhythm *rhythm, const struct session *session,
                                                ns_t now, const struct stats_snapshot **previous)
{
	struct stats_snapshot *current = &rhythm->looks[rhythm->turn];

	worker_team_snapshot(session->team, current, now);
	*previous = rhythm->first ? NULL : &rhythm->looks[1 - rhythm->turn];
	rhythm->turn = 1 - rhythm->turn;
	rhythm->first = false;
	return current;
}

static int describe_plan(struct output *output, const struct session *session, struct error *error)
{
	const struct plan *plan = output->plan;

	output->cohorts = (struct report_cohort *)calloc(plan->cohort_count, sizeof(*output->cohorts));
	if (output->cohorts == NULL) {
		return error_set(error, -ENOMEM, "no memory for the report");
	}
	for (unsigned i = 0; i < plan->cohort_count; i++) {
		const struct flow_cohort *cohort = &session->team->space->cohorts[i];

		output->cohorts[i] = (struct report_cohort){
		        .name = cohort->name,
		        .policy = session->trace.queries != NULL ? "trace"
		                                                 : flow_policy_name(cohort->policy.kind),
		        .control = cohort->control,
		        .tuples = cohort->tuple_count,
		};
	}
	output->report_plan = (struct report_plan){
	        .name = plan->name,
	        .description = plan->description,
	        .json = plan->json,
	        .digest = plan->digest,
	        .timeouts = plan->load.timeouts_given,
	        .cohorts = output->cohorts,
	        .histogram = plan->output.histogram,
	};
	return 0;
}

int output_open(struct output *output, const struct session *session, ns_t start, bool simulated,
                struct error *error)
{
	const struct plan *plan = session->plan;
	bool terminal = isatty(STDERR_FILENO) == 1;
	int rc;

	memset(output, 0, sizeof(*output));
	output->plan = plan;
	output->start = start;
	output->simulated = simulated;
	rc = judge_open(&output->judge, session, error);
	if (rc == 0) {
		rc = describe_plan(output, session, error);
	}
	if (rc == 0) {
		rc = file_probe("--json", plan->output.json, error);
	}
	if (rc == 0) {
		rc = file_probe("--csv", plan->output.csv, error);
	}
	if (rc == 0) {
		rc = file_probe("--ledger", plan->output.ledger, error);
	}
	if (rc == 0) {
		rc = recorder_open(&output->recorder, session, start, simulated, error);
	}
	if (rc == 0 && plan->output.jsonl != NULL) {
		output->jsonl = file_open("--jsonl", plan->output.jsonl, "we", error);
		rc = error->code;
	}
	if (rc == 0) {
		rc = rhythm_open(&output->intervals, session, start,
		                 output->jsonl != NULL ? plan->output.interval : 0, error);
	}
	if (rc == 0) {
		rc = rhythm_open(&output->progress, session, start,
		                 terminal && !simulated ? plan->output.progress : 0, error);
	}
	return rc;
}

void output_read_port(uint16_t port, struct report_box *box)
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(port, &stats) != 0) {
		return;
	}
	box->port_counters_known = true;
	box->port_tx_packets = stats.opackets;
	box->port_tx_errors = stats.oerrors;
	box->port_rx_packets = stats.ipackets;
	box->port_rx_missed = stats.imissed;
	box->port_rx_errors = stats.ierrors;
	box->port_rx_nombuf = stats.rx_nombuf;
}

static double requested_rate(const struct session *session, ns_t sending)
{
	const struct plan *plan = session->plan;
	double count;

	if (session->trace.queries != NULL) {
		return (double)session->trace.count / ns_to_seconds(session->trace.duration);
	}
	if (plan->load.profile.count == 0 || sending == 0 ||
	    load_profile_peak(&plan->load.profile) >= LOAD_UNLIMITED) {
		return 0;
	}
	count = load_count_value(load_profile_queries_until(&plan->load.profile, sending));
	return count / ns_to_seconds(sending);
}

static struct report_input make_input(const struct output *output, const struct session *session,
                                      const struct stats_snapshot *snapshot, const struct run_result *result,
                                      ns_t now)
{
	static const enum report_steering ways[] = {[STEERING_NONE] = REPORT_STEERING_NONE,
	                                            [STEERING_SOFTWARE] = REPORT_STEERING_SOFTWARE,
	                                            [STEERING_FLOW] = REPORT_STEERING_FLOW};
	const struct plan *plan = output->plan;
	ns_t ended = result != NULL ? result->ended : now, stopped = result != NULL ? result->stopped : now;
	ns_t elapsed = ended > output->start ? ended - output->start : 0;
	struct report_input input = {
	        .plan = &output->report_plan,
	        .snapshot = snapshot,
	        .in_flight = result != NULL ? result->outstanding : UINT64_MAX,
	        .wall_start_ns =
	                output->simulated ? 0 : session->clock.wall_ns + (output->start - CLOCK_EPOCH),
	        .elapsed = elapsed,
	        .sending = stopped > output->start ? stopped - output->start : 0,
	        .header_octets = session->team->header.length,
	        .interrupted = result != NULL && result->interrupted,
	        .simulated = output->simulated,
	        .box = {.lcores = result != NULL ? result->lcores : 0,
	                .cpus = session->environment.cpus,
	                .senders = plan->lcores.senders,
	                .receivers = plan->lcores.receivers,
	                .steering = ways[session->steering.way],
	                .steering_rules = session->steering.rules,
	                .steering_refused =
	                        session->steering.refused[0] != '\0' ? session->steering.refused : NULL,
	                .oversubscribed = result != NULL && result->oversubscribed,
	                .hugepages = session->environment.huge,
	                .driver = plan_driver_name(plan->port.driver),
	                .device = plan->port.device},
	        .rcode_name = dns_rcode_name,
	};

	if (plan->load.duration != NS_NEVER && input.sending > plan->load.duration) {
		input.sending = plan->load.duration; // the main lcore saw the end a little later
	}
	input.requested_qps = requested_rate(session, input.sending);
	return input;
}

static void write_line(struct output *output, json_t *line)
{
	if (report_line_write(line, output->jsonl) < 0 && !output->jsonl_failed) {
		output->jsonl_failed = true;
		fprintf(stderr, "staleflow: --jsonl: can't write '%s' any more: %s; the run goes on\n",
		        output->plan->output.jsonl, strerror(errno));
	}
}

static void write_events(struct output *output, const struct report_input *input, const struct events *events,
                         bool last)
{
	for (; output->events_written < events->count; output->events_written++) {
		const struct scenario_record *record = &events->records[output->events_written];
		bool running = events->commands[output->events_written].process != 0 ||
		               (events->waiting && output->events_written + 1 == events->count);

		if (running && !last) {
			return; // its exit status and output are not known yet
		}
		write_line(output, report_event_line(input, record));
	}
}

static void write_interval(struct output *output, const struct session *session, const struct events *events,
                           ns_t now)
{
	const struct stats_snapshot *previous,
	        *current = rhythm_look(&output->intervals, session, now, &previous);
	struct report_input input = make_input(output, session, current, NULL, now);

	if (!output->started) {
		output->started = true;
		write_line(output, report_header_line(&input));
	}
	write_events(output, &input, events, false);
	write_line(output, report_interval_line(&input, previous));
}

static void show_progress(struct output *output, const struct session *session, ns_t now)
{
	const struct stats_snapshot *previous,
	        *current = rhythm_look(&output->progress, session, now, &previous);
	struct report_input input = make_input(output, session, current, NULL, now);
	char line[REPORT_PROGRESS_SIZE];

	report_progress(&input, previous, line, sizeof(line));
	fprintf(stderr, "\r%s\033[K", line);
	fflush(stderr);
	output->progress_shown = true;
}

static bool is_due(struct output_rhythm *rhythm, ns_t now)
{
	if (rhythm->every == 0 || now < rhythm->next) {
		return false;
	}
	while (rhythm->next <= now) {
		rhythm->next += rhythm->every;
	}
	return true;
}

void output_step(struct output *output, struct session *session, struct events *events, ns_t now)
{
	recorder_step(&output->recorder, session);
	if (is_due(&output->intervals, now)) {
		write_interval(output, session, events, now);
	}
	if (is_due(&output->progress, now)) {
		show_progress(output, session, now);
	}
}

ns_t output_next(const struct output *output)
{
	return output->intervals.every > 0 ? output->intervals.next : NS_NEVER;
}

// The first error wins, and the other reports are written all the same.
static void write_report(const struct report_input *input, const char *option, const char *path,
                         int (*report)(const struct report_input *, FILE *, struct error *),
                         struct error *error)
{
	struct error own = {0};
	FILE *file;

	if (path == NULL) {
		return;
	}
	file = file_open(option, path, "we", error);
	if (file == NULL) {
		return;
	}
	if (report(input, file, &own) < 0) {
		if (own.source[0] == '\0') {
			snprintf(own.source, sizeof(own.source), "%s", path);
		}
		if (!error_is_set(error)) {
			*error = own;
		}
	}
	file_close(file, path, error);
}

#define TRUTH_COUNTS (DIRECTOR_DROPS + 8)

// What the model knows: whatever a client concludes can be held against it.
static unsigned director_truth(const struct session *session, struct report_count *out)
{
	const struct director_counters *counters;
	unsigned count = 0;

	if (session->director == NULL) {
		return 0;
	}
	counters = director_counters(session->director);
	out[count++] = (struct report_count){"queries", counters->queries};
	out[count++] = (struct report_count){"answered", counters->answered};
	out[count++] = (struct report_count){"answered from the server's own address", counters->own_source};
	out[count++] = (struct report_count){"refused", counters->refused};
	out[count++] = (struct report_count){"unreachable", counters->unreachable};
	for (unsigned i = 0; i < DIRECTOR_DROPS; i++) {
		out[count++] =
		        (struct report_count){director_drop_name((enum director_drop)i), counters->drops[i]};
	}
	return count;
}

// Standard output holds one document: with --json - it is the JSON, and the text is left out.
static bool takes_stdout(const struct plan_output *files)
{
	const char *const paths[] = {files->json, files->jsonl, files->csv, files->ledger, files->pcap};

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i] != NULL && strcmp(paths[i], "-") == 0) {
			return true;
		}
	}
	return false;
}

int output_finish(struct output *output, struct session *session, struct events *events,
                  const struct run_result *result, struct error *error)
{
	struct report_input input = make_input(output, session, &session->snapshot, result, result->ended);
	const struct plan_output *files = &output->plan->output;
	struct report_count truth[TRUTH_COUNTS];

	for (unsigned i = 0; i < output->plan->cohort_count; i++) {
		ledger_clusters(session, i, &output->cohorts[i].clusters);
	}
	input.records = events->records;
	input.record_count = events->count;
	input.director_count = director_truth(session, truth);
	input.director = input.director_count > 0 ? truth : NULL;
	if (!output->simulated) {
		output_read_port(session->port.id, &input.box);
		input.box.port_tx_packets = egress_sent(&session->egress, input.box.port_tx_packets);
	}
	if (judge_finish(&output->judge, session, events, result,
	                 input.box.port_rx_missed + session->snapshot.receiver[STATS_DISPATCH_DROPPED],
	                 error) == 0) {
		input.changes = &output->judge.changes;
		input.verdicts = output->judge.verdicts;
	}
	if (output->progress_shown) {
		fputc('\n', stderr);
	}
	if (output->jsonl != NULL) {
		write_interval(output, session, events, result->ended);
		write_events(output, &input, events, true);
		write_line(output, report_summary_line(&input));
	}
	write_report(&input, "--json", files->json, report_json_write, error);
	write_report(&input, "--csv", files->csv, report_csv, error);
	recorder_finish(&output->recorder, session, result->ended, error);
	if (files->ledger != NULL) {
		ledger_write(session, files->ledger, output->start, error);
	}
	if (!takes_stdout(files)) {
		write_report(&input, "", "-", report_text, error);
	}
	if (output->jsonl_failed) {
		error_set_at(error, -EIO, "--jsonl", 0, 0, "'%s' is incomplete: writing failed on the way",
		             files->jsonl);
	}
	return error->code;
}

void output_close(struct output *output)
{
	recorder_close(&output->recorder);
	if (output->jsonl != NULL && output->jsonl != stdout) {
		fclose(output->jsonl);
	}
	for (unsigned i = 0; i < 2; i++) {
		stats_snapshot_release(&output->intervals.looks[i]);
		stats_snapshot_release(&output->progress.looks[i]);
	}
	judge_close(&output->judge);
	free(output->cohorts);
}
