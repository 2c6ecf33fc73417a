#include "pages.h"

#include <stddef.h>
#include <sys/mman.h>

void *flow_pages_allocate(uint64_t size)
{
	void *pages;

	size = size > 0 ? size : 1;
	pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		return NULL;
	}
	// Both are advice: a kernel without them only makes the first accesses slower.
	madvise(pages, size, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
	madvise(pages, size, MADV_POPULATE_WRITE);
#endif
	return pages;
}

void flow_pages_free(void *pages, uint64_t size)
{
	if (pages != NULL) {
		munmap(pages, size > 0 ? size : 1);
	}
}
