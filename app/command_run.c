#include <errno.h>
#include <string.h>

#include "interrupt.h"
#include "main.h"
#include "options.h"
#include "run.h"

typedef int (*run_kind)(struct session *session, struct events *events, struct output *output,
                        struct events_seat *seat, struct run_result *result, struct error *error);

// Everything after the plan: set up, run, report, take down. Errors before the first query are the user's to
// mend; later ones end with the report of what was measured.
static int perform(const struct plan *plan, bool simulated)
{
	run_kind run = simulated ? run_virtual : run_real;
	struct run_result result = {0};
	struct error error = {0};
	struct session session;
	struct events_seat seat;
	struct events events;
	struct output output;
	int rc, status = STATUS_USAGE;

	memset(&events, 0, sizeof(events));
	memset(&output, 0, sizeof(output));
	memset(&seat, 0, sizeof(seat));
	rc = session_open(&session, plan, simulated ? SESSION_VIRTUAL : SESSION_REAL, &error);
	if (rc < 0) {
		goto close;
	}
	seat.director = session.director;
	seat.port = session.director_port.id;
	seat.queues = (uint16_t)session.director_port.rx_queues;
	rc = events_open(&events, plan, session.director != NULL ? &seat : NULL, SESSION_START, simulated,
	                 &error);
	if (rc < 0) {
		goto close;
	}
	rc = output_open(&output, &session, SESSION_START, simulated, &error);
	if (rc < 0) {
		goto close;
	}
	rc = run(&session, &events, &output, &seat, &result, &error);
	if (rc < 0) {
		goto close;
	}
	status = STATUS_OK;
	rc = output_finish(&output, &session, &events, &result, &error);
	if (rc < 0) {
		status = STATUS_FAILED;
	}
close:
	if (rc < 0) {
		options_fail(&error);
	}
	output_close(&output);
	events_close(&events);
	session_close(&session);
	return status;
}

static int command(int count, char **arguments, bool simulated, const char *usage)
{
	struct error error = {0};
	struct options options;
	int status = STATUS_OK;

	if (options_parse(&options, CONFIG_CLIENT, count, arguments, usage, &error) < 0) {
		return options_fail(&error);
	}
	if (options.plan != NULL) {
		interrupt_install();
		status = perform(options.plan, simulated);
	}
	plan_free(options.plan);
	return status;
}

int command_run(int count, char **arguments)
{
	return command(count, arguments, false,
	               "Usage: staleflow run [CONFIG] [OPTIONS]\n\n"
	               "Send DNS queries from chosen source ports, match the replies, report what was lost "
	               "and on which ports.\n"
	               "CONFIG is a JSON file (docs/config.md); options win over it. Without one:\n\n"
	               "  staleflow run --iface eth1 -s 10.96.0.10 -d queries.txt -Q 100000 -l 60\n");
}

int command_simulate(int count, char **arguments)
{
	return command(count, arguments, true,
	               "Usage: staleflow simulate [CONFIG] [OPTIONS]\n\n"
	               "The same run against the director model, in one thread under a virtual clock: five "
	               "minutes take seconds, and\n"
	               "the same plan gives the same numbers. 'exec' events are not run.\n");
}
