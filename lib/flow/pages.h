#pragma once
// Large zeroed arrays straight from the kernel. Private to the room. Whoever allocates owns; any thread.

#include <stdint.h>

/**
 * `size` zeroed bytes, page-aligned and touched now, so that the data path takes no page fault; huge pages
 * where the kernel gives them. NULL when there is no memory. A size of 0 gives one page.
 */
void *flow_pages_allocate(uint64_t size);

/** Give back what flow_pages_allocate() gave, with the same size; NULL is fine. */
void flow_pages_free(void *pages, uint64_t size);
