// Runs compared: the losses with their intervals, and whether they differ by more than chance.
#include "report/result.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "difference.h"
#include "read.h"
#include "rows.h"
#include "table.h"

/** A run's losses at one timeout. */
struct losses {
	bool known;    ///< the run has that timeout
	double lost;   ///< of the trials
	double trials; ///< queries that ended
	double weight; ///< independent queries that tell as much, for each query; 1: all of them
};

static double count_at(const json_t *object, const char *key)
{
	return (double)json_integer_value(json_object_get(object, key));
}

// ---- How much a query tells: the queries of one tuple share its fate

static bool read_clusters(const json_t *document, struct verdict_clusters *out)
{
	const json_t *list = json_object_get(document, "cohorts");

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const struct report_reader reader = {"", &(struct error){0}};
		struct verdict_clusters one;

		report_read_clusters(&reader, json_array_get(list, i), "", &one);
		if (one.clusters == 0) {
			return false;
		}
		verdict_clusters_merge(out, &one);
	}
	return out->trials > 0;
}

static double weight_of(const json_t *document)
{
	struct verdict_clusters clusters;
	double weight;

	if (!read_clusters(document, &clusters)) {
		return 1;
	}
	weight = verdict_clusters_effective_trials(&clusters, REPORT_CONFIDENCE) / (double)clusters.trials;
	return weight > 0 && weight < 1 ? weight : 1;
}

static struct losses losses_at(const json_t *document, double timeout)
{
	const json_t *list = json_object_get(document, "timeouts");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *row = json_array_get(list, i);

		if (json_number_value(json_object_get(row, "timeout_ms")) == timeout) {
			double lost = count_at(row, "lost");

			return (struct losses){
			        .known = true,
			        .lost = lost,
			        .trials = lost + count_at(row, "answered") + count_at(row, "refused"),
			        .weight = weight_of(document),
			};
		}
	}
	return (struct losses){.known = false};
}

static struct verdict_interval interval_of(const struct losses *losses)
{
	return verdict_wilson(losses->lost * losses->weight, losses->trials * losses->weight,
	                      REPORT_CONFIDENCE);
}

// ---- What is written

static void write_intervals(const json_t *const *documents, const char *const *titles, unsigned count,
                            double timeout, FILE *file)
{
	fprintf(file, "Loss in %g ms:\n", timeout);
	for (unsigned run = 0; run < count; run++) {
		struct losses losses = losses_at(documents[run], timeout);
		struct verdict_interval interval = interval_of(&losses);
		char estimate[REPORT_TABLE_NUMBER], low[REPORT_TABLE_NUMBER], high[REPORT_TABLE_NUMBER];

		if (!losses.known || !(losses.trials > 0)) {
			fprintf(file, "  %s: no data\n", titles[run]);
			continue;
		}
		fprintf(file, "  %s: %s (%.0f %% interval %s to %s)\n", titles[run],
		        report_table_write_percent(interval.estimate, estimate), 100 * REPORT_CONFIDENCE,
		        report_table_write_percent(interval.low, low),
		        report_table_write_percent(interval.high, high));
	}
}

static void write_change(const struct losses *first, const struct losses *other, const char *first_title,
                         const char *other_title, FILE *file)
{
	struct verdict_interval change = verdict_difference(
	        other->lost * other->weight, other->trials * other->weight, first->lost * first->weight,
	        first->trials * first->weight, REPORT_CONFIDENCE);
	const char *judgement = change.high < 0  ? "fewer are lost: the change is real"
	                        : change.low > 0 ? "more are lost: the change is real"
	                                         : "no change can be told from chance";

	fprintf(file, "  %s - %s: %+.3g percentage points (%+.3g to %+.3g); %s\n", other_title, first_title,
	        100 * change.estimate, 100 * change.low, 100 * change.high, judgement);
}

static void write_timeout(const json_t *const *documents, const char *const *titles, unsigned count,
                          double timeout, FILE *file)
{
	struct losses first = losses_at(documents[0], timeout);

	write_intervals(documents, titles, count, timeout, file);
	for (unsigned run = 1; run < count; run++) {
		struct losses other = losses_at(documents[run], timeout);

		if (first.trials > 0 && other.known && other.trials > 0) {
			write_change(&first, &other, titles[0], titles[run], file);
		}
	}
}

static void write_basis(const json_t *const *documents, const char *const *titles, unsigned count, FILE *file)
{
	for (unsigned run = 0; run < count; run++) {
		struct verdict_clusters clusters;
		double weight = weight_of(documents[run]);

		if (!read_clusters(documents[run], &clusters)) {
			fprintf(file,
			        "The intervals of %s take its queries as independent; those of one port "
			        "share "
			        "their fate, so the truth is less certain.\n",
			        titles[run]);
		} else if (weight < 1) {
			fprintf(file,
			        "The queries of one port share their fate: %s tells as much as %.0f "
			        "independent "
			        "queries.\n",
			        titles[run], weight * (double)clusters.trials);
		}
	}
}

int report_compare(const json_t *const *documents, const char *const *titles, unsigned count, FILE *file)
{
	const json_t *list = json_object_get(documents[0], "timeouts");
	int rc = report_side_by_side(documents, titles, count, file);

	if (rc < 0) {
		return rc;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		fputc('\n', file);
		write_timeout(documents, titles, count,
		              json_number_value(json_object_get(json_array_get(list, i), "timeout_ms")),
		              file);
	}
	fputc('\n', file);
	write_basis(documents, titles, count, file);
	for (unsigned run = 1; run < count; run++) {
		report_write_differences(documents[0], documents[run], titles[0], titles[run], file);
	}
	return fflush(file) != 0 || ferror(file) ? -EIO : 0;
}
