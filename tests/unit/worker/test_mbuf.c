// Frames that are freed: every buffer goes back to its pool, whatever kinds a burst holds.
#include "base/random.h"
#include "packet/mbuf.h"

#include <rte_eal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BURST   64
#define BUFFERS 255

static struct rte_mempool *pools[2];

static struct rte_mbuf *take(unsigned pool)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pools[pool]);

	assert_non_null(frame);
	return frame;
}

static void assert_all_back(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *all[BUFFERS];

		assert_int_equal(rte_mempool_avail_count(pools[i]), BUFFERS);
		// What comes out again is as new.
		assert_int_equal(rte_pktmbuf_alloc_bulk(pools[i], all, BUFFERS), 0);
		for (unsigned k = 0; k < BUFFERS; k++) {
			assert_int_equal(rte_mbuf_refcnt_read(all[k]), 1);
			assert_null(all[k]->next);
			assert_int_equal(all[k]->nb_segs, 1);
			assert_true(RTE_MBUF_DIRECT(all[k]));
			rte_pktmbuf_free(all[k]);
		}
	}
}

static void plain_frames_go_back(void **state)
{
	struct rte_mbuf *frames[BURST];

	(void)state;
	for (unsigned count = 0; count <= BURST; count++) {
		for (unsigned i = 0; i < count; i++) {
			frames[i] = take(0);
		}
		packet_free(frames, count);
		assert_all_back();
	}
}

static void frames_of_all_kinds_go_back(void **state)
{
	struct rte_mbuf *frames[BURST], *kept[BURST];
	struct random random;

	(void)state;
	random_seed(&random, 3, 0);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned count = (unsigned)random_below(&random, BURST + 1), kept_count = 0;
		unsigned rare = (unsigned)random_below(&random, 30) + 1;

		for (unsigned i = 0; i < count; i++) {
			struct rte_mbuf *frame = frames[i] = take(0);

			switch (random_below(&random, 4 * rare)) {
			case 0: // of another pool
				rte_pktmbuf_free(frame);
				frames[i] = take(1);
				break;
			case 1: // in two buffers
				assert_int_equal(rte_pktmbuf_chain(frame, take(1)), 0);
				break;
			case 2: // held by another, too
				rte_mbuf_refcnt_update(frame, 1);
				kept[kept_count++] = frame;
				break;
			case 3: // in another's buffer
				frames[i] = take(0);
				rte_pktmbuf_attach(frames[i], frame);
				rte_pktmbuf_free(frame);
			}
		}
		packet_free(frames, count);
		for (unsigned i = 0; i < kept_count; i++) {
			assert_int_equal(rte_mbuf_refcnt_read(kept[i]), 1);
			rte_pktmbuf_free(kept[i]);
		}
		assert_all_back();
	}
}

static int start(void **state)
{
	static char program[] = "test", huge[] = "--no-huge", shconf[] = "--no-shconf", pci[] = "--no-pci",
	            memory[] = "-m", size[] = "64", prefix[] = "--file-prefix=test-mbuf",
	            lcores[] = "--lcores=0", level[] = "--log-level=*:error";
	char *arguments[] = {program, huge, shconf, pci, memory, size, prefix, lcores, level, NULL};

	(void)state;
	if (rte_eal_init(9, arguments) < 0) {
		return -1;
	}
	pools[0] = rte_pktmbuf_pool_create("one", BUFFERS, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	pools[1] = rte_pktmbuf_pool_create("other", BUFFERS, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pools[0] != NULL && pools[1] != NULL ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(plain_frames_go_back),
	        cmocka_unit_test(frames_of_all_kinds_go_back),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
