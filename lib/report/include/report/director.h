#pragma once
// The report of a director that was a process of its own: what it received, what it did with each query and
// why it lost some, by its own knowledge. Pure functions of a struct report_director, which the caller fills
// and owns; equal input gives equal bytes. Any thread. docs/director.md tells how to read it,
// docs/director.schema.json is the JSON document's schema.

#include "report/report.h"

/** Version of the JSON document. */
#define REPORT_DIRECTOR_SCHEMA 1

/** A real server at the end. */
struct report_director_backend {
	const char *name;
	const char *address;
	const char *state; ///< "alive", "dead", ...
	uint16_t port;
	bool listed; ///< at the director; else removed
	uint32_t weight;
	uint32_t connections; ///< entries of the table that point to it
	uint64_t forwarded;   ///< queries that it was given
	uint64_t answered;    ///< of those
};

/** All that the report is made of. Strings but those of the plan are never NULL. */
struct report_director {
	const struct report_plan *plan;
	const char *address, *mac; ///< of the service, and of the director
	uint16_t port;             ///< of the service
	uint64_t wall_start_ns;    ///< when it was ready, ns since 1970-01-01 UTC
	ns_t elapsed;              ///< from then to the end
	ns_t first_query;          ///< from then to the first query; NS_NEVER: none came
	bool interrupted;          ///< by the user, before its time
	struct report_box box;     ///< `senders` is not read
	uint64_t frames;           ///< received
	uint64_t queries;          ///< datagrams to the service
	uint64_t answered;
	uint64_t own_source; ///< answers from a real server's own address
	uint64_t refused, unreachable;
	uint64_t pending;                ///< in a real server's hands, or late, at the end
	uint64_t neighbours;             ///< ARP, ND and echo requests answered
	uint64_t duplicated;             ///< copies of replies
	uint64_t corrupted;              ///< replies damaged
	uint64_t truncated;              ///< replies damaged
	uint64_t port_dropped;           ///< frames that the port did not take
	uint64_t table, most;            ///< entries of the connection table at the end, and at its fullest
	uint64_t room;                   ///< of the table
	uint64_t made;                   ///< connections
	uint64_t expired;                ///< entries, by their timers
	uint64_t flushed;                ///< entries, by the flush after a removal
	const struct report_count *lost; ///< queries by the reason for which they were lost
	unsigned lost_count;
	const struct report_count *ignored; ///< frames that were no query, by what they were
	unsigned ignored_count;
	const struct report_director_backend *backends;
	unsigned backend_count;
	const struct scenario_record *records; ///< in the order in which they were done
	unsigned record_count;
};

// Both check that every query ended once: queries = answered + own_source + refused + unreachable + lost +
// pending. When it did not, the report is still written and says so, and -EPROTO is returned with the
// contradiction in `error`. Else they return 0, -EIO when writing failed, or -ENOMEM.

/** Write the report for a person. */
int report_director_text(const struct report_director *input, FILE *file, struct error *error);

/** Write the JSON document (docs/director.schema.json), indented, with a newline at its end. */
int report_director_json_write(const struct report_director *input, FILE *file, struct error *error);
