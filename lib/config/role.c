// Which settings the director as a process of its own uses: the others of a run's configuration are the
// client's.
#include "keys.h"

#include <stdio.h>
#include <string.h>

/** A setting, or all of a section; and what it means to the director where the table's help is about
 * queries. */
struct use {
	const char *path;
	const char *help;
};

static const struct use uses[] = {
        {"name", NULL},
        {"description", NULL},
        {"seed", "Seed of all that the model draws at random."},
        {"port.interface", "Kernel network interface to answer on."},
        {"port.pci", NULL},
        {"port.device", "DPDK device string, e.g. net_memif0,role=server."},
        {"port.driver", "How to drive the port. auto: af_packet for an interface."},
        {"port.receive_queues", "Queues of the port, each way; one lcore polls them all."},
        {"port.ring_size", NULL},
        {"port.source_mac", "The director's MAC address in place of the port's own."},
        {"port.verify", NULL},
        {"port.promiscuous", NULL},
        {"service.address", "Address of the virtual service. Without one it is 10.96.0.10."},
        {"service.port", "UDP port of the virtual service."},
        {"service.family", NULL},
        {"service.gateway",
         "The director's own address on the network: it answers ARP and neighbour discovery for it, too."},
        {"load.duration",
         "How long to run, from when it is ready; without it, until interrupted. Not taken from the file, "
         "where it is the client's."},
        {"load.size_rate", NULL},
        {"scenario", NULL},
        {"director", NULL},
        {"output.json", NULL},
        {"output.verbose", NULL},
        {"lcores.map", NULL},
        {"lcores.memory", NULL},
        {"lcores.hugepages", NULL},
        {"lcores.eal", NULL},
};

#define USES (sizeof(uses) / sizeof(uses[0]))

// True when `path` is `whole` or lies within it.
static bool is_within(const char *path, const char *whole)
{
	size_t length = strlen(whole);

	return strncmp(path, whole, length) == 0 &&
	       (path[length] == '\0' || strchr(".[", path[length]) != NULL);
}

static const struct use *find_use(const char *path)
{
	for (unsigned i = 0; i < USES; i++) {
		if (is_within(path, uses[i].path)) {
			return &uses[i];
		}
	}
	return NULL;
}

bool config_role_uses(enum config_role role, const char *path)
{
	return role == CONFIG_CLIENT || find_use(path) != NULL;
}

const char *config_role_help(enum config_role role, const struct config_key *key)
{
	const struct use *use = role == CONFIG_DIRECTOR ? find_use(key->path) : NULL;

	return use != NULL && use->help != NULL ? use->help : key->help;
}

// True when the setting is the director's: how long it runs it is told by an option only.
static bool is_used(const struct config_builder *builder, const char *path)
{
	return config_role_uses(builder->role, path) &&
	       (builder->role == CONFIG_CLIENT || strcmp(path, "load.duration") != 0 ||
	        json_object_get(builder->options, path) != NULL);
}

// True when some setting of this section is used.
static bool is_section_used(const char *section)
{
	for (unsigned i = 0; i < USES; i++) {
		if (is_within(uses[i].path, section)) {
			return true;
		}
	}
	return false;
}

static void list(char *buffer, size_t size, const char *path)
{
	size_t used = strlen(buffer);

	snprintf(buffer + used, size - used, "%s%s", used > 0 ? ", " : "", path);
}

// Take what is not used out of the tree, and list it. Only sections have sections within: two levels do.
static void strip(const struct config_builder *builder, json_t *tree, char *buffer, size_t size)
{
	const char *section, *name;
	json_t *inner, *value;
	void *next, *next_inner;

	json_object_foreach_safe(tree, next, section, inner)
	{
		if (is_used(builder, section)) {
			continue;
		}
		if (!is_section_used(section)) {
			list(buffer, size, section);
			json_object_del(tree, section);
			continue;
		}
		json_object_foreach_safe(inner, next_inner, name, value)
		{
			char path[CONFIG_PATH_SIZE];

			snprintf(path, sizeof(path), "%s.%.64s", section, name);
			if (!is_used(builder, path)) {
				if (strcmp(name, "description") != 0) {
					list(buffer, size, path);
				}
				json_object_del(inner, name);
			}
		}
	}
}

void config_role_strip(const struct config_builder *builder, json_t *tree)
{
	char ignored[1] = "";

	if (builder->role != CONFIG_CLIENT) {
		strip(builder, tree, ignored, sizeof(ignored));
	}
}

void config_unused(const struct config_builder *builder, char *buffer, size_t size)
{
	json_t *copy = builder->role != CONFIG_CLIENT ? json_deep_copy(builder->tree) : NULL;

	buffer[0] = '\0';
	if (copy != NULL) {
		strip(builder, copy, buffer, size);
		json_decref(copy);
	}
}

void config_set_role(struct config_builder *builder, enum config_role role)
{
	builder->role = role;
}
