#include "world_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_must(int rc, const struct error *error)
{
	if (rc < 0) {
		char text[1024];

		error_format(error, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
		exit(1);
	}
}

ns_t world_ns(double seconds)
{
	return (ns_t)(seconds * 1e9);
}

static void befall(struct stage *stage, enum scenario_kind kind, ns_t now)
{
	struct scenario_event event = {.kind = kind, .backend = "s0"};
	struct error error = {0};

	world_must(director_apply(stage->director, now, &event, &error), &error);
}

static void happen(struct stage *stage, ns_t now)
{
	switch (stage->world->truth) {
	case TRUTH_KEPT:
	case TRUTH_LAZY:
	case TRUTH_FLUSH:
		befall(stage, SCENARIO_REMOVE, now);
		break;
	case TRUTH_WEIGHT:
		befall(stage, SCENARIO_DRAIN, now);
		befall(stage, stage->world->gone ? SCENARIO_VANISH : SCENARIO_KILL, now);
		break;
	case TRUTH_LISTED:
		befall(stage, stage->world->gone ? SCENARIO_VANISH : SCENARIO_KILL, now);
		break;
	case TRUTH_REFUSED:
		if (stage->world->drained) {
			befall(stage, SCENARIO_DRAIN, now);
		}
		befall(stage, SCENARIO_CLOSE, now);
		break;
	case TRUTH_QUIET:
		befall(stage, SCENARIO_DRAIN, now);
		break;
	default:
		break;
	}
}

static ns_t earlier(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static void watch(struct stage *stage, ns_t now)
{
	const struct flow_sent *sent = stage->team->ledger.sent;
	const uint64_t *counters = stage->team->receiver_stats[0].counters;
	struct evidence_sums sums = {.wrong_source = counters[STATS_WRONG_SOURCE],
	                             .closed = counters[STATS_REFUSED_PORT]};

	if (!stage->marked && now >= stage->mark) {
		stage->marked = true;
		evidence_looks_event(&stage->looks, sent, now);
	}
	if (!stage->happened && now >= stage->event) {
		stage->happened = true;
		happen(stage, now);
	}
	evidence_looks_step(&stage->looks, sent, sums, now);
}

static ns_t step(struct stage *stage, ns_t now)
{
	struct worker_sender *sender = &stage->team->senders[0];
	unsigned work;
	ns_t next;

	watch(stage, now);
	do {
		work = worker_sender_step(sender, now);
		work += director_port_step(stage->director, world_ports.director_port, 1, now);
		work += worker_team_receive(stage->team, now);
	} while (work > 0);
	next = earlier(worker_sender_next(sender, now), worker_team_next_expiry(stage->team, now));
	next = earlier(next, director_next(stage->director));
	next = earlier(next, evidence_looks_due(&stage->looks));
	next = stage->marked ? next : earlier(next, stage->mark);
	next = stage->happened ? next : earlier(next, stage->event);
	return next > now ? next : now + NS_PER_US;
}

static void run(struct stage *stage)
{
	ns_t now = START, end = START + world_ns(stage->world->duration) + 2 * NS_PER_SEC;

	while (now < end) {
		now = step(stage, now);
	}
	worker_team_finish(stage->team);
	worker_team_snapshot(stage->team, &stage->snapshot, now);
}

static void judge(struct stage *stage, struct outcome *outcome)
{
	struct evidence_input input = {
	        .space = stage->team->space,
	        .ledger = &stage->team->ledger,
	        .spells = stage->team->spells,
	        .spell_logs = stage->team->receiver_count,
	        .looks = &stage->looks,
	        .snapshot = &stage->snapshot,
	        .marks = &stage->mark,
	        .mark_count = stage->world->truth == TRUTH_QUIET && stage->world->seed % 3 == 0 ? 0 : 1,
	        .start = START,
	        .end = START + world_ns(stage->world->duration),
	};
	struct error error = {0};

	world_must(evidence_judge(&outcome->changes, outcome->verdicts, &input, 0.95, &error), &error);
	outcome->evidence = &outcome->changes.each[outcome->changes.main];
	outcome->verdict = &outcome->verdicts[outcome->changes.main];
	outcome->sent = stage->snapshot.total.sent;
}

void world_run(const struct world *world, struct outcome *outcome)
{
	static struct stage stage;
	struct random random;

	memset(&stage, 0, sizeof(stage));
	random_seed(&random, world->seed, 7);
	stage.world = world;
	stage.mark = START + world_ns(world->mark);
	stage.event = START + world_ns(world->event);
	world_make_cohorts(&stage);
	world_make_load(&stage, &random);
	world_make_team(&stage);
	world_make_director(&stage, &random);
	run(&stage);
	judge(&stage, outcome);
	evidence_looks_release(&stage.looks);
	stats_snapshot_release(&stage.snapshot);
	worker_team_free(stage.team);
	director_destroy(stage.director);
	load_profile_free(&stage.profile);
	dns_query_set_free(stage.queries);
	world_empty_ports();
}

void outcome_release(struct outcome *outcome)
{
	evidence_release(&outcome->changes);
}
