#include "flow/ledger.h"

#include <errno.h>
#include <string.h>

#include "base/pages.h"

uint64_t flow_ledger_memory(uint64_t tuples)
{
	return tuples * (sizeof(struct flow_sent) + sizeof(struct flow_answered));
}

int flow_ledger_create(struct flow_ledger *ledger, uint32_t tuples, struct error *error)
{
	char size[32];

	memset(ledger, 0, sizeof(*ledger));
	ledger->tuples = tuples;
	ledger->sent = pages_allocate(tuples * sizeof(*ledger->sent));
	if (ledger->sent == NULL) {
		goto no_memory;
	}
	ledger->answered = pages_allocate(tuples * sizeof(*ledger->answered));
	if (ledger->answered == NULL) {
		goto no_memory;
	}
	return 0;

no_memory:
	flow_ledger_free(ledger);
	units_format_bytes(flow_ledger_memory(tuples), size, sizeof(size));
	return error_set(error, -ENOMEM,
	                 "the ledger of %u tuples needs %s of memory; use fewer addresses or ports", tuples,
	                 size);
}

void flow_ledger_free(struct flow_ledger *ledger)
{
	pages_free(ledger->answered, ledger->tuples * sizeof(*ledger->answered));
	pages_free(ledger->sent, ledger->tuples * sizeof(*ledger->sent));
	memset(ledger, 0, sizeof(*ledger));
}
