// In place of live.c where libbpf was missing at build time.
#include "live.h"

#include <errno.h>
#include <stddef.h>

int live_open(struct live **out, const struct live_options *options, struct error *error)
{
	*out = NULL;
	return error_set_at(
	        error, -ENOTSUP, options->interface, 0, 0,
	        "this program was built without libbpf, which driver xdp_live needs: install libbpf-dev "
	        "1.0 or later and build again, or use --driver af_xdp");
}

int live_start(struct live *live, const cpu_set_t *cpus, struct error *error)
{
	(void)live;
	(void)cpus;
	(void)error;
	return -ENOTSUP;
}

void *live_queue(struct live *live, unsigned number)
{
	(void)live;
	(void)number;
	return NULL;
}

uint16_t live_transmit(void *queue, struct rte_mbuf **frames, uint16_t count)
{
	(void)queue;
	(void)frames;
	(void)count;
	return 0;
}

uint64_t live_sent(const struct live *live)
{
	(void)live;
	return 0;
}

void live_close(struct live *live)
{
	(void)live;
}
