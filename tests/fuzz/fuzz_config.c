// The configuration: any text is refused with an error, or makes a plan that says the same again from its own
// JSON.
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Files are not the fuzzer's to open.
static bool names_a_profile(const uint8_t *data, size_t size)
{
	return memmem(data, size, "profile", strlen("profile")) != NULL ||
	       memmem(data, size, "\\u", 2) != NULL;
}

static void check_again(const struct plan *plan)
{
	struct config_builder *builder = config_begin();
	struct error error = {0};
	struct plan *again = NULL;

	if (config_load_text(builder, "again", plan->json, strlen(plan->json), &error) < 0 ||
	    config_finish(builder, &again, &error) < 0 || again->digest != plan->digest ||
	    strcmp(again->json, plan->json) != 0) {
		abort();
	}
	plan_free(again);
	config_end(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_builder *builder = config_begin();
	struct error error = {0};
	struct plan *plan = NULL;
	int rc;

	if (builder == NULL || names_a_profile(data, size)) {
		config_end(builder);
		return 0;
	}
	rc = config_load_text(builder, "fuzz", (const char *)data, size, &error);
	if (rc == 0) {
		rc = config_finish(builder, &plan, &error);
	}
	if ((rc < 0) != error_is_set(&error) || (rc < 0 && error.text[0] == '\0')) {
		abort();
	}
	if (rc == 0) {
		check_again(plan);
	}
	plan_free(plan);
	config_end(builder);
	return 0;
}
