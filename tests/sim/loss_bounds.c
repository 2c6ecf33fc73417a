// What the loss model (lib/verdict, from the research's formulas) expects of a run, for the scripts of this
// folder: prints the bounds of the number of queries lost at 99.9 % confidence, and the number expected, as
// "LOW HIGH EXPECTED".
//   loss_bounds MECHANISM REUSE TUPLES RATE TIMEOUT HZ SERVERS SECONDS
// A timer that fires in (T, T + g] moves all flows of a run together, by a phase that the client can't know:
// so LOW is that of T sharp, HIGH that of T + g, and EXPECTED that between.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/model.h"

static int find(const char *word, const char *const *words, int count)
{
	for (int i = 0; i < count; i++) {
		if (strcmp(word, words[i]) == 0) {
			return i;
		}
	}
	fprintf(stderr, "loss_bounds: unknown word '%s'\n", word);
	exit(2);
}

int main(int count, char **arguments)
{
	static const char *const mechanisms[] = {"kept", "lazy", "flush", "weight-zero", "dead-listed"};
	static const char *const reuses[] = {"random", "sequential"};
	struct verdict_model model = {0};
	double low, high, ignored, seconds, timeout, granularity;
	struct error error = {0};

	if (count != 9) {
		fprintf(stderr,
		        "usage: loss_bounds MECHANISM REUSE TUPLES RATE TIMEOUT HZ SERVERS SECONDS\n");
		return 2;
	}
	model.mechanism = (enum verdict_mechanism)find(arguments[1], mechanisms, 5);
	model.reuse = (enum verdict_reuse)find(arguments[2], reuses, 2);
	model.tuples = atof(arguments[3]);
	model.rate = atof(arguments[4]);
	timeout = atof(arguments[5]);
	granularity = verdict_model_granularity(timeout, atof(arguments[6]));
	model.servers = atof(arguments[7]);
	seconds = atof(arguments[8]);
	model.flush_delay = 1 / atof(arguments[6]);
	model.timeout = timeout;
	if (verdict_model_check(&model, &error) < 0) {
		fprintf(stderr, "loss_bounds: %s\n", error.text);
		return 2;
	}
	verdict_model_bounds(&model, seconds, 0.999, &low, &ignored);
	model.timeout = timeout + granularity;
	verdict_model_bounds(&model, seconds, 0.999, &ignored, &high);
	model.timeout = timeout + granularity / 2;
	printf("%.0f %.0f %.0f\n", low, high, verdict_model_lost(&model, seconds));
	return 0;
}
