#include "scenario/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool backend;
	bool director;
} kinds[SCENARIO_KINDS] = {
        [SCENARIO_MARK] = {"mark", false, false},
        [SCENARIO_EXEC] = {"exec", false, false},
        [SCENARIO_REMOVE] = {"remove", true, true},
        [SCENARIO_DRAIN] = {"drain", true, true},
        [SCENARIO_KILL] = {"kill", true, true},
        [SCENARIO_CLOSE] = {"close", true, true},
        [SCENARIO_VANISH] = {"vanish", true, true},
        [SCENARIO_LAMEDUCK] = {"lameduck", true, true},
        [SCENARIO_RESTORE] = {"restore", true, true},
        [SCENARIO_SET_TIMEOUT] = {"set-timeout", false, true},
        [SCENARIO_SET_WEIGHT] = {"set-weight", true, true},
        [SCENARIO_SET_EXPIRE_NODEST] = {"set-expire-nodest", false, true},
        [SCENARIO_ADD] = {"add", true, true},
        [SCENARIO_ROLL] = {"roll", false, true},
};

const char *scenario_kind_name(enum scenario_kind kind)
{
	return (unsigned)kind < SCENARIO_KINDS ? kinds[kind].name : "unknown";
}

int scenario_kind_parse(const char *name, enum scenario_kind *kind, struct error *error)
{
	char known[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < SCENARIO_KINDS; i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			*kind = (enum scenario_kind)i;
			return 0;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
		                         kinds[i].name);
	}
	return error_set(error, -EINVAL, "no event is called \"%.64s\"; use one of %s", name, known);
}

bool scenario_kind_needs_backend(enum scenario_kind kind)
{
	return (unsigned)kind < SCENARIO_KINDS && kinds[kind].backend;
}

bool scenario_kind_needs_director(enum scenario_kind kind)
{
	return (unsigned)kind < SCENARIO_KINDS && kinds[kind].director;
}

static int check_roll(const struct scenario_roll *roll, struct error *error)
{
	if (roll->interval == 0 && roll->max_surge == 0 && roll->max_unavailable == 0) {
		return error_set(error, -EINVAL,
		                 "a rolling update with neither surge nor unavailable pods can't begin; set "
		                 "the surge or "
		                 "the unavailable pods to 1 or more, or give an interval");
	}
	if (roll->kube_proxy_delay > NS_NEVER / 8 || roll->lameduck > NS_NEVER / 8 ||
	    roll->pod_start > NS_NEVER / 8 || roll->interval > NS_NEVER / 8 ||
	    roll->port_closed > NS_NEVER / 8) {
		return error_set(error, -ERANGE, "a duration of the rolling update is longer than 73 years");
	}
	return 0;
}

int scenario_event_check(const struct scenario_event *event, struct error *error)
{
	if ((unsigned)event->kind >= SCENARIO_KINDS) {
		return error_set(error, -EINVAL, "event kind %u does not exist", (unsigned)event->kind);
	}
	if (event->at > NS_NEVER / 4) {
		return error_set(error, -ERANGE, "the time of a %s event is beyond any run",
		                 scenario_kind_name(event->kind));
	}
	if (memchr(event->name, 0, sizeof(event->name)) == NULL ||
	    memchr(event->backend, 0, sizeof(event->backend)) == NULL) {
		return error_set(error, -EINVAL, "a name is longer than %d octets", SCENARIO_NAME_SIZE - 1);
	}
	if (scenario_kind_needs_backend(event->kind) && event->backend[0] == 0) {
		return error_set(error, -EINVAL, "a %s event must name the real server it befalls",
		                 scenario_kind_name(event->kind));
	}
	switch (event->kind) {
	case SCENARIO_MARK:
		return event->name[0] != 0 ? 0 : error_set(error, -EINVAL, "a mark needs a text");
	case SCENARIO_EXEC:
		return event->command != NULL && event->command[0] != 0
		               ? 0
		               : error_set(error, -EINVAL, "an exec event needs a command");
	case SCENARIO_SET_TIMEOUT:
		// ipvsadm takes whole seconds in an int; 0 there means "keep", which is no event.
		return event->value >= NS_PER_SEC && event->value <= INT32_MAX * NS_PER_SEC
		               ? 0
		               : error_set(error, -ERANGE, "a UDP timeout must be 1 s or more");
	case SCENARIO_SET_EXPIRE_NODEST:
		return event->value <= 1 ? 0 : error_set(error, -ERANGE, "expire_nodest_conn is 0 or 1");
	case SCENARIO_ROLL:
		return check_roll(&event->roll, error);
	default:
		return 0;
	}
}

static int reserve(struct scenario *scenario, struct error *error)
{
	size_t capacity = scenario->capacity > 0 ? scenario->capacity * 2 : 16;
	struct scenario_event *events;

	if (scenario->count < scenario->capacity) {
		return 0;
	}
	events = realloc(scenario->events, capacity * sizeof(*events));
	if (events == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu events", capacity);
	}
	scenario->events = events;
	scenario->capacity = capacity;
	return 0;
}

int scenario_add(struct scenario *scenario, const struct scenario_event *event, struct error *error)
{
	char *command = NULL;
	size_t place;
	int result;

	result = scenario_event_check(event, error);
	if (result != 0) {
		return result;
	}
	result = reserve(scenario, error);
	if (result != 0) {
		return result;
	}
	if (event->command != NULL) {
		command = strdup(event->command);
		if (command == NULL) {
			return error_set(error, -ENOMEM, "no memory for a command");
		}
	}
	// Never before what was popped: an event added late is due at once.
	for (place = scenario->count; place > scenario->next; place--) {
		if (scenario->events[place - 1].at <= event->at) {
			break;
		}
	}
	memmove(&scenario->events[place + 1], &scenario->events[place],
	        (scenario->count - place) * sizeof(scenario->events[0]));
	scenario->events[place] = *event;
	scenario->events[place].command = command;
	scenario->count++;
	return 0;
}

ns_t scenario_next_time(const struct scenario *scenario)
{
	return scenario->next < scenario->count ? scenario->events[scenario->next].at : NS_NEVER;
}

const struct scenario_event *scenario_pop(struct scenario *scenario, ns_t now)
{
	if (scenario->next >= scenario->count || scenario->events[scenario->next].at > now) {
		return NULL;
	}
	return &scenario->events[scenario->next++];
}

void scenario_rewind(struct scenario *scenario)
{
	scenario->next = 0;
}

int scenario_describe(const struct scenario_event *event, char *buffer, size_t size)
{
	const char *kind = scenario_kind_name(event->kind);
	char duration[32];

	switch (event->kind) {
	case SCENARIO_MARK:
		return snprintf(buffer, size, "%s", event->name);
	case SCENARIO_EXEC:
		return snprintf(buffer, size, "%s %s", kind,
		                event->name[0] != 0 ? event->name : event->command);
	case SCENARIO_SET_TIMEOUT:
		units_format_duration(event->value, duration, sizeof(duration));
		return snprintf(buffer, size, "%s %s", kind, duration);
	case SCENARIO_SET_EXPIRE_NODEST:
		return snprintf(buffer, size, "%s %u", kind, (unsigned)event->value);
	case SCENARIO_SET_WEIGHT:
		return snprintf(buffer, size, "%s %s %u", kind, event->backend, event->weight);
	case SCENARIO_ROLL:
		return snprintf(buffer, size, "%s", kind);
	default:
		return snprintf(buffer, size, "%s %s", kind, event->backend);
	}
}

void scenario_clear(struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->count; i++) {
		free(scenario->events[i].command);
	}
	free(scenario->events);
	*scenario = (struct scenario){0};
}
