#pragma once
// Private to the room: the parsers of single types, which value.c dispatches to.

#include "keys.h"

/** Say what was found and what is allowed: -EINVAL. */
int config_refuse(const struct config_key *key, const json_t *value, struct error *error);

/** True when the key has no bounds, or `number` is within. */
bool config_in_bounds(const struct config_key *key, double number);

/** A number of seconds, or text with a unit. 0 or a negative errno, without a text. */
int config_duration(const json_t *value, ns_t *out);

// One a type: check `value` and store it at `to`.
int config_parse_text(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_name(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_bool(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_integer(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_seed(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_number(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_duration(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_choice(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_address(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_addresses(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_ranges(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_ports(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_reuse(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_rate(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_timeouts(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_edns(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_subnet(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_mac(const struct config_key *key, const json_t *value, void *to, struct error *error);
int config_parse_vlan(const struct config_key *key, const json_t *value, void *to, struct error *error);
