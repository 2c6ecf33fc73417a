#!/bin/bash
# Two processes over memif, no kernel between: the director is the server of the socket and waits for clients, who come and go. The
# counts of both sides agree exactly.
. "$(dirname "$0")/_init.sh"

cat >both.json <<'PLAN'
{
  "service": {"address": "10.96.0.10"},
  "queries": {"generate": {"zone": "example.com"}},
  "cohorts": [{"addresses": "10.0.0.1", "ports": "2000-2999", "policy": "sequential"}],
  "load": {"rate": 20000, "duration": "1s", "timeouts": ["500ms"], "max_lag": "1s"},
  "director": {"begin": "ready", "udp_timeout": "60s", "backends": [{"name": "a"}, {"name": "b"}]}
}
PLAN
"$build/app/staleflow" director both.json --device "net_memif0,role=server,socket=$work/memif.sock" --json director.json \
	>director.out 2>director.log &
director=$!
wait_for 20 grep -q 'the director is ready' director.log

sent=0 answered=0
for client in 1 2 3; do
	"$build/app/staleflow" run both.json --device "net_memif0,role=client,socket=$work/memif.sock" --json run.json >run.log 2>&1 ||
		fail "staleflow run, client $client"
	sent=$((sent + $(jq .totals.sent run.json))) answered=$((answered + $(jq ".totals.answered + .totals.late" run.json)))
done
kill -INT "$director"
wait "$director"
assert_equal 'exit status of the director' 0 "$?"
told() {
	jq -r "$1" director.json
}
assert_equal 'sent and received' "$sent" "$(told .totals.queries)"
assert_equal 'answered' "$answered" "$(told '.totals.answered - .totals.port_dropped')"
assert_equal 'the accounts' true "$(told .accounts.consistent)"
assert_equal 'lost' 0 "$(told .totals.lost)"
# The same ports all the time.
assert_equal 'the table' '1000 1000' "$(told '.table | "\(.now) \(.most)"')"
assert_equal 'ARP requests answered, one a client at least' true "$(told '.totals.neighbours >= 3')"
