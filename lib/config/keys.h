#pragma once
// Private to the room: the table of keys. One line a setting: its place in the JSON document, type, default,
// bounds, help, option and the field that it fills. Parsing, options, --help, the reference and the schema
// all come from it.

#include "base/error.h"
#include "config/config.h"
#include "draft.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** Depth of a path in the document. */
#define CONFIG_DEPTH_MAX 4

/** Room for the path of a key, or of a value with its indices. */
#define CONFIG_PATH_SIZE 128

enum config_type {
	CONFIG_OBJECT, ///< a group; no value of its own
	CONFIG_LIST,   ///< a list of objects, each a struct of its own
	CONFIG_TEXT,
	CONFIG_NAME, ///< text that fits its field
	CONFIG_BOOL,
	CONFIG_INTEGER,
	CONFIG_SEED,  ///< an integer of 64 bits, in JSON a number up to 2^63 or a string
	CONFIG_COUNT, ///< a number or text with k, M, G
	CONFIG_NUMBER,
	CONFIG_DURATION,
	CONFIG_CHOICE,
	CONFIG_ADDRESS,
	CONFIG_ADDRESSES,
	CONFIG_RANGES,
	CONFIG_PORTS,
	CONFIG_REUSE,
	CONFIG_RATE,
	CONFIG_TIMEOUTS,
	CONFIG_EDNS,
	CONFIG_SUBNET,
	CONFIG_MAC,
	CONFIG_VLAN,
	CONFIG_TYPES,
};

/** What one object of the document is stored in. */
enum config_scope {
	CONFIG_SCOPE_RUN,     ///< struct config_draft
	CONFIG_SCOPE_COHORT,  ///< struct config_cohort
	CONFIG_SCOPE_EVENT,   ///< struct config_event
	CONFIG_SCOPE_BACKEND, ///< struct config_backend
};

/** A name of a choice by its number; NULL after the last. */
typedef const char *(*config_choice)(unsigned value);

struct config_key {
	const char *path; ///< "load.rate"; "cohorts[].share" within a list
	enum config_type type;
	enum config_scope scope;
	const char *value;    ///< the default as text; NULL: none
	double min, max;      ///< of numbers, and of durations in seconds; both 0: not bounded
	config_choice choice; ///< of CONFIG_CHOICE
	const char *help;
	const char *letter;   ///< option letter; NULL: none
	const char *option;   ///< long option; NULL: none
	const char *argument; ///< name of the option's argument; NULL: it takes none and means true
	const char *
	        overrides; ///< paths that the option takes back when they come from the file, blank-separated
	size_t offset, size; ///< of the field in its scope's struct
};

extern const struct config_key config_keys[];
extern const unsigned config_key_count;

/** Options that stand for one value of a key. */
struct config_alias {
	const char *option;
	const char *path;
	const char *value;
	const char *overrides;
	const char *help;
};

extern const struct config_alias config_aliases[];
extern const unsigned config_alias_count;

/** The key of a path as in the table ("cohorts[].share"), or NULL. */
const struct config_key *config_key_find(const char *path);

/** The key's last name: "share" of "cohorts[].share". */
const char *config_key_name(const struct config_key *key);

/** True when `path` is a child of the object at `parent` ("" is the root): one name longer. */
bool config_key_is_child(const char *path, const char *parent);

// ---- value.c: one value

/** Check a value and store it at `to`, which is zeroed. Returns 0 or -EINVAL with text (no place) in `error`.
 */
int config_value_parse(const struct config_key *key, const json_t *value, void *to, struct error *error);

/** Free what a stored value owns. */
void config_value_release(const struct config_key *key, void *to);

/** Check a value without keeping it. */
int config_value_check(const struct config_key *key, const json_t *value, struct error *error);

/** The JSON value that an option's text (or a default) stands for. A new reference, NULL when there is no
 * memory. */
json_t *config_value_from_text(const struct config_key *key, const char *text);

/** What the type is called ("a duration"), with bounds or choices: "an integer of 1 to 65535". Returns
 * `buffer`. */
const char *config_value_allowed(const struct config_key *key, char *buffer, size_t size);

/** True for types whose option may be given several times, each adding to the list. */
bool config_type_appends(enum config_type type);

/** The JSON schema of a type, a new reference. */
json_t *config_value_schema(const struct config_key *key);

// ---- builder.c

struct config_builder {
	json_t *tree;    ///< the settings given
	json_t *options; ///< path -> the option that set it
	char *source;    ///< the latest file
	enum config_role role;
};

/** The value at a path without list indices, or NULL. Borrowed. */
json_t *config_tree_get(const json_t *tree, const char *path);

/** Record an error at a path (may hold indices): names the option if one set it, else file and JSON path. */
int config_error_at(const struct config_builder *builder, struct error *error, int code, const char *path,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));

// ---- role.c

/** True when the setting at a path ("scenario[].at") is of use to the role. */
bool config_role_uses(enum config_role role, const char *path);

/** What a setting means to the role. */
const char *config_role_help(enum config_role role, const struct config_key *key);

/** Take what the builder's role has no use for out of a tree of settings. */
void config_role_strip(const struct config_builder *builder, json_t *tree);

// ---- derive.c

/**
 * The effective settings: what was given, what follows from it (driver, cohort names, the model's servers),
 * and the defaults. A new reference, NULL when there is no memory.
 */
json_t *config_effective(const struct config_builder *builder);

// ---- fill.c

/**
 * Store the values of the object at `place` ("" or "cohorts[1]"), whose keys have `scope` and begin with
 * `prefix` ("" or "cohorts[]"), in the scope's struct. On an error it is to be released all the same.
 */
int config_fill(const struct config_builder *builder, const json_t *object, enum config_scope scope,
                const char *prefix, const char *place, void *to, struct error *error);

/** Free what config_fill stored and nobody took over (set the field to NULL). */
void config_fill_release(enum config_scope scope, void *from);

// ---- check.c

/** Check the settings of a plan that is complete against each other. */
int config_check(const struct config_builder *builder, const struct config_draft *draft, struct error *error);

// ---- plan.c

/** Free what a plan owns, not the plan. */
void config_plan_clear(struct plan *plan);
