#include "flow/spells.h"

#include <errno.h>
#include <string.h>

#include "base/pages.h"

// Room for two spells a tuple, and for chance losses of small spaces.
#define SPELLS_EACH  2
#define SPELLS_SPARE 65536

// No query waits longer for its answer: the end of one that was passed over is known by then. (It always
// comes to be known, but for frames that waited for the port: their age class is of another time.)
#define WAIT_MAX (500 * NS_PER_SEC)

static uint32_t capacity_for(uint64_t tuples)
{
	uint64_t wanted = tuples * SPELLS_EACH + SPELLS_SPARE;

	return wanted < FLOW_SPELLS_MAX ? (uint32_t)wanted : FLOW_SPELLS_MAX;
}

uint64_t flow_spells_memory(uint64_t tuples)
{
	return (uint64_t)capacity_for(tuples) * sizeof(struct flow_spell);
}

int flow_spells_create(struct flow_spells *spells, uint32_t tuples, struct error *error)
{
	char size[32];

	memset(spells, 0, sizeof(*spells));
	spells->capacity = capacity_for(tuples);
	spells->log = pages_allocate(flow_spells_memory(tuples));
	if (spells->log != NULL) {
		return 0;
	}
	units_format_bytes(flow_spells_memory(tuples), size, sizeof(size));
	return error_set(error, -ENOMEM, "the log of losses needs %s of memory", size);
}

void flow_spells_free(struct flow_spells *spells)
{
	pages_free(spells->log, (uint64_t)spells->capacity * sizeof(*spells->log));
	memset(spells, 0, sizeof(*spells));
}

static struct flow_spell *number(const struct flow_spells *spells, uint32_t spell)
{
	return spell == 0 ? NULL : &spells->log[spell - 1];
}

static struct flow_spell *latest(const struct flow_spells *spells, const struct flow_answered *answered)
{
	return number(spells, answered->spell);
}

// A new spell of the tuple, in the place of its latest one when that holds no loss. NULL without room.
static struct flow_spell *start(struct flow_spells *spells, struct flow_answered *answered)
{
	struct flow_spell *spell = latest(spells, answered);
	uint32_t count = atomic_load_explicit(&spells->count, memory_order_relaxed);

	if (spell != NULL && spell->lost == 0) {
		return spell;
	}
	if (count == spells->capacity) {
		answered->spell = 0;
		return NULL;
	}
	answered->spell = count + 1;
	atomic_store_explicit(&spells->count, count + 1, memory_order_release);
	return &spells->log[count];
}

static bool lies_in(const struct flow_spell *spell, ns_t sent_at)
{
	return spell->healed != 0 && sent_at >= spell->before && sent_at < spell->healed;
}

// The spell that a loss at `sent_at` belongs to: no answer lies in between. NULL: a new one.
static struct flow_spell *that_goes_on(const struct flow_spells *spells, const struct flow_answered *answered,
                                       ns_t sent_at)
{
	struct flow_spell *spell = latest(spells, answered), *former = NULL;

	if (spell == NULL || lies_in(spell, sent_at)) {
		return spell;
	}
	if (spell->lost == 0) {
		former = number(spells, spell->widest);
		return former != NULL && lies_in(former, sent_at) ? former : NULL;
	}
	return spell->healed == 0 && answered->last_answered <= spell->last_lost ? spell : NULL;
}

static void note_kind(struct flow_spell *spell, enum flow_failure how)
{
	if (how == FLOW_REFUSED) {
		spell->refused += spell->refused < UINT16_MAX;
	} else if (how == FLOW_UNREACHABLE) {
		spell->unreachable += spell->unreachable < UINT16_MAX;
	}
}

static void note_rest(struct flow_spell *spell, ns_t since, ns_t sent_at)
{
	uint64_t rest = sent_at > since ? (sent_at - since) / NS_PER_US : 0;

	rest = rest < UINT32_MAX ? rest : UINT32_MAX;
	spell->widest = spell->widest > rest ? spell->widest : (uint32_t)rest;
}

void flow_spells_failed(struct flow_spells *spells, struct flow_answered *answered, uint32_t tuple,
                        ns_t sent_at, enum flow_failure how)
{
	struct flow_spell *spell = latest(spells, answered);

	// Losses are known in the order of sending: what was passed over before has come to its end.
	if (spell != NULL && sent_at >= spell->before) {
		answered->passed_over = 0;
	}
	spell = that_goes_on(spells, answered, sent_at);
	if (spell == NULL) {
		spell = start(spells, answered);
		if (spell == NULL) {
			atomic_store_explicit(&spells->omitted,
			                      atomic_load_explicit(&spells->omitted, memory_order_relaxed) +
			                              1,
			                      memory_order_relaxed);
			answered->passed_over = 0;
			return;
		}
		// An answer that came after this query left says nothing of the one before it.
		*spell = (struct flow_spell){
		        .before = answered->last_answered < sent_at ? answered->last_answered : sent_at,
		        .tuple = tuple};
	}
	note_kind(spell, how);
	if (spell->lost++ == 0) {
		spell->widest = 0;
		note_rest(spell, spell->before != 0 ? spell->before : sent_at, sent_at);
		spell->first_lost = spell->last_lost = sent_at;
	} else if (sent_at >= spell->last_lost) {
		note_rest(spell, spell->last_lost, sent_at);
		spell->last_lost = sent_at;
	} else if (sent_at < spell->first_lost) {
		// A refusal was known before this earlier loss. An answer between the two says nothing of
		// before.
		spell->first_lost = sent_at;
		spell->before = spell->before < sent_at ? spell->before : sent_at;
	}
}

// A query was passed over. Was it only overtaken, and has its answer come now? Else its place is kept while
// its end isn't known.
static bool keeps_place(const struct flow_spell *spell, struct flow_answered *answered, ns_t sent_at)
{
	if (sent_at < spell->healed) {
		answered->passed_over = sent_at < spell->before;
		return true;
	}
	answered->passed_over = sent_at < spell->healed + WAIT_MAX;
	return answered->passed_over != 0;
}

// The place of a loss that isn't known yet. Losses of the spell before it may be known as late: where that is
// stands in `widest` until there is one of its own.
static void note_place(struct flow_spells *spells, struct flow_answered *answered, uint32_t tuple,
                       ns_t sent_at)
{
	uint32_t former = answered->spell;
	struct flow_spell *spell = start(spells, answered);

	if (spell == NULL) {
		return;
	}
	former = former == answered->spell ? spell->widest : former;
	*spell = (struct flow_spell){
	        .before = answered->last_answered, .healed = sent_at, .widest = former, .tuple = tuple};
	answered->passed_over = 1;
}

void flow_spells_healed(struct flow_spells *spells, struct flow_answered *answered, uint32_t tuple,
                        ns_t sent_at, ns_t rest_end)
{
	struct flow_spell *spell = latest(spells, answered);

	if (spell != NULL && spell->healed == 0 && sent_at > spell->last_lost &&
	    answered->last_answered <= spell->last_lost) {
		spell->healed = sent_at;
		return;
	}
	if (answered->passed_over != 0 && keeps_place(spell, answered, sent_at)) {
		return;
	}
	if (sent_at <= answered->last_answered + rest_end) {
		return; // the query before it was answered, or overtaken
	}
	note_place(spells, answered, tuple, sent_at);
}
