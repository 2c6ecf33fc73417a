#pragma once
// Large zeroed arrays straight from the kernel, of huge pages where it gives them: what is read at random
// over megabytes else misses the TLB each time. Whoever allocates owns; any thread.

#include <stdint.h>

/**
 * `size` zeroed bytes, page-aligned and touched now, so that the data path takes no page fault. NULL when
 * there is no memory. A size of 0 gives one page.
 */
void *pages_allocate(uint64_t size);

/** The same, touched when they are used: for what is sized for the worst and mostly stays empty. */
void *pages_reserve(uint64_t size);

/** Give back what pages_allocate() or pages_reserve() gave, with the same size; NULL is fine. */
void pages_free(void *pages, uint64_t size);
