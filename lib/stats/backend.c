#include "stats/backend.h"

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/random.h"

// Octets of a name that tell it from others: no more fit its text.
#define NAME_OCTETS (STATS_BACKEND_NAME - 1)

_Static_assert((STATS_BACKEND_INDEX & (STATS_BACKEND_INDEX - 1)) == 0, "a place is a hash's low bits");
_Static_assert(STATS_BACKEND_INDEX >= 4 * STATS_BACKENDS, "a search ends soon");

static uint64_t name_hash(const uint8_t *name, size_t length, bool by_address)
{
	uint64_t hash = random_mix(length << 1 | by_address), word = 0;

	for (; length > sizeof(word); name += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, name, sizeof(word));
		hash = random_mix(hash ^ word);
	}
	word = 0;
	for (size_t i = 0; i < length; i++) {
		word |= (uint64_t)name[i] << (8 * i);
	}
	return random_mix(hash ^ word);
}

static void name_write(char *text, const uint8_t *name, size_t length, bool by_address)
{
	static const char digits[] = "0123456789abcdef";
	struct address address = {.family = length == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6};
	bool printable = true;
	size_t end = 2;

	if (by_address && (length == 4 || length == 16)) {
		memcpy(address.bytes, name, length);
		address_format(&address, text);
		return;
	}
	for (size_t i = 0; i < length; i++) {
		printable = printable && name[i] >= 0x20 && name[i] < 0x7f;
	}
	if (printable) {
		memcpy(text, name, length);
		text[length] = '\0';
		return;
	}
	memcpy(text, "0x", 2);
	for (size_t i = 0; i < length && end + 2 < STATS_BACKEND_NAME; i++) {
		text[end++] = digits[name[i] >> 4];
		text[end++] = digits[name[i] & 15];
	}
	text[end] = '\0';
}

void stats_backend_init(struct stats_receiver *receiver)
{
	struct stats_backend *none = &receiver->backends[STATS_BACKEND_NONE];
	struct stats_backend *other = &receiver->backends[STATS_BACKEND_OTHER];

	snprintf(none->name, sizeof(none->name), "(none)");
	snprintf(other->name, sizeof(other->name), "(other)");
	none->first_seen = NS_NEVER;
	other->first_seen = NS_NEVER;
	atomic_store_explicit(&receiver->backend_count, 1, memory_order_release);
}

static uint16_t backend_seen(struct stats_receiver *receiver, uint16_t number, ns_t now)
{
	struct stats_backend *backend = &receiver->backends[number];

	if (backend->first_seen == NS_NEVER) {
		stats_set(&backend->first_seen, now);
	}
	stats_set(&backend->last_seen, now);
	return number;
}

uint16_t stats_backend_find(struct stats_receiver *receiver, const uint8_t *name, size_t length,
                            bool by_address, ns_t now)
{
	uint32_t count = atomic_load_explicit(&receiver->backend_count, memory_order_relaxed);
	struct stats_backend *backend;
	uint64_t hash, place;

	if (length == 0) {
		return backend_seen(receiver, STATS_BACKEND_NONE, now);
	}
	length = length < NAME_OCTETS ? length : NAME_OCTETS;
	hash = name_hash(name, length, by_address);
	// 64 bits of hash stand for the name: of 256 names, two share one with a probability of 2^-49, and
	// would be summed.
	for (place = hash & (STATS_BACKEND_INDEX - 1); receiver->backend_index[place] != 0;
	     place = (place + 1) & (STATS_BACKEND_INDEX - 1)) {
		if (receiver->backends[receiver->backend_index[place]].hash == hash) {
			return backend_seen(receiver, receiver->backend_index[place], now);
		}
	}
	if (count >= STATS_BACKENDS) {
		return backend_seen(receiver, STATS_BACKEND_OTHER, now);
	}
	backend = &receiver->backends[count];
	name_write(backend->name, name, length, by_address);
	backend->hash = hash;
	backend->by_address = by_address;
	backend->first_seen = now;
	backend->last_seen = now;
	receiver->backend_index[place] = (uint16_t)count;
	atomic_store_explicit(&receiver->backend_count, count + 1, memory_order_release);
	return (uint16_t)count;
}

static int backend_compare(const struct stats_backend *a, const struct stats_backend *b)
{
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (int)a->by_address - (int)b->by_address;
}

// The place of `key` in a sorted list: its own, or where it would go.
static unsigned backend_place(const struct stats_backend *list, unsigned count,
                              const struct stats_backend *key)
{
	unsigned low = 0, high = count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (backend_compare(&list[middle], key) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

void stats_backend_merge(struct stats_backend *list, unsigned *count, const struct stats_backend *from)
{
	struct stats_backend other = {.name = "(other)"};
	const struct stats_backend *key = from;
	ns_t first_seen = stats_read(&from->first_seen), last_seen = stats_read(&from->last_seen);
	struct stats_backend *into;
	unsigned place = backend_place(list, *count, key);

	// The last place is kept for "(other)".
	if (*count >= STATS_BACKENDS_MERGED - 1 &&
	    (place == *count || backend_compare(&list[place], key) != 0)) {
		key = &other;
		place = backend_place(list, *count, key);
	}
	into = &list[place];
	if (place == *count || backend_compare(into, key) != 0) {
		memmove(into + 1, into, (*count - place) * sizeof(*into));
		memset(into, 0, sizeof(*into));
		memcpy(into->name, key->name, sizeof(into->name));
		into->hash = key->hash;
		into->by_address = key->by_address;
		into->first_seen = NS_NEVER;
		(*count)++;
	}
	into->answered += stats_read(&from->answered);
	into->wrong_source += stats_read(&from->wrong_source);
	into->lost += stats_read(&from->lost);
	into->first_seen = first_seen < into->first_seen ? first_seen : into->first_seen;
	into->last_seen = last_seen > into->last_seen ? last_seen : into->last_seen;
}
