#include "base/pages.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_ALIGNMENT 4096

#ifdef __has_feature
#define PAGES_FROM_HEAP __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define PAGES_FROM_HEAP 1
#else
#define PAGES_FROM_HEAP 0
#endif

// AddressSanitizer knows the ends of what it allocated itself.
#if PAGES_FROM_HEAP

void *pages_reserve(uint64_t size)
{
	void *pages;

	size = size > 0 ? size : 1;
	if (posix_memalign(&pages, PAGE_ALIGNMENT, size) != 0) {
		return NULL;
	}
	memset(pages, 0, size);
	return pages;
}

void *pages_allocate(uint64_t size)
{
	return pages_reserve(size);
}

void pages_free(void *pages, uint64_t size)
{
	(void)size;
	free(pages);
}

#else

void *pages_reserve(uint64_t size)
{
	void *pages =
	        mmap(NULL, size > 0 ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED) {
		return NULL;
	}
	// Advice: a kernel without huge pages only makes accesses slower.
	madvise(pages, size, MADV_HUGEPAGE);
	return pages;
}

void *pages_allocate(uint64_t size)
{
	void *pages = pages_reserve(size);

#ifdef MADV_POPULATE_WRITE
	// Advice as well: without it the first accesses are slower.
	if (pages != NULL) {
		madvise(pages, size, MADV_POPULATE_WRITE);
	}
#endif
	return pages;
}

void pages_free(void *pages, uint64_t size)
{
	if (pages != NULL) {
		munmap(pages, size > 0 ? size : 1);
	}
}

#endif
