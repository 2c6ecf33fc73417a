// The effective settings: what was given, what follows from it, and the defaults.
#include "keys.h"

#include <stdio.h>
#include <string.h>

/** Where the model's network lies unless told: the service range and pod range that kubeadm users know, and a
 * client. */
#define MODEL_SERVICE         "10.96.0.10"
#define MODEL_CLIENT          "10.0.0.1"
#define MODEL_CLIENT6         "fd00:0:0:1::1"
#define MODEL_BACKENDS        "10.244.%zu.%zu"
#define MODEL_BACKENDS6       "fd00:0:0:2::%zx"
#define MODEL_BACKENDS_FIRST  10
#define MODEL_BACKENDS_SUBNET 200 ///< real servers in a /24 of the pod range

#define DEFAULT_RATE "1000"

// All of these return false when there is no memory: jansson's calls fail for nothing else here.
static bool set_default(json_t *object, const char *name, json_t *value)
{
	if (json_object_get(object, name) != NULL) {
		json_decref(value);
		return true;
	}
	return json_object_set_new(object, name, value) == 0;
}

static json_t *child(json_t *object, const char *name, json_t *(*make)(void))
{
	if (json_object_get(object, name) == NULL && json_object_set_new(object, name, make()) < 0) {
		return NULL;
	}
	return json_object_get(object, name);
}

static const char *text_at(const json_t *tree, const char *path)
{
	return json_string_value(config_tree_get(tree, path));
}

// As many receivers as senders where an lcore is both; a queue for each receiver; both unless told otherwise.
// What is no integer is refused later.
static bool derive_queues(json_t *root, json_t *port)
{
	json_t *lcores = json_object_get(root, "lcores"), *senders = json_object_get(lcores, "senders"),
	       *receivers;

	if (json_is_true(json_object_get(lcores, "combined")) && json_is_integer(senders) &&
	    !set_default(lcores, "receivers", json_incref(senders))) {
		return false;
	}
	receivers = json_object_get(lcores, "receivers");
	return !json_is_integer(receivers) || set_default(port, "receive_queues", json_incref(receivers));
}

static bool derive_port(json_t *root)
{
	json_t *port = child(root, "port", json_object);
	const char *driver = json_string_value(json_object_get(port, "driver"));
	enum plan_driver found = PLAN_DRIVER_AUTO;

	if (port == NULL || !derive_queues(root, port)) {
		return false;
	}
	if (driver != NULL && strcmp(driver, plan_driver_name(PLAN_DRIVER_AUTO)) != 0) {
		return true;
	}
	if (json_object_get(port, "interface") != NULL) {
		found = PLAN_DRIVER_AF_PACKET;
	} else if (json_object_get(port, "pci") != NULL) {
		found = PLAN_DRIVER_PCI;
	} else if (json_object_get(port, "device") != NULL) {
		found = PLAN_DRIVER_DEVICE;
	}
	return json_object_set_new(port, "driver", json_string(plan_driver_name(found))) == 0;
}

// True when the model is part of the plan: behind a port within the process, or this is the model.
static bool has_model(const json_t *root, enum config_role role)
{
	return role == CONFIG_DIRECTOR ||
	       strcmp(text_at(root, "port.driver"), plan_driver_name(PLAN_DRIVER_DIRECTOR)) == 0;
}

static bool is_ipv6(const json_t *root)
{
	const char *address = text_at(root, "service.address");

	return address != NULL && strchr(address, ':') != NULL;
}

static bool derive_director(json_t *root, bool model)
{
	json_t *director, *backends, *backend;
	char text[64];
	size_t i;

	if (model && child(root, "director", json_object) == NULL) {
		return false;
	}
	director = json_object_get(root, "director");
	if (director == NULL) {
		return true;
	}
	if (model &&
	    !set_default(child(root, "service", json_object), "address", json_string(MODEL_SERVICE))) {
		return false;
	}
	backends = json_object_get(director, "backends");
	if (backends == NULL) {
		backends = json_pack("[{s:s},{s:s}]", "name", "coredns-a", "name", "coredns-b");
		if (json_object_set_new(director, "backends", backends) < 0) {
			return false;
		}
	}
	json_array_foreach (backends, i, backend) {
		if (is_ipv6(root)) {
			snprintf(text, sizeof(text), MODEL_BACKENDS6, i + MODEL_BACKENDS_FIRST);
		} else {
			snprintf(text, sizeof(text), MODEL_BACKENDS, i / MODEL_BACKENDS_SUBNET,
			         i % MODEL_BACKENDS_SUBNET + MODEL_BACKENDS_FIRST);
		}
		if (!set_default(backend, "address", json_string(text))) {
			return false;
		}
	}
	return true;
}

static bool derive_cohorts(json_t *root, bool model)
{
	json_t *cohorts = child(root, "cohorts", json_array);
	bool slots = config_tree_get(root, "load.slots") != NULL;
	json_t *cohort;
	char name[32];
	size_t i;

	if (cohorts == NULL ||
	    (json_array_size(cohorts) == 0 && json_array_append_new(cohorts, json_object()) < 0)) {
		return false;
	}
	json_array_foreach (cohorts, i, cohort) {
		const char *addresses = json_string_value(json_object_get(cohort, "addresses"));
		bool automatic = json_object_get(cohort, "addresses") == NULL ||
		                 (addresses != NULL && strcmp(addresses, "auto") == 0);

		if (i == 0) {
			snprintf(name, sizeof(name), "default");
		} else {
			snprintf(name, sizeof(name), "cohort%zu", i + 1);
		}
		if (!set_default(cohort, "name", json_string(name))) {
			return false;
		}
		if (automatic && model &&
		    json_object_set_new(cohort, "addresses",
		                        json_string(is_ipv6(root) ? MODEL_CLIENT6 : MODEL_CLIENT)) < 0) {
			return false;
		}
		// A slot is a socket that waits for its answer.
		if (slots && !set_default(cohort, "queries_in_flight", json_integer(1))) {
			return false;
		}
	}
	return true;
}

static bool derive_load(json_t *root)
{
	static const char *const driven_by[] = {"rate", "profile", "window", "slots"};
	json_t *load = child(root, "load", json_object);

	for (unsigned i = 0; i < sizeof(driven_by) / sizeof(driven_by[0]); i++) {
		if (json_object_get(load, driven_by[i]) != NULL) {
			return true;
		}
	}
	return load != NULL && json_object_set_new(load, "rate", json_string(DEFAULT_RATE)) == 0;
}

// The table's defaults for the object at `prefix`; objects that are optional as a whole stay away.
static bool add_defaults(json_t *object, const char *prefix)
{
	for (unsigned i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];
		json_t *inner;

		if (!config_key_is_child(key->path, prefix)) {
			continue;
		}
		if (key->type == CONFIG_OBJECT) {
			bool optional = strcmp(key->path, "queries.generate") == 0 ||
			                strcmp(key->path, "director") == 0;

			inner = optional ? json_object_get(object, config_key_name(key))
			                 : child(object, config_key_name(key), json_object);
			if (inner != NULL ? !add_defaults(inner, key->path) : !optional) {
				return false;
			}
		} else if (key->value != NULL && !set_default(object, config_key_name(key),
		                                              config_value_from_text(key, key->value))) {
			return false;
		}
	}
	return true;
}

static bool add_list_defaults(json_t *list, const char *prefix)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!add_defaults(item, prefix)) {
			return false;
		}
	}
	return true;
}

json_t *config_effective(const struct config_builder *builder)
{
	json_t *root = json_deep_copy(builder->tree);
	bool model;

	if (root == NULL) {
		return NULL;
	}
	config_role_strip(builder, root);
	model = derive_port(root) && has_model(root, builder->role);
	if (text_at(root, "port.driver") == NULL || !derive_director(root, model) ||
	    !derive_cohorts(root, model) || !derive_load(root) || !add_defaults(root, "") ||
	    !add_list_defaults(json_object_get(root, "cohorts"), "cohorts[]") ||
	    !add_list_defaults(config_tree_get(root, "director.backends"), "director.backends[]")) {
		json_decref(root);
		return NULL;
	}
	return root;
}
