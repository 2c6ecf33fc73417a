#pragma once
// What the tests of this room share: a builder from text and options, and the texts of its errors.

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/** The least that makes a plan: the model, one query file. */
#define SUPPORT_BASE "{\"port\": {\"driver\": \"director\"}, \"queries\": {\"file\": \"q.txt\"}}"

static inline struct config_builder *support_load(const char *json)
{
	struct config_builder *builder = config_begin();
	struct error error = {0};

	assert_non_null(builder);
	if (config_load_text(builder, "test.json", json, strlen(json), &error) < 0) {
		fail_msg("%s: %s", error.path, error.text);
	}
	return builder;
}

static inline void support_set(struct config_builder *builder, const char *option, const char *value)
{
	struct error error = {0};

	if (config_set_option(builder, option, value, &error) < 0) {
		fail_msg("%s: %s", error.source, error.text);
	}
}

static inline struct plan *support_finish(struct config_builder *builder)
{
	struct error error = {0};
	struct plan *plan = NULL;

	if (config_finish(builder, &plan, &error) < 0) {
		fail_msg("%s %s: %s", error.source, error.path, error.text);
	}
	config_end(builder);
	return plan;
}

/** The plan of SUPPORT_BASE with `json` over it. */
static inline struct plan *support_plan(const char *json)
{
	struct config_builder *builder = support_load(SUPPORT_BASE);
	struct error error = {0};

	if (config_load_text(builder, "test.json", json, strlen(json), &error) < 0) {
		fail_msg("%s: %s", error.path, error.text);
	}
	return support_finish(builder);
}
