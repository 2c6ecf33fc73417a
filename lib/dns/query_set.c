#include "dns/query.h"

#include "dns/label.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dns_query_set_free(struct dns_query_set *set)
{
	if (set == NULL) {
		return;
	}
	free((void *)(uintptr_t)set->queries); // const for the readers only
	free(set->arena);
	free(set);
}

size_t dns_query_set_memory(const struct dns_query_set *set)
{
	return sizeof(*set) + set->count * sizeof(*set->queries) + set->arena_size;
}

int dns_query_set_name_format(const struct dns_query_set *set, uint32_t question, char *buffer, size_t size)
{
	uint8_t wire[DNS_NAME_SIZE_MAX + 4];
	const struct dns_query *query;
	char *name = NULL, *type = NULL;
	ldns_rdf *rdf = NULL;
	size_t name_size, text_length;
	int rc = -ENOMEM;

	if (set->generated == DNS_GENERATED_NONE && question >= set->count) {
		return -ENOENT;
	}
	query = &set->queries[set->generated == DNS_GENERATED_NONE ? question : 0];
	name_size = query->question_length - 4u;
	memcpy(wire, query->wire + DNS_HEADER_SIZE, query->question_length);
	if (set->generated != DNS_GENERATED_NONE) {
		dns_label_write(set, question, wire + set->label_offset - DNS_HEADER_SIZE);
	}
	rdf = ldns_rdf_new(LDNS_RDF_TYPE_DNAME, name_size, wire); // borrows
	if (rdf == NULL) {
		goto out;
	}
	name = ldns_rdf2str(rdf);
	type = ldns_rr_type2str((ldns_rr_type)(wire[name_size] << 8 | wire[name_size + 1]));
	if (name == NULL || type == NULL) {
		goto out;
	}
	text_length = strlen(name);
	if (name_size > 1) {
		text_length--; // the last dot, but of the root
	}
	rc = snprintf(buffer, size, "%.*s %s", (int)text_length, name, type);
out:
	LDNS_FREE(type);
	LDNS_FREE(name);
	ldns_rdf_free(rdf);
	return rc;
}
