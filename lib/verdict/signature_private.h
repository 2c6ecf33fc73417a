#pragma once
// Private to the diagnosis: one function a signature. Each fills p_value, effect and statement of its finding
// and says whether its conditions beyond the p-value hold.

#include "verdict/signature.h"

/** Where the losses themselves say when the change was, chance heaps some there: so many moments to choose
 * from. */
#define JUDGE_MOMENTS 100

struct judge {
	const struct verdict_evidence *evidence;
	double significance;
	double confidence;
	double least_effect;
	struct verdict_clusters after; ///< stale and clean together
	struct verdict_clusters fresh; ///< what stale is compared with: clean, or without any the time before
	const char *fresh_name;        ///< "than others"
	struct verdict_interval aged;  ///< stale - fresh
	double aged_p;                 ///< of "stale and clean lose alike"
	bool is_aged; ///< stale tuples lose more, beyond chance and by more than the least effect
	struct verdict_timeout timeout;
	double past_sent; ///< stale queries past the timeout's end
	double past_lost;
	double excess;      ///< queries that failed after the event beyond what failed before it
	double accompanied; ///< share of these between the first refusal (ICMP port unreachable) and the last
	bool past_known;    ///< where the timeout ends is known, from the data or from elsewhere
};

/** How the evidence fits a signature, the p-value apart. */
enum signature_fit {
	SIGNATURE_DIFFERS, ///< its conditions don't hold; the effect and its p-value say how sure that is
	SIGNATURE_FITS,
	SIGNATURE_EXCLUDED, ///< they can't hold
	SIGNATURE_OPEN,     ///< what would tell wasn't seen
};

/** A finding's test. It leaves the effect NAN when the evidence for it wasn't gathered. */
typedef enum signature_fit signature_test(const struct judge *judge, struct verdict_finding *finding);

/** Fill `excess` and `accompanied`. */
void judge_failures(struct judge *judge);

/** What fails is a closed port's: refusals come all the while. */
bool judge_is_closed(const struct judge *judge);

/** Of the findings that the same losses may bear, the more particular one wins. */
void judge_settle(const struct judge *judge, struct verdict_finding *findings);

/** The overall answer and its text. */
void judge_conclude(const struct judge *judge, struct verdict *out);

signature_test signature_entries_kept;
signature_test signature_dead_weight;
signature_test signature_lazy_expiry;
signature_test signature_still_listed;
signature_test signature_flushing;
signature_test signature_overload;
signature_test signature_exhaustion;
signature_test signature_refused;
