#include "dns/reply.h"

#include <stdio.h>

// IANA "DNS RCODEs", as of 2024; the gaps are unassigned.
static const char *const rcode_names[] = {
        [0] = "NOERROR",  [1] = "FORMERR",    [2] = "SERVFAIL", [3] = "NXDOMAIN",  [4] = "NOTIMP",
        [5] = "REFUSED",  [6] = "YXDOMAIN",   [7] = "YXRRSET",  [8] = "NXRRSET",   [9] = "NOTAUTH",
        [10] = "NOTZONE", [11] = "DSOTYPENI", [16] = "BADVERS", [17] = "BADKEY",   [18] = "BADTIME",
        [19] = "BADMODE", [20] = "BADNAME",   [21] = "BADALG",  [22] = "BADTRUNC", [23] = "BADCOOKIE",
};

const char *dns_rcode_name(uint16_t rcode, char *buffer)
{
	if (rcode < sizeof(rcode_names) / sizeof(rcode_names[0]) && rcode_names[rcode] != NULL) {
		return rcode_names[rcode];
	}
	snprintf(buffer, DNS_RCODE_TEXT_SIZE, "RCODE%u", rcode);
	return buffer;
}
