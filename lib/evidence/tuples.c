#include "private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// Most of the tuples that are used again have been so by then: clean ones are compared up to there.
#define MOST_PROBED 0.9

// ip_vs_conn_expire_now: an entry that the first query makes expire is gone at the timer's next tick, two of
// HZ 100 at the latest; what comes until then is lost with that query.
#define EXPIRY_LATEST (20 * NS_PER_MS)

// In-flight entries keep send times in steps of this, and a frame that waits for the port gets a new one.
#define SAME_TIME NS_PER_US

// Exhaustion shows by new tuples that fail later on, not by those of the first tenth of the run.
#define EARLY       0.1
#define EARLY_SHARE 0.5

/** One tuple as the pass sees it. */
struct tuple {
	const struct flow_sent *base;  ///< at the base look; NULL: none
	const struct flow_sent *final; ///< at the end, or when the next change came
	const struct flow_spell *spells;
	uint32_t spell_count;
	const struct flow_spell *onset; ///< the first spell that begins after the change; NULL: none
	uint64_t lost_before, lost_after;
	bool used_before;
	bool dead_before; ///< it lay in a spell when the change came
};

static uint32_t sent_at(const struct evidence_look *look, uint32_t number)
{
	return look != NULL ? look->sent[number].sent : 0;
}

// It wasn't answered between its last loss before the change and the change. (A spell whose place was not
// known may have ended earlier.)
static bool lasts_until(const struct flow_spell *spell, ns_t change)
{
	bool open = spell->healed == 0 && spell->before < spell->first_lost;

	return spell->last_lost >= change || spell->healed >= change || open;
}

static void read_tuple(struct evidence_work *work, uint32_t number, uint32_t first, uint32_t count,
                       struct tuple *tuple)
{
	struct verdict_failures *failures = &work->out->verdict.failures;
	ns_t change = work->out->changed_at;

	*tuple = (struct tuple){.base = work->base != NULL ? &work->base->sent[number] : NULL,
	                        .final = work->last != NULL ? &work->last->sent[number]
	                                                    : &work->input->ledger->sent[number],
	                        .spells = &work->spells[first],
	                        .spell_count = count};
	tuple->used_before = tuple->base != NULL && tuple->base->sent > 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct flow_spell *spell = &tuple->spells[i];

		if (spell->first_lost < change) {
			tuple->lost_before += spell->first_lost < work->first ? spell->lost : 0;
			tuple->used_before = true;
			tuple->dead_before |= lasts_until(spell, change);
		} else if (spell->first_lost >= work->until) {
			tuple->used_before |= spell->before != 0 && spell->before < change;
		} else {
			tuple->lost_after += spell->lost;
			failures->failed += spell->lost;
			failures->refused += spell->refused;
			failures->unreachable += spell->unreachable;
			tuple->used_before |= spell->before != 0 && spell->before < change;
			if (tuple->onset == NULL) {
				tuple->onset = spell;
			}
		}
	}
}

// The look by which most tuples that are used again have been: a time profile that clean tuples can share.
static ns_t clean_end(const struct evidence_work *work)
{
	const struct evidence_input *input = work->input;
	const struct flow_sent *final = work->last != NULL ? work->last->sent : input->ledger->sent;
	uint64_t again = 0;

	for (uint32_t i = 0; i < input->ledger->tuples; i++) {
		again += sent_at(work->base, i) > 0 && final[i].sent > sent_at(work->base, i);
	}
	for (unsigned k = 0; again > 0 && k < input->looks->count; k++) {
		const struct evidence_look *look = &input->looks->looks[k];
		uint64_t probed = 0, clean = 0;

		if (work->last != NULL && look->at > work->last->at) {
			break;
		}

		if (work->settled == NULL || look->at <= work->settled->at) {
			continue;
		}
		for (uint32_t i = 0; i < input->ledger->tuples; i++) {
			bool used = sent_at(work->base, i) > 0;

			probed += used && look->sent[i].sent > sent_at(work->base, i);
			clean += sent_at(work->settled, i) == 0 && look->sent[i].sent > 0;
		}
		if ((double)probed >= MOST_PROBED * (double)again && clean >= probed / 16 + 30) {
			return look->at;
		}
	}
	return work->last != NULL ? work->last->at : NS_NEVER;
}

// When the first query after the change left, if the looks tell it exactly: one query since the base look.
static bool first_probe(const struct evidence_work *work, uint32_t number, const struct tuple *tuple,
                        ns_t *at)
{
	const struct evidence_looks *looks = work->input->looks;
	uint32_t sent = tuple->base->sent;

	for (unsigned k = 0; k <= looks->count; k++) {
		const struct flow_sent *later =
		        k < looks->count ? &looks->looks[k].sent[number] : tuple->final;

		if ((k < looks->count &&
		     (looks->looks[k].at <= work->base->at || looks->looks[k].at > work->until)) ||
		    later->sent == sent) {
			continue;
		}
		*at = later->last_sent;
		return later->sent == sent + 1 && *at >= work->out->changed_at;
	}
	return false;
}

static void add_probe(struct evidence_work *work, uint32_t number, const struct tuple *tuple)
{
	struct verdict_age *probe = &work->probes[work->probe_count];
	ns_t at;
	double age;

	if (!first_probe(work, number, tuple, &at)) {
		return;
	}
	// The connection was refreshed by the answer, a latency after the query.
	age = fmax(0, ns_to_seconds(at - tuple->base->last_sent) - work->latency);
	*probe = (struct verdict_age){.low = age, .high = age, .sent = 1};
	probe->lost = tuple->onset != NULL && tuple->onset->first_lost <= at &&
	              at - tuple->onset->first_lost < SAME_TIME;
	work->probe_count++;
}

static void add_dead(struct evidence_work *work, const struct tuple *tuple, uint32_t number)
{
	const struct flow_spell *spell = tuple->onset;
	ns_t answered = work->input->ledger->answered[number].last_answered;
	struct evidence_dead *dead = &work->dead[work->dead_count++];

	*dead = (struct evidence_dead){.first = ns_to_seconds(spell->first_lost - spell->before),
	                               .last = ns_to_seconds(spell->last_lost - spell->before),
	                               .healed = INFINITY,
	                               .widest = 1e-6 * spell->widest,
	                               .once = spell->lost == 1 ||
	                                       spell->last_lost - spell->first_lost < EXPIRY_LATEST};
	if (spell->healed != 0) {
		dead->healed = ns_to_seconds(spell->healed - spell->before);
	} else if (answered > spell->last_lost) {
		dead->healed = ns_to_seconds(answered - spell->before);
	}
	dead->second =
	        dead->once ? dead->healed : dead->first + (dead->last - dead->first) / (spell->lost - 1);
	work->out->spell_lost += spell->lost;
}

// The first query after the change: of a stale tuple and of a clean one, one trial each.
static void add_first(struct evidence_work *work, uint32_t number, const struct tuple *tuple, bool control)
{
	struct evidence *out = work->out;
	const struct flow_spell *onset = tuple->onset;
	ns_t change = out->changed_at;
	bool lost;

	if (!tuple->used_before) {
		// First used between two looks: nobody knows whether before the change.
		if (work->settled == NULL || work->settled->sent[number].sent > 0) {
			return;
		}
		lost = onset != NULL && onset->before == 0;
		if (work->clean_end != NS_NEVER) {
			// Where a look ends the comparison its copy says who was used by then.
			lost = lost && onset->first_lost <= work->clean_end;
		}
		verdict_clusters_add(&out->verdict.clean, 1, lost);
		out->clean++;
		out->clean_lost += lost;
		return;
	}
	if (tuple->dead_before || tuple->base == NULL || tuple->final->sent == tuple->base->sent) {
		return;
	}
	if (onset != NULL && onset->before != 0 && onset->before < change &&
	    onset->before < onset->first_lost) {
		add_dead(work, tuple, number);
		out->affected++;
		out->shared += onset->before < work->since;
		out->stale++;
		verdict_clusters_add(&out->verdict.stale, 1, 1);
	} else if (!control) {
		out->stale++;
		verdict_clusters_add(&out->verdict.stale, 1, 0);
	}
	add_probe(work, number, tuple);
}

// Queries of a tuple until its first answer ask for a new connection; the others have one.
static void add_established(struct evidence_work *work, const struct tuple *tuple, uint32_t from,
                            uint64_t lost)
{
	struct verdict_evidence *verdict = &work->out->verdict;
	const struct flow_spell *first = tuple->spell_count > 0 ? &tuple->spells[0] : NULL;
	bool whole = work->out->change == EVIDENCE_CHANGE_NONE;
	uint64_t attempts = 0, failed = 0, sent = tuple->final->sent - from;
	bool is_new = whole || (!tuple->used_before && from == 0);

	if (is_new && sent > 0) {
		bool never = first != NULL && first->before == 0;

		failed = never ? first->lost : 0;
		attempts = failed + (!never || first->healed != 0);
		attempts = attempts > sent ? sent : attempts;
		failed = failed > attempts ? attempts : failed;
		verdict_clusters_add(&verdict->first_use, attempts, failed);
	}
	if (!tuple->dead_before) {
		uint64_t others = sent - attempts, lost_then = lost > failed ? lost - failed : 0;

		verdict_clusters_add(&verdict->reused, others, lost_then > others ? others : lost_then);
	}
}

static void add_tuple(struct evidence_work *work, uint32_t number, const struct tuple *tuple)
{
	struct evidence *out = work->out;
	unsigned cohort = flow_space_cohort_of(work->input->space, number);
	bool control = work->input->space->cohorts[cohort].control;
	uint32_t from = tuple->base != NULL ? tuple->base->sent : 0, sound = sent_at(work->origin, number);
	const struct flow_answered *answered = &work->input->ledger->answered[number];
	uint64_t lost = (uint64_t)answered->lost + answered->refused, after = tuple->final->sent - from;
	uint64_t all = work->input->ledger->sent[number].sent;

	verdict_clusters_add(&out->cohorts[cohort].queries, all, lost > all ? all : lost);
	if (out->change == EVIDENCE_CHANGE_NONE) {
		add_established(work, tuple, 0, lost);
		return;
	}
	// Before the first change: what was lost since then was lost by another one.
	verdict_clusters_add(&out->verdict.before, sound,
	                     tuple->lost_before > sound ? sound : tuple->lost_before);
	if (work->since == 0 || !tuple->dead_before) {
		verdict_clusters_add(&out->verdict.after, after,
		                     tuple->lost_after > after ? after : tuple->lost_after);
	}
	if (after > 0) {
		if (work->clean_end == NS_NEVER || tuple->used_before) {
			add_first(work, number, tuple, control);
		} else {
			const struct evidence_looks *looks = work->input->looks;
			unsigned k = looks->count;

			while (k > 0 && looks->looks[k - 1].at > work->clean_end) {
				k--;
			}
			if (k > 0 && looks->looks[k - 1].sent[number].sent > 0) {
				add_first(work, number, tuple, control);
			}
		}
	}
	add_established(work, tuple, from, tuple->lost_after);
}

// Without a change, new tuples that fail from the start on are no sign of exhaustion: a real server may have
// been dead all the time.
static bool fails_from_the_start(const struct evidence_work *work)
{
	const struct evidence_input *input = work->input;
	ns_t early = input->start + (ns_t)(EARLY * (double)(input->end - input->start));
	double used[2] = {0}, failed[2] = {0};

	for (uint32_t i = 0, s = 0; i < input->ledger->tuples; i++) {
		const struct flow_spell *first = NULL;
		bool by_then = false;

		for (; s < work->spell_count && work->spells[s].tuple == i; s++) {
			first = first == NULL ? &work->spells[s] : first;
		}
		for (unsigned k = 0; k < input->looks->count && input->looks->looks[k].at <= early; k++) {
			by_then = input->looks->looks[k].sent[i].sent > 0;
		}
		used[by_then] += input->ledger->sent[i].sent > 0;
		failed[by_then] += first != NULL && first->before == 0;
	}
	return used[1] < 1 || failed[1] / used[1] > EARLY_SHARE * failed[0] / fmax(1, used[0]);
}

static void compare_cohorts(struct evidence_work *work)
{
	struct evidence *out = work->out;
	struct verdict_clusters control = {0};

	for (unsigned i = 0; i < out->cohort_count; i++) {
		if (out->cohorts[i].control) {
			verdict_clusters_merge(&control, &out->cohorts[i].queries);
		}
	}
	for (unsigned i = 0; i < out->cohort_count; i++) {
		struct evidence_cohort *cohort = &out->cohorts[i];

		cohort->loss = verdict_clusters_interval(&cohort->queries, work->confidence);
		cohort->difference = (struct verdict_interval){NAN, NAN, NAN};
		cohort->p_value = 1;
		if (!cohort->control && control.trials > 0 && cohort->queries.trials > 0) {
			cohort->difference =
			        verdict_clusters_difference(&cohort->queries, &control, work->confidence);
			cohort->p_value = verdict_clusters_difference_test(&cohort->queries, &control);
		}
	}
}

int evidence_tuples(struct evidence_work *work, struct error *error)
{
	const struct evidence_input *input = work->input;
	uint32_t tuples = input->ledger->tuples;
	struct evidence *out = work->out;

	work->dead = (struct evidence_dead *)malloc(((size_t)work->spell_count + 1) * sizeof(*work->dead));
	work->probes = (struct verdict_age *)malloc(((size_t)tuples + 1) * sizeof(*work->probes));
	if (work->dead == NULL || work->probes == NULL) {
		return error_set(error, -ENOMEM, "no memory to sort %u tuples", tuples);
	}
	work->origin = work->base = work->settled = NULL;
	for (unsigned k = 0; k < input->looks->count && out->change != EVIDENCE_CHANGE_NONE; k++) {
		const struct evidence_look *look = &input->looks->looks[k];

		work->origin = look->at <= work->first ? look : work->origin;
		work->base = look->at <= out->changed_at ? look : work->base;
		if (work->settled == NULL && look->at >= out->changed_at) {
			work->settled = look;
		}
	}
	work->clean_end = out->change != EVIDENCE_CHANGE_NONE ? clean_end(work) : NS_NEVER;
	out->cohort_count = input->space->cohort_count;
	for (unsigned i = 0; i < out->cohort_count; i++) {
		out->cohorts[i].control = input->space->cohorts[i].control;
	}
	for (uint32_t i = 0, s = 0; i < tuples; i++) {
		uint32_t first = s;
		struct tuple tuple;

		while (s < work->spell_count && work->spells[s].tuple == i) {
			s++;
		}
		if (input->ledger->sent[i].sent > 0) {
			read_tuple(work, i, first, s - first, &tuple);
			add_tuple(work, i, &tuple);
		}
	}
	if (out->change == EVIDENCE_CHANGE_NONE && fails_from_the_start(work)) {
		out->verdict.first_use = (struct verdict_clusters){0};
	}
	compare_cohorts(work);
	return 0;
}
