#include "evidence/evidence.h"

static int judge(const struct evidence_changes *changes, struct verdict *verdicts, double confidence,
                 struct error *error)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < changes->count; i++) {
		struct verdict_options options = {
		        .confidence = confidence,
		        .others = i == changes->main ? 0 : changes->count - 1,
		};

		rc = verdict_judge(&changes->each[i].verdict, &options, &verdicts[i], error);
	}
	return rc;
}

int evidence_judge(struct evidence_changes *out, struct verdict verdicts[EVIDENCE_CHANGES_MAX],
                   const struct evidence_input *input, double confidence, struct error *error)
{
	int rc = evidence_gather(out, input, true, confidence, error);

	if (rc == 0) {
		rc = judge(out, verdicts, confidence, error);
	}
	if (rc == 0 && out->found > 1 && verdicts[0].findings[VERDICT_OVERLOAD].state != VERDICT_SHOWN) {
		evidence_release(out);
		rc = evidence_gather(out, input, false, confidence, error);
		if (rc == 0) {
			rc = judge(out, verdicts, confidence, error);
		}
	}
	return rc;
}
