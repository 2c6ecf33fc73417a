#pragma once
// A world to diagnose: the program's own senders and receiver against the director model, in one thread under
// a virtual clock, with a fault of a known kind and everything else drawn from a seed. What the diagnosis is
// given is what a client sees. DPDK's environment is started once a process.

#include "evidence/evidence.h"
#include "verdict/signature.h"

#include <stdint.h>

enum truth {
	TRUTH_KEPT = VERDICT_ENTRIES_KEPT,
	TRUTH_WEIGHT = VERDICT_DEAD_WEIGHT,
	TRUTH_LAZY = VERDICT_LAZY_EXPIRY,
	TRUTH_LISTED = VERDICT_STILL_LISTED,
	TRUTH_FLUSH = VERDICT_FLUSHING,
	TRUTH_OVERLOAD = VERDICT_OVERLOAD,
	TRUTH_EXHAUSTION = VERDICT_EXHAUSTION,
	TRUTH_REFUSED = VERDICT_REFUSED,
	TRUTH_QUIET = VERDICT_SIGNATURES, ///< chance losses, and a drained server that lives
	TRUTHS,
};

/** What a run draws. Seconds. */
struct world {
	enum truth truth;
	uint64_t seed;
	double timeout;   ///< T
	unsigned hz;      ///< of the director's kernel
	unsigned servers; ///< k
	double base_loss;
	double latency;
	double rest;  ///< mean time between two uses of a tuple
	double rate;  ///< of the reusing cohort
	double event; ///< when it happens
	double mark;  ///< when the user's event says so: at or before it
	double duration;
	unsigned policy;          ///< enum flow_policy of the reusing cohort
	unsigned queries_per_use; ///< sticky's
	bool sweep;               ///< a cohort that sweeps ages
	bool control;             ///< a cohort of fresh tuples
	bool gone;    ///< the dead server's host is gone with it: ICMP host unreachable now and then
	bool drained; ///< the server that refuses has weight 0
	bool limited; ///< the director limits the rate of its ICMP errors as Linux does
};

struct outcome {
	struct evidence_changes changes;
	struct verdict verdicts[EVIDENCE_CHANGES_MAX];
	const struct evidence *evidence; ///< of the main change
	const struct verdict *verdict;
	uint64_t sent;
};

/** Draw a world for a truth. */
void world_draw(struct world *world, enum truth truth, uint64_t seed);

/** One cohort that sweeps ages over a removal: what the timeout estimate is for. */
void world_draw_sweep(struct world *world, uint64_t seed);

/** Run it and judge. `outcome` is to be released by outcome_release(). Ends the process when it can't run. */
void world_run(const struct world *world, struct outcome *outcome);
void outcome_release(struct outcome *outcome);

/** Start DPDK and the pair of ports. */
void world_start(const char *program);
