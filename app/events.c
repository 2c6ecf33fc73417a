#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// An event that is due waits until the model has taken the one before it.
#define BOX_PAUSE (100 * NS_PER_US)

int events_open(struct events *events, const struct plan *plan, struct events_seat *seat, ns_t start,
                bool simulated, struct error *error)
{
	int rc;

	memset(events, 0, sizeof(*events));
	events->start = start;
	events->simulated = simulated;
	events->not_run = simulated ? "not run: simulated" : NULL;
	events->seat = seat;
	rc = plan_scenario(plan, &events->scenario, error);
	if (rc < 0) {
		return rc;
	}
	events->records =
	        (struct scenario_record *)calloc(events->scenario.count + 1, sizeof(*events->records));
	events->commands = (struct command *)calloc(events->scenario.count + 1, sizeof(*events->commands));
	if (events->records == NULL || events->commands == NULL) {
		return error_set(error, -ENOMEM, "no memory for %zu events", events->scenario.count);
	}
	return 0;
}

void events_close(struct events *events)
{
	for (unsigned i = 0; i < events->count; i++) {
		free(events->records[i].output);
	}
	free(events->records);
	free(events->commands);
	scenario_clear(&events->scenario);
}

static void note_error(struct scenario_record *record, const struct error *error)
{
	char text[1024];

	error_format(error, text, sizeof(text));
	record->exit_code = 1;
	free(record->output);
	record->output = strdup(text);
}

static void start_command(struct events *events, const struct scenario_event *event,
                          struct scenario_record *record)
{
	struct error error = {0};

	if (events->not_run != NULL) {
		record->output = strdup(events->not_run);
		return;
	}
	if (command_start(&events->commands[record - events->records], event->command, &error) < 0) {
		note_error(record, &error);
	}
}

static void begin(struct events *events, const struct scenario_event *event, ns_t now)
{
	struct scenario_record *record = &events->records[events->count++];

	record->planned_at = event->at;
	record->done_at = now - events->start;
	record->kind = event->kind;
	scenario_describe(event, record->text, sizeof(record->text));
	if (event->kind == SCENARIO_EXEC) {
		start_command(events, event, record);
	} else if (scenario_kind_needs_director(event->kind) && events->seat != NULL) {
		events->seat->box.error = (struct error){0};
		atomic_store_explicit(&events->seat->box.event, event, memory_order_release);
		events->waiting = true;
	}
}

// The model has done what lay in the box, or not yet.
static bool box_is_empty(struct events *events)
{
	struct scenario_record *record;

	if (!events->waiting) {
		return true;
	}
	if (atomic_load_explicit(&events->seat->box.event, memory_order_acquire) != NULL) {
		return false;
	}
	events->waiting = false;
	record = &events->records[events->count - 1];
	record->done_at = events->seat->box.done_at - events->start;
	if (error_is_set(&events->seat->box.error)) {
		note_error(record, &events->seat->box.error);
	}
	return true;
}

static void collect_commands(struct events *events)
{
	for (unsigned i = 0; i < events->count; i++) {
		struct command *command = &events->commands[i];

		if (command->process != 0 && command_poll(command)) {
			events->records[i].exit_code = command->status;
			events->records[i].output = strdup(command->output);
		}
	}
}

void events_step(struct events *events, ns_t now)
{
	const struct scenario_event *event;

	// One event is with the model at a time: they are done in order, and each is known to be done.
	while (box_is_empty(events) && now >= events->start &&
	       (event = scenario_pop(&events->scenario, now - events->start)) != NULL) {
		begin(events, event, now);
		if (events->simulated && events->waiting) {
			events_seat_step(events->seat, now);
		}
	}
	collect_commands(events);
}

ns_t events_next(const struct events *events)
{
	ns_t next = scenario_next_time(&events->scenario);

	return next == NS_NEVER ? NS_NEVER : events->start + next;
}

ns_t events_wait(const struct events *events, ns_t now, ns_t most)
{
	ns_t next = events_next(events);

	if (next <= now) {
		return BOX_PAUSE;
	}
	return next - now < most ? next - now : most;
}

void events_finish(struct events *events, ns_t grace)
{
	box_is_empty(events);
	for (unsigned i = 0; i < events->count; i++) {
		struct command *command = &events->commands[i];

		if (command->process == 0) {
			continue;
		}
		command_end(command, grace);
		events->records[i].exit_code = command->status;
		events->records[i].output = strdup(command->output);
	}
}

unsigned events_seat_step(void *context, ns_t now)
{
	struct events_seat *seat = (struct events_seat *)context;
	const struct scenario_event *event = atomic_load_explicit(&seat->box.event, memory_order_acquire);

	if (event != NULL) {
		director_apply(seat->director, now, event, &seat->box.error);
		seat->box.done_at = now;
		atomic_store_explicit(&seat->box.event, NULL, memory_order_release);
	}
	return director_port_step(seat->director, seat->port, seat->queues, now);
}
