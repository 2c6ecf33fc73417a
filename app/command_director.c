#include <string.h>

#include "device.h"
#include "file.h"
#include "interrupt.h"
#include "main.h"
#include "options.h"

static const char usage[] =
        "Usage: staleflow director [CONFIG] [OPTIONS]\n\n"
        "Be the load balancer and its real servers: the director model (IPVS) behind a port of its own, for "
        "'staleflow run',\n"
        "dnsperf, kxdpgun or dig to send to. It answers ARP and neighbour discovery for the service's "
        "address, does what the\n"
        "scenario says to its real servers, and at its end tells what it received, forwarded, answered and "
        "lost, and why.\n"
        "CONFIG is a JSON file (docs/config.md), which may be the client's, too: each takes its own "
        "settings.\n\n"
        "  staleflow director both.json --iface veth1 -l 60 --json director.json\n"
        "  staleflow director --device net_memif0,role=server,socket=/run/sf.sock -s 10.96.0.10\n";

static void say_unused(const char *unused)
{
	if (unused[0] != '\0') {
		fprintf(stderr, "staleflow: the director leaves these settings to the client: %s\n", unused);
	}
}

// Errors before it is ready are the user's to mend; later ones end with the report of what it knows.
static int perform(const struct plan *plan, const char *unused)
{
	struct error error = {0};
	struct device device;
	struct events events;
	int rc, status = STATUS_USAGE;

	memset(&events, 0, sizeof(events));
	rc = file_probe("--json", plan->output.json, &error);
	if (rc < 0) {
		return options_fail(&error);
	}
	rc = device_open(&device, plan, &error);
	if (rc == 0) {
		rc = device_events(&device, &events, &error);
	}
	if (rc == 0) {
		say_unused(unused);
		rc = device_run(&device, &events, &error);
	}
	if (rc == 0) {
		rc = device_report(&device, &events, &error);
		status = rc < 0 ? STATUS_FAILED : STATUS_OK;
	}
	if (rc < 0) {
		options_fail(&error);
	}
	events_close(&events);
	device_close(&device);
	return status;
}

int command_director(int count, char **arguments)
{
	struct error error = {0};
	struct options options;
	int status = STATUS_OK;

	if (options_parse(&options, CONFIG_DIRECTOR, count, arguments, usage, &error) < 0) {
		return options_fail(&error);
	}
	if (options.plan != NULL) {
		interrupt_install();
		status = perform(options.plan, options.unused);
	}
	plan_free(options.plan);
	return status;
}
