#pragma once
// The laboratory of the conformance list: one virtual service, real servers named by letters, clients named
// by ports.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/error.h"
#include "director/ipvs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lab {
	struct ipvs *ipvs;
	struct ipvs_options options;
	struct ipvs_service_options service_options;
	uint16_t service;
	uint16_t servers[26];
};

static inline ns_t seconds(double s)
{
	return (ns_t)llround(s * 1e9);
}

static inline struct address address_of(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	return address;
}

/** As the list's set-up says: T=30, expire_nodest_conn=0, conntrack off, rr, HZ 100. */
static inline struct ipvs_options lab_options(void)
{
	struct ipvs_options options = ipvs_options_default();

	options.udp_timeout = seconds(30);
	options.hz = 100;
	options.connections = 1024;
	return options;
}

/** -a: a real server by its letter. */
static inline void lab_add(struct lab *lab, double t, char letter, uint32_t weight)
{
	struct address address = address_of("10.1.0.0");
	struct error error = {0};
	int id;

	address.bytes[3] = (uint8_t)letter;
	id = ipvs_server_add(lab->ipvs, seconds(t), lab->service, &address, 53, weight, &error);
	assert_string_equal(error.text, "");
	assert_true(id >= 0);
	lab->servers[letter - 'A'] = (uint16_t)id;
}

static inline void lab_service(struct lab *lab, double t)
{
	struct address address = address_of("10.96.0.10");
	struct error error = {0};
	int id = ipvs_service_add(lab->ipvs, seconds(t), &address, 53, &lab->service_options, &error);

	assert_string_equal(error.text, "");
	lab->service = (uint16_t)id;
}

static inline void lab_open_service(struct lab *lab, const struct ipvs_options *options,
                                    const struct ipvs_service_options *service, const char *letters)
{
	struct error error = {0};

	*lab = (struct lab){.options = *options, .service_options = *service};
	assert_int_equal(ipvs_create(&lab->ipvs, options, &error), 0);
	lab_service(lab, 0);
	for (; *letters != 0; letters++) {
		lab_add(lab, 0, *letters, 1);
	}
}

static inline void lab_open(struct lab *lab, const struct ipvs_options *options, const char *letters)
{
	lab_open_service(lab, options, &(struct ipvs_service_options){.scheduler = IPVS_RR}, letters);
}

static inline void lab_close(struct lab *lab)
{
	ipvs_destroy(lab->ipvs);
}

static inline char lab_letter(const struct lab *lab, uint16_t server)
{
	for (unsigned i = 0; i < 26; i++) {
		struct ipvs_server_state state;

		if (lab->servers[i] == server &&
		    ipvs_server_state(lab->ipvs, lab->service, server, &state) == 0 &&
		    state.address.bytes[3] == 'A' + i) {
			return (char)('A' + i);
		}
	}
	return '?';
}

static inline char lab_ask_from(struct lab *lab, double t, const char *client, uint16_t port)
{
	struct ipvs_key key = {.client = address_of(client), .client_port = port, .service = lab->service};
	struct ipvs_result result = ipvs_packet_in(lab->ipvs, seconds(t), &key);

	switch (result.decision) {
	case IPVS_FORWARD:
		return lab_letter(lab, result.server);
	case IPVS_DROP:
		return '-';
	default:
		return 'r';
	}
}

/** A query from a port: the letter of the server it reaches, '-' for silence, 'r' for a refusal. */
static inline char lab_ask(struct lab *lab, double t, uint16_t port)
{
	return lab_ask_from(lab, t, "192.0.2.1", port);
}

/** Queries from `count` ports from `first` on, as one string. */
static inline const char *lab_ask_ports(struct lab *lab, double t, uint16_t first, unsigned count)
{
	static char text[256];

	assert_true(count < sizeof(text));
	for (unsigned i = 0; i < count; i++) {
		text[i] = lab_ask(lab, t, (uint16_t)(first + i));
	}
	text[count] = 0;
	return text;
}

/** A packet from a real server to a port. True: it leaves from the service's address. */
static inline bool lab_push(struct lab *lab, double t, char letter, uint16_t port)
{
	struct address client = address_of("192.0.2.1");
	uint16_t service = UINT16_MAX;
	bool translated =
	        ipvs_packet_out(lab->ipvs, seconds(t), &client, port, lab->servers[letter - 'A'], &service);

	assert_true(!translated || service == lab->service);
	return translated;
}

static inline void lab_remove(struct lab *lab, double t, char letter)
{
	assert_int_equal(ipvs_server_remove(lab->ipvs, seconds(t), lab->service, lab->servers[letter - 'A']),
	                 0);
}

static inline void lab_weight(struct lab *lab, double t, char letter, uint32_t weight)
{
	assert_int_equal(ipvs_server_set_weight(lab->ipvs, seconds(t), lab->service,
	                                        lab->servers[letter - 'A'], weight),
	                 0);
}

static inline uint32_t lab_count(struct lab *lab, double t)
{
	ipvs_expire(lab->ipvs, seconds(t));
	return ipvs_table_count(lab->ipvs);
}

struct lab_search {
	uint16_t port;
	ns_t left;
	bool found;
};

static inline bool lab_visit(void *context, const struct ipvs_entry *entry)
{
	struct lab_search *search = context;

	if (entry->client_port != search->port) {
		return true;
	}
	search->found = true;
	search->left = entry->left;
	return false;
}

/** What ipvsadm -Lnc shows for a port: the seconds left, or -1 when it has no connection. */
static inline double lab_left(struct lab *lab, double t, uint16_t port)
{
	struct lab_search search = {.port = port};

	ipvs_expire(lab->ipvs, seconds(t));
	ipvs_table_foreach(lab->ipvs, lab_visit, &search);
	return search.found ? ns_to_seconds(search.left) : -1;
}
