// What a plan owns, and the events of its run.
#include "config/plan.h"

#include "keys.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void config_plan_clear(struct plan *plan)
{
	for (unsigned i = 0; i < plan->cohort_count; i++) {
		free((void *)(uintptr_t)plan->cohorts[i].ranges);
	}
	free(plan->cohorts);
	for (unsigned i = 0; i < plan->director.backend_count; i++) {
		free((void *)(uintptr_t)plan->director.backends[i].answers);
	}
	free(plan->director.backends);
	load_profile_free(&plan->load.profile);
	scenario_clear(&plan->scenario);
	free(plan->name);
	free(plan->description);
	free(plan->port.device);
	free(plan->queries.file);
	free(plan->queries.zone);
	free(plan->queries.trace);
	free(plan->queries.type);
	free(plan->output.json);
	free(plan->output.jsonl);
	free(plan->output.csv);
	free(plan->output.ledger);
	free(plan->output.pcap);
	free(plan->lcores.map);
	free(plan->lcores.eal);
	free(plan->json);
	*plan = (struct plan){0};
}

void plan_free(struct plan *plan)
{
	if (plan == NULL) {
		return;
	}
	config_plan_clear(plan);
	free(plan);
}

int plan_scenario(const struct plan *plan, struct scenario *out, struct error *error)
{
	unsigned count = plan->director.backend_count;
	struct scenario_backend *backends = calloc(count + 1, sizeof(*backends));
	int rc = 0;

	*out = (struct scenario){0};
	if (backends == NULL) {
		return error_set(error, -ENOMEM, "no memory for the scenario's real servers");
	}
	for (unsigned i = 0; i < count; i++) {
		const struct plan_backend *backend = &plan->director.backends[i];

		memcpy(backends[i].name, backend->name, sizeof(backends[i].name));
		backends[i].address = backend->address;
		backends[i].port = backend->port;
		backends[i].weight = backend->weight;
	}
	for (size_t i = 0; i < plan->scenario.count && rc == 0; i++) {
		rc = scenario_add(out, &plan->scenario.events[i], error);
	}
	if (rc == 0) {
		rc = scenario_expand(out, backends, count, error);
	}
	if (rc < 0) {
		scenario_clear(out);
	}
	free(backends);
	return rc;
}
