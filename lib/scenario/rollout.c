#include "scenario/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Write the name of the next incarnation: "a" -> "a#2" -> "a#3". The base is cut when the result would not
 * fit. */
static void next_name(const char *name, char *out)
{
	const char *mark = strrchr(name, '#');
	uint64_t generation = 1;
	char suffix[24];
	size_t base;

	if (mark != NULL && units_parse_unsigned(mark + 1, 2, UINT32_MAX, &generation) == 0) {
		base = (size_t)(mark - name);
	} else {
		base = strlen(name);
		generation = 1;
	}
	snprintf(suffix, sizeof(suffix), "#%llu", (unsigned long long)generation + 1);
	if (base + strlen(suffix) >= SCENARIO_NAME_SIZE) {
		base = SCENARIO_NAME_SIZE - 1 - strlen(suffix);
	}
	memcpy(out, name, base);
	memcpy(out + base, suffix, strlen(suffix) + 1);
}

/** The address after the highest of one family. */
static struct address address_after(const struct scenario_backend *backends, size_t count, uint8_t family)
{
	struct address highest = {.family = ADDRESS_NONE};

	for (size_t i = 0; i < count; i++) {
		if (backends[i].address.family == family &&
		    (highest.family == ADDRESS_NONE ||
		     memcmp(backends[i].address.bytes, highest.bytes, sizeof(highest.bytes)) > 0)) {
			highest = backends[i].address;
		}
	}
	return highest.family == ADDRESS_NONE ? highest : address_add(&highest, 1);
}

static int add_event(struct scenario *out, ns_t at, enum scenario_kind kind,
                     const struct scenario_backend *backend, struct error *error)
{
	struct scenario_event event = {.at = at, .kind = kind};

	memcpy(event.backend, backend->name, sizeof(event.backend));
	if (kind == SCENARIO_ADD) {
		event.address = backend->address;
		event.port = backend->port;
		event.weight = backend->weight;
	}
	return scenario_add(out, &event, error);
}

/** What becomes of a pod that is told to stop at t0. */
static int terminate_pod(const struct scenario_roll *roll, const struct scenario_backend *backend, ns_t t0,
                         struct scenario *out, struct error *error)
{
	ns_t stop = t0 + roll->lameduck;
	int result = 0;

	if (roll->lameduck > 0) {
		result = add_event(out, t0, SCENARIO_LAMEDUCK, backend, error);
	}
	if (result == 0) {
		result = add_event(out, t0 + roll->kube_proxy_delay,
		                   roll->graceful_weight_zero ? SCENARIO_DRAIN : SCENARIO_REMOVE, backend,
		                   error);
	}
	if (result == 0 && roll->port_closed > 0) {
		result = add_event(out, stop, SCENARIO_CLOSE, backend, error);
	}
	if (result == 0) {
		result = add_event(out, stop + roll->port_closed, SCENARIO_KILL, backend, error);
	}
	return result;
}

/** The Deployment controller's state. Terminating pods count neither as present nor as available. */
struct rollout {
	const struct scenario_roll *roll;
	const struct scenario_backend *old;
	const struct scenario_backend *replacements;
	ns_t *ready_at; ///< of each replacement
	size_t count;
	size_t created; ///< replacements
	size_t ready;   ///< replacements
	size_t stopped; ///< old pods
	struct scenario *out;
};

/** Create what max_surge allows at `now`. */
static int scale_up(struct rollout *r, ns_t now, struct error *error)
{
	int result = 0;

	while (result == 0 && r->created < r->count &&
	       r->count - r->stopped + r->created < r->count + r->roll->max_surge) {
		r->ready_at[r->created] = now + r->roll->pod_start;
		result = add_event(r->out, now + r->roll->pod_start + r->roll->kube_proxy_delay, SCENARIO_ADD,
		                   &r->replacements[r->created], error);
		r->created++;
	}
	return result;
}

/** Stop what max_unavailable allows at `now`. Returns the number, or a negative errno. */
static int scale_down(struct rollout *r, ns_t now, struct error *error)
{
	size_t allowed = r->roll->max_unavailable < r->count ? r->count - r->roll->max_unavailable : 0;
	int stopped = 0;

	while (r->stopped < r->count && r->count - r->stopped + r->ready > allowed) {
		int result = terminate_pod(r->roll, &r->old[r->stopped], now, r->out, error);

		if (result != 0) {
			return result;
		}
		r->stopped++;
		stopped++;
	}
	return stopped;
}

/** Replace as the Deployment controller does (pkg/controller/deployment/rolling.go): up, down, whenever a pod
 * is ready. */
static int roll_by_limits(struct rollout *r, ns_t at, struct error *error)
{
	ns_t now = at;

	while (r->stopped < r->count) {
		int result;

		while (r->ready < r->created && r->ready_at[r->ready] <= now) {
			r->ready++;
		}
		result = scale_up(r, now, error);
		if (result != 0) {
			return result;
		}
		// A pod that is ready at once counts before another one is stopped.
		if (r->ready < r->created && r->ready_at[r->ready] <= now) {
			continue;
		}
		result = scale_down(r, now, error);
		if (result < 0) {
			return result;
		}
		if (result == 0) {
			now = r->ready_at[r->ready];
		}
	}
	// The last pods stopped may have made room for the last replacements.
	return scale_up(r, now, error);
}

/** One replacement every interval, the new pod ready when the old one is told to stop. */
static int roll_by_interval(struct rollout *r, ns_t at, struct error *error)
{
	for (size_t i = 0; i < r->count; i++) {
		ns_t start = at + i * r->roll->interval;
		ns_t ready = start + r->roll->pod_start;
		int result = add_event(r->out, ready + r->roll->kube_proxy_delay, SCENARIO_ADD,
		                       &r->replacements[i], error);

		if (result == 0) {
			result = terminate_pod(r->roll, &r->old[i], ready, r->out, error);
		}
		if (result != 0) {
			return result;
		}
	}
	return 0;
}

int scenario_expand_roll(const struct scenario_roll *roll, const struct scenario_backend *backends,
                         size_t count, ns_t at, struct scenario *out, struct scenario_backend *replaced,
                         struct error *error)
{
	struct scenario_event whole = {.at = at, .kind = SCENARIO_ROLL, .roll = *roll};
	struct scenario_backend *fresh = NULL;
	struct rollout rollout;
	ns_t *ready_at = NULL;
	int result;

	if (count == 0) {
		return error_set(error, -EINVAL, "a rolling update needs at least one real server");
	}
	result = scenario_event_check(&whole, error);
	if (result != 0) {
		return result;
	}
	fresh = calloc(count, sizeof(*fresh));
	ready_at = calloc(count, sizeof(*ready_at));
	if (fresh == NULL || ready_at == NULL) {
		result = error_set(error, -ENOMEM, "no memory for a rolling update of %zu real servers",
		                   count);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		struct address first = address_after(backends, count, backends[i].address.family);

		fresh[i] = backends[i];
		next_name(backends[i].name, fresh[i].name);
		if (first.family != ADDRESS_NONE) {
			fresh[i].address = address_add(&first, i);
		}
	}
	rollout = (struct rollout){.roll = roll,
	                           .old = backends,
	                           .replacements = fresh,
	                           .ready_at = ready_at,
	                           .count = count,
	                           .out = out};
	result = roll->interval > 0 ? roll_by_interval(&rollout, at, error)
	                            : roll_by_limits(&rollout, at, error);
	if (result == 0 && replaced != NULL) {
		memcpy(replaced, fresh, count * sizeof(*fresh));
	}
out:
	free(ready_at);
	free(fresh);
	return result;
}

/** The real servers that a roll finds: those at the start and those that ADD events brought by then. */
struct fleet {
	struct scenario_backend *backends;
	size_t count;
};

static int fleet_add(struct fleet *fleet, const struct scenario_backend *backend, struct error *error)
{
	struct scenario_backend *grown = realloc(fleet->backends, (fleet->count + 1) * sizeof(*grown));

	if (grown == NULL) {
		return error_set(error, -ENOMEM, "no memory for a real server");
	}
	fleet->backends = grown;
	grown[fleet->count] = *backend;
	fleet->count++;
	return 0;
}

static void fleet_remove(struct fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->count; i++) {
		if (strcmp(fleet->backends[i].name, name) == 0) {
			memmove(&fleet->backends[i], &fleet->backends[i + 1],
			        (fleet->count - i - 1) * sizeof(fleet->backends[0]));
			fleet->count--;
			return;
		}
	}
}

/** What an event does to the fleet. `known` are the real servers at the start: one that was removed may be
 * restored. */
static int fleet_follow(struct fleet *fleet, const struct scenario_event *event,
                        const struct scenario_backend *known, size_t count, struct error *error)
{
	struct scenario_backend added = {
	        .address = event->address, .port = event->port, .weight = event->weight};

	if (event->kind == SCENARIO_REMOVE) {
		fleet_remove(fleet, event->backend);
		return 0;
	}
	if (event->kind == SCENARIO_ADD) {
		memcpy(added.name, event->backend, sizeof(added.name));
		return fleet_add(fleet, &added, error);
	}
	if (event->kind != SCENARIO_RESTORE) {
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(known[i].name, event->backend) == 0) {
			fleet_remove(fleet, event->backend);
			return fleet_add(fleet, &known[i], error);
		}
	}
	return 0;
}

int scenario_expand(struct scenario *scenario, const struct scenario_backend *backends, size_t count,
                    struct error *error)
{
	struct fleet fleet = {.count = count};
	struct scenario out = {0};
	int result = 0;

	fleet.backends = calloc(count > 0 ? count : 1, sizeof(*fleet.backends));
	if (fleet.backends == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu real servers", count);
	}
	if (count > 0) {
		memcpy(fleet.backends, backends, count * sizeof(*backends));
	}
	for (size_t i = 0; i < scenario->count && result == 0; i++) {
		const struct scenario_event *event = &scenario->events[i];

		if (event->kind == SCENARIO_ROLL) {
			result = scenario_expand_roll(&event->roll, fleet.backends, fleet.count, event->at,
			                              &out, fleet.backends, error);
			continue;
		}
		result = fleet_follow(&fleet, event, backends, count, error);
		if (result == 0) {
			result = scenario_add(&out, event, error);
		}
	}
	if (result == 0) {
		scenario_clear(scenario);
		*scenario = out;
	} else {
		scenario_clear(&out);
	}
	free(fleet.backends);
	return result;
}
