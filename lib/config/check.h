#pragma once
// Private to the room: what the checks of settings against each other share.

#include "keys.h"

#include <errno.h>

/** What the checks look at. */
struct config_checked {
	const struct config_builder *builder;
	const struct config_draft *draft;
	const struct plan *plan;
	struct error *error;
};

/** Refuse the setting at a path. */
#define REFUSE(check, path, ...) config_error_at((check)->builder, (check)->error, -EINVAL, path, __VA_ARGS__)

int config_check_cohorts(const struct config_checked *check);
int config_check_director(const struct config_checked *check);
int config_check_scenario(const struct config_checked *check);
