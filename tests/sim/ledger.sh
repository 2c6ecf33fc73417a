#!/bin/bash
# `--ledger`: the rows of the ledger add up to the totals of the result, as CSV and as JSON lines, and say which ports lost what and when.
. "$(dirname "$0")/_init.sh"

echo 'www.example.com A' >queries
cat >conf <<JSON
{"port": {"driver": "director"}, "service": {"address": "10.96.0.10"}, "queries": {"file": "queries", "nsid": true},
 "cohorts": [{"name": "reused", "share": 4, "addresses": ["10.0.0.1"], "ports": "20000-20099", "policy": "sequential"},
             {"name": "new, never again", "addresses": ["10.0.0.2"], "ports": "20000-34999", "policy": "fresh", "reuse": "60s"}],
 "load": {"rate": 1000, "duration": "10s", "timeouts": "500ms"},
 "scenario": [{"at": "3s", "do": "remove", "backend": "coredns-b"}], "director": {"udp_timeout": "4s", "hz": 1000}}
JSON
"$staleflow" simulate conf --json result.json --ledger ledger.csv >text || exit 1
"$staleflow" simulate conf --ledger ledger.jsonl >/dev/null || exit 1
"$staleflow" simulate conf --ledger - >standard || exit 1

check 'standard output is the ledger' '' "$(diff standard ledger.csv)"
for name in sent answered refused lost late; do
	total=$(jq ".totals.$name" result.json)
	check "$name as JSON lines" "$total" "$(jq -s "map(.$name) | add" ledger.jsonl)"
done
check 'rows of both formats' "$(jq -s length ledger.jsonl)" "$(($(wc -l <ledger.csv) - 1))"
check 'fresh ports: one query each' 1 "$(jq -s 'map(select(.cohort == "new, never again") | .sent) | max' ledger.jsonl)"
check 'a name with a comma is quoted' 2000 "$(grep -c ',"new, never again",' ledger.csv)"
losers=$(jq -s 'map(select(.lost > 0)) | length' ledger.jsonl)
check 'ports that lost: about half, those on the removed server' 1 "$((losers >= 45 && losers <= 55))"
check 'each lost all from the removal to the timeout, in one row' "$losers" \
	"$(jq -s 'map(select(.lost > 20 and .longest_lost == .lost and .first_lost_s >= 3 and .last_lost_s < 7.6)) | length' ledger.jsonl)"
check 'and moved to the server that is left' 'coredns-a' "$(jq -s -r 'map(select(.lost > 0) | .backend) | unique | join(" ")' ledger.jsonl)"
check 'the result knows how losses fall on ports' "100 $(jq .totals.lost result.json)" \
	"$(jq -r '.cohorts[0].clusters | "\(.tuples) \(.lost)"' result.json)"
exit $failed
