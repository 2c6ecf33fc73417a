// The schedulers, after ip_vs_rr.c, ip_vs_wrr.c, ip_vs_lc.c, ip_vs_wlc.c and ip_vs_sh.c. Division is fine
// here: only admin operations divide.
#include "table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[IPVS_SCHEDULERS] = {"rr", "wrr", "lc", "wlc", "sh"};

const char *ipvs_scheduler_name(enum ipvs_scheduler scheduler)
{
	return (unsigned)scheduler < IPVS_SCHEDULERS ? names[scheduler] : "unknown";
}

int ipvs_scheduler_parse(const char *name, enum ipvs_scheduler *scheduler, struct error *error)
{
	char known[64] = "";
	size_t used = 0;

	for (unsigned i = 0; i < IPVS_SCHEDULERS; i++) {
		if (strcmp(name, names[i]) == 0) {
			*scheduler = (enum ipvs_scheduler)i;
			return 0;
		}
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
		                         names[i]);
	}
	return error_set(error, -EINVAL, "the director model has no scheduler \"%.32s\"; use one of %s", name,
	                 known);
}

static bool is_available(const struct destination *destination)
{
	return destination->weight > 0 && !destination->overload;
}

/** ip_vs_wrr_gcd_weight and ip_vs_wrr_max_weight. */
static void measure_weights(const struct service *service, int64_t *divisor, int64_t *highest)
{
	*divisor = 0;
	*highest = 0;
	for (const struct destination *d = service->head.next; d != &service->head; d = d->next) {
		int64_t a = d->weight, b = *divisor;

		while (b != 0) {
			int64_t rest = a % b;

			a = b;
			b = rest;
		}
		*divisor = a > 0 ? a : *divisor;
		*highest = d->weight > *highest ? d->weight : *highest;
	}
	*divisor = *divisor > 0 ? *divisor : 1;
}

/** ip_vs_wrr_dest_changed. */
static void wrr_changed(struct service *service)
{
	int64_t divisor, highest;

	measure_weights(service, &divisor, &highest);
	service->current = &service->head;
	service->step = divisor;
	service->max_weight = highest - (divisor - 1);
	if (service->current_weight > service->max_weight || service->current_weight == 0) {
		service->current_weight = service->max_weight;
	} else if (service->step > 1) {
		service->current_weight = service->current_weight / service->step * service->step + 1;
	}
}

/** ip_vs_sh_reassign: each destination fills as many buckets as its weight, round and round. */
static void sh_changed(struct service *service)
{
	struct destination *d = service->head.next;
	uint32_t filled = 0;

	for (unsigned i = 0; i < SH_BUCKETS; i++) {
		if (d == &service->head) {
			d = d->next;
		}
		service->buckets[i] = d == &service->head ? NULL : d;
		if (++filled >= d->weight) {
			d = d->next;
			filled = 0;
		}
	}
}

void scheduler_bind(struct service *service)
{
	service->head.prev = &service->head;
	service->head.next = &service->head;
	service->current = &service->head;
	service->current_weight = 0;
	scheduler_changed(service);
}

void scheduler_changed(struct service *service)
{
	if (service->options.scheduler == IPVS_WRR) {
		wrr_changed(service);
	} else if (service->options.scheduler == IPVS_SH) {
		sh_changed(service);
	}
}

void scheduler_removed(struct service *service, const struct destination *gone)
{
	// ip_vs_rr_del_dest: the one before it, so that the next choice is the one after it.
	if (service->current == gone) {
		service->current = gone->next->prev;
	}
	scheduler_changed(service);
}

/** ip_vs_rr_schedule. */
static struct destination *pick_rr(struct service *service)
{
	struct destination *last = service->current;
	struct destination *d = last;

	for (int pass = 0; pass < 2; pass++) {
		for (d = d->next; d != &service->head; d = d->next) {
			if (is_available(d)) {
				service->current = d;
				return d;
			}
			if (d == last) {
				return NULL;
			}
		}
		if (last == &service->head) {
			return NULL;
		}
	}
	return NULL;
}

/**
 * ip_vs_wrr_schedule: rounds of falling weight. It gives up once every destination was asked for a weight of
 * 1, which may take one more round up to where it began.
 */
static struct destination *pick_wrr(struct service *service)
{
	struct destination *last = service->current;
	struct destination *stop = NULL;
	struct destination *d = last;
	bool restarted = false, last_pass = false;

	if (service->max_weight == 0) {
		return NULL;
	}
	for (;;) {
		for (d = d->next; d != &service->head; d = d->next) {
			if (!d->overload && (int64_t)d->weight >= service->current_weight) {
				service->current = d;
				return d;
			}
			if (d == stop) {
				service->current = d;
				return NULL;
			}
		}
		service->current_weight -= service->step;
		if (service->current_weight <= 0) {
			service->current_weight = service->max_weight;
			if (last_pass || last == &service->head) {
				service->current = d;
				return NULL;
			}
			restarted = true;
		}
		last_pass = service->current_weight <= service->step;
		if (last_pass && restarted && last != &service->head) {
			stop = last;
		}
	}
}

/** ip_vs_lc_schedule and ip_vs_wlc_schedule; a UDP flow is an inactive connection, which weighs 1. */
static struct destination *pick_least(struct service *service, bool weighted)
{
	struct destination *least = NULL;

	for (struct destination *d = service->head.next; d != &service->head; d = d->next) {
		uint64_t mine, theirs;

		if (!is_available(d)) {
			continue;
		}
		if (least == NULL) {
			least = d;
			continue;
		}
		mine = (uint64_t)d->connections * (weighted ? least->weight : 1);
		theirs = (uint64_t)least->connections * (weighted ? d->weight : 1);
		if (mine < theirs) {
			least = d;
		}
	}
	return least;
}

/** ip_vs_sh_hashkey. */
static unsigned sh_bucket(const struct address *client, uint16_t port, unsigned offset)
{
	uint32_t fold = 0;

	for (size_t i = 0; i < address_length(client->family); i += 4) {
		uint32_t word;

		memcpy(&word, client->bytes + i, sizeof(word));
		fold ^= word;
	}
	// hash_32() of include/linux/hash.h, upper eight bits.
	return (offset + (((port + ntohl(fold)) * UINT32_C(0x61C88647)) >> 24)) % SH_BUCKETS;
}

/** ip_vs_sh_get and ip_vs_sh_get_fallback. */
static struct destination *pick_sh(struct service *service, const struct address *client,
                                   uint16_t client_port)
{
	uint16_t port = service->options.hash_port ? client_port : 0;
	unsigned first = sh_bucket(client, port, 0);
	struct destination *d = service->buckets[first];

	if (d == NULL || is_available(d)) {
		return d;
	}
	for (unsigned offset = 0; offset < SH_BUCKETS && service->options.hash_fallback; offset++) {
		d = service->buckets[sh_bucket(client, port, (offset + first) % SH_BUCKETS)];
		if (is_available(d)) {
			return d;
		}
	}
	return NULL;
}

struct destination *scheduler_pick(struct service *service, const struct address *client,
                                   uint16_t client_port)
{
	switch (service->options.scheduler) {
	case IPVS_WRR:
		return pick_wrr(service);
	case IPVS_LC:
		return pick_least(service, false);
	case IPVS_WLC:
		return pick_least(service, true);
	case IPVS_SH:
		return pick_sh(service, client, client_port);
	default:
		return pick_rr(service);
	}
}
