// The model as a side of the conformance suite: lib/director's IPVS, and servers that do at once, or at the
// time that a query names, what tests/conformance/peer.c does.

#include "suite.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "director/ipvs.h"

enum { EVENTS_MAX = 64, HEARD_MAX = 64, SERVICE_PORT = 53 };

/** A datagram that a server is going to send. */
#define HZ 100 // of a model that may have any
struct event {
	double due;
	double interval;
	unsigned pushes; ///< further ones
	unsigned client;
	unsigned port;
	unsigned server;
};

struct heard {
	unsigned client;
	unsigned port;
	char letter;
};

struct model {
	struct side side;
	struct ipvs *ipvs;
	struct setup setup;
	struct ipvs_service_options service_options;
	double now;
	uint16_t service;
	uint16_t ids[SERVERS_MAX];
	bool closed[SERVERS_MAX];
	unsigned long received[SERVERS_MAX];
	struct event events[EVENTS_MAX];
	unsigned event_count;
	struct heard heard[HEARD_MAX];
	unsigned heard_count;
};

static struct model *model_of(struct side *side)
{
	return (struct model *)side;
}

static ns_t nanoseconds(double seconds)
{
	return (ns_t)llround(seconds * 1e9);
}

static struct address address_of(const struct model *model, const char *four, const char *six, unsigned add)
{
	struct address address;

	if (address_parse(model->setup.six ? six : four, &address) < 0) {
		die("the model's address %s", four);
	}
	address.bytes[model->setup.six ? 15 : 3] += (uint8_t)add;
	return address;
}

static struct address client_address(const struct model *model, unsigned client)
{
	return address_of(model, "10.0.0.1", "fd00:10::1", client);
}

static void check(int rc, const struct error *error)
{
	if (rc < 0) {
		die("the model says: %s", error->text);
	}
}

static void create_service(struct model *model, const char *four, const char *six)
{
	struct address address = address_of(model, four, six, 0);
	struct error error = {0};
	int id = ipvs_service_add(model->ipvs, nanoseconds(model->now), &address, SERVICE_PORT,
	                          &model->service_options, &error);

	check(id, &error);
	model->service = (uint16_t)id;
}

static void add_server(struct model *model, char letter)
{
	struct address address = address_of(model, "10.244.0.11", "fd00:10:244::1", (unsigned)(letter - 'A'));
	struct error error = {0};
	int id = ipvs_server_add(model->ipvs, nanoseconds(model->now), model->service, &address, SERVICE_PORT,
	                         1, &error);

	check(id, &error);
	model->ids[letter - 'A'] = (uint16_t)id;
}

static void model_up(struct side *side, const struct setup *setup, const char *servers)
{
	struct model *model = model_of(side);
	struct ipvs_options options = ipvs_options_default();
	struct error error = {0};

	ipvs_destroy(model->ipvs);
	*model = (struct model){.side = *side,
	                        .setup = *setup,
	                        .service_options = {.scheduler = IPVS_RR,
	                                            .one_packet = setup->one_packet,
	                                            .persistence = nanoseconds(setup->persistence)}};
	options.udp_timeout = nanoseconds(setup->timeout);
	options.expire_nodest_conn = setup->expire_nodest;
	options.lazy = setup->lazy;
	options.conntrack = setup->conntrack;
	options.conntrack_timeout = nanoseconds(setup->conntrack_timeout);
	options.drop_rate = setup->drop;
	options.hz = setup->hz > 0 ? setup->hz : HZ;
	options.first_jiffy = setup->jiffies;
	options.connections = 1024;
	check(ipvs_create(&model->ipvs, &options, &error), &error);
	memset(model->ids, 0xff, sizeof(model->ids));
	create_service(model, "10.96.0.10", "fd00:10:96::a");
	for (; *servers != 0; servers++) {
		add_server(model, *servers);
	}
}

static double model_now(struct side *side)
{
	return model_of(side)->now;
}

/** A server's datagram, as the client sees its source. */
static char deliver(struct model *model, double at, unsigned client, unsigned port, unsigned server)
{
	struct address address = client_address(model, client);
	uint16_t service = UINT16_MAX;
	bool translated = ipvs_packet_out(model->ipvs, nanoseconds(at), &address, (uint16_t)port,
	                                  model->ids[server], &service);

	return (char)((translated ? 'A' : 'a') + (int)server);
}

static void run_event(struct model *model, struct event *event)
{
	char letter = deliver(model, event->due, event->client, event->port, event->server);

	if (model->heard_count == HEARD_MAX) {
		die("too many datagrams");
	}
	model->heard[model->heard_count++] = (struct heard){event->client, event->port, letter};
	event->due += event->interval;
	if (event->pushes-- == 0) {
		*event = model->events[--model->event_count];
	}
}

static bool model_wait(struct side *side, double until)
{
	struct model *model = model_of(side);

	for (;;) {
		struct event *next = NULL;

		for (unsigned i = 0; i < model->event_count; i++) {
			if (model->events[i].due <= until &&
			    (next == NULL || model->events[i].due < next->due)) {
				next = &model->events[i];
			}
		}
		if (next == NULL) {
			break;
		}
		run_event(model, next);
	}
	model->now = fmax(model->now, until);
	ipvs_expire(model->ipvs, nanoseconds(model->now));
	return true;
}

/** What peer.c does with a query. */
static char serve(struct model *model, const char *how, unsigned client, unsigned port, unsigned server)
{
	struct address address = client_address(model, client);
	struct event event = {.client = client, .port = port, .server = server, .due = model->now};
	unsigned milliseconds, pushes;
	uint16_t service;

	if (model->closed[server]) {
		return ipvs_find_reply(model->ipvs, nanoseconds(model->now), &address, (uint16_t)port,
		                       model->ids[server], &service)
		               ? ANSWER_REFUSED
		               : ANSWER_STRANGE;
	}
	model->received[server]++;
	if (strcmp(how, "mute") == 0) {
		return ANSWER_NONE;
	}
	if (model->event_count == EVENTS_MAX) {
		die("too many datagrams to come");
	}
	if (sscanf(how, "delay-%u", &milliseconds) == 1) {
		event.due += milliseconds / 1e3;
		model->events[model->event_count++] = event;
		return ANSWER_NONE;
	}
	if (sscanf(how, "push-%u-%u", &milliseconds, &pushes) == 2) {
		event.interval = milliseconds / 1e3;
		event.due += event.interval;
		event.pushes = pushes - 1;
		model->events[model->event_count++] = event;
	}
	return deliver(model, model->now, client, port, server);
}

static unsigned server_of(const struct model *model, uint16_t id)
{
	for (unsigned i = 0; i < SERVERS_MAX; i++) {
		if (model->ids[i] == id) {
			return i;
		}
	}
	die("the model knows no server %u", id);
}

static void model_ask(struct side *side, const struct ask *ask)
{
	struct model *model = model_of(side);

	for (unsigned i = 0; i < ask->count; i++) {
		unsigned port = ask->first + i;
		struct ipvs_key key = {.client = client_address(model, ask->client),
		                       .client_port = (uint16_t)port,
		                       .service = model->service};
		struct ipvs_result result = ipvs_packet_in(model->ipvs, nanoseconds(model->now), &key);

		switch (result.decision) {
		case IPVS_FORWARD:
			ask->found[i] =
			        serve(model, ask->how, ask->client, port, server_of(model, result.server));
			break;
		case IPVS_DROP:
			ask->found[i] = ANSWER_NONE;
			break;
		default:
			ask->found[i] = ANSWER_REFUSED;
		}
	}
	ask->found[ask->count] = 0;
}

static void model_hear(struct side *side, unsigned client, unsigned port, double until, char *found)
{
	struct model *model = model_of(side);
	unsigned kept = 0;

	model_wait(side, until);
	for (unsigned i = 0; i < model->heard_count; i++) {
		if (model->heard[i].client == client && model->heard[i].port == port) {
			*found++ = model->heard[i].letter;
		} else {
			model->heard[kept++] = model->heard[i];
		}
	}
	model->heard_count = kept;
	*found = 0;
}

static void change_server(struct model *model, char *const *words, unsigned count)
{
	unsigned server = (unsigned)(words[1][0] - 'A');
	uint32_t value = count > 2 ? (uint32_t)strtoul(words[2], NULL, 10) : 0;
	ns_t now = nanoseconds(model->now);
	struct error error = {0};
	int rc = 0;

	if (strcmp(words[0], "weight") == 0) {
		rc = ipvs_server_set_weight(model->ipvs, now, model->service, model->ids[server], value);
	} else if (strcmp(words[0], "remove") == 0) {
		rc = ipvs_server_remove(model->ipvs, now, model->service, model->ids[server]);
	} else if (strcmp(words[0], "threshold") == 0) {
		rc = ipvs_server_set_thresholds(model->ipvs, now, model->service, model->ids[server], value,
		                                (uint32_t)strtoul(words[3], NULL, 10));
	} else if (strcmp(words[0], "add") == 0) {
		add_server(model, words[1][0]);
	} else if (strcmp(words[0], "close") == 0) {
		model->closed[server] = true;
	} else {
		die("no change \"%s\"", words[0]);
	}
	error_set(&error, rc, "%s refused", words[0]);
	check(rc, &error);
}

static void set_value(struct model *model, const char *name, double value)
{
	ns_t now = nanoseconds(model->now);

	if (strcmp(name, "timeout") == 0) {
		ipvs_set_udp_timeout(model->ipvs, now, nanoseconds(value));
	} else if (strcmp(name, "nodest") == 0) {
		ipvs_set_expire_nodest_conn(model->ipvs, now, value > 0);
	} else if (strcmp(name, "quiescent") == 0) {
		ipvs_set_expire_quiescent_template(model->ipvs, now, value > 0);
	} else {
		die("no setting \"%s\"", name);
	}
}

static void model_change(struct side *side, char *const *words, unsigned count)
{
	struct model *model = model_of(side);
	uint16_t service = model->service;

	if (strcmp(words[0], "set") == 0) {
		set_value(model, words[1], strtod(words[2], NULL));
	} else if (strcmp(words[0], "delete") == 0) {
		ipvs_service_delete(model->ipvs, nanoseconds(model->now), service);
	} else if (strcmp(words[0], "create") == 0) {
		create_service(model, "10.96.0.10", "fd00:10:96::a");
	} else if (strcmp(words[0], "other") == 0) {
		create_service(model, "10.96.0.11", "fd00:10:96::b");
		model->service = service;
	} else {
		change_server(model, words, count);
	}
}

struct listing {
	const struct model *model;
	struct row *rows;
	unsigned count;
	unsigned room;
};

static bool visit(void *context, const struct ipvs_entry *entry)
{
	struct listing *listing = context;
	struct row *row = &listing->rows[listing->count];

	if (listing->count++ >= listing->room) {
		return false;
	}
	row->client = (unsigned)entry->client.bytes[listing->model->setup.six ? 15 : 3] - 1;
	row->port = entry->client_port;
	row->server = (char)('A' + server_of(listing->model, entry->server));
	row->left = ns_to_seconds(entry->left);
	row->accuracy = 0.011;
	return true;
}

static unsigned model_table(struct side *side, struct row *rows, unsigned room)
{
	struct listing listing = {.model = model_of(side), .rows = rows, .room = room};

	ipvs_table_foreach(listing.model->ipvs, visit, &listing);
	return listing.count;
}

static void model_watch(struct side *side, unsigned first, unsigned count, double until, double *early,
                        double *late)
{
	struct model *model = model_of(side);
	double step = 1.0 / (model->setup.hz > 0 ? model->setup.hz : HZ);
	struct row rows[PORTS_MAX];

	for (unsigned i = 0; i < count; i++) {
		early[i] = model->now;
		late[i] = INFINITY;
	}
	while (model->now < until) {
		unsigned size;

		model_wait(side, model->now + step);
		size = model_table(side, rows, PORTS_MAX);
		for (unsigned i = 0; i < count; i++) {
			bool there = false;

			for (unsigned j = 0; j < size; j++) {
				there = there || rows[j].port == first + i;
			}
			if (there) {
				early[i] = model->now;
			} else if (isinf(late[i])) {
				late[i] = model->now;
			}
		}
	}
}

static unsigned long model_received(struct side *side, char server)
{
	return model_of(side)->received[server - 'A'];
}

static const char *model_excuse(struct side *side, const struct setup *setup)
{
	(void)side;
	(void)setup;
	return NULL;
}

static void model_close(struct side *side)
{
	ipvs_destroy(model_of(side)->ipvs);
	free(side);
}

struct side *side_model(void)
{
	static const struct side_operations operations = {
	        .up = model_up,
	        .now = model_now,
	        .wait = model_wait,
	        .ask = model_ask,
	        .send = model_ask,
	        .hear = model_hear,
	        .change = model_change,
	        .table = model_table,
	        .watch = model_watch,
	        .received = model_received,
	        .excuse = model_excuse,
	        .close = model_close,
	};
	struct model *model = calloc(1, sizeof(*model));

	if (model == NULL) {
		die("no memory");
	}
	model->side = (struct side){.operations = &operations, .name = "model"};
	return &model->side;
}
