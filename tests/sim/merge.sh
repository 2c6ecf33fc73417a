#!/bin/bash
# `staleflow merge` against the truth: one simulated run with 16 senders, and 16 boxes of one sender that share its ports and its rate
# evenly, before directors of their own. Sums of the boxes' results must equal the one run's in every counter, histogram, reuse age and
# interval. Then what `compare` and `merge` say of files that are no results.
#
# The times are chosen so that nothing falls between the boxes' phases, which lie up to 0.75 ms apart (0.05 ms a sender): a box sends
# every 0.8 ms, 1250 queries an interval; the removal lies between a round's last sender and the next round's first; a port comes round
# every 0.16 s, and a connection's end (1 s and 8 timer ticks) is not a multiple of that. Times are multiples of 16 ns, which the
# in-flight table keeps.
. "$(dirname "$0")/_init.sh"

echo 'www.example.com A' >queries

# simulate NAME PORTS RATE SENDERS
simulate() {
	cat >"$1.conf" <<-JSON
		{"port": {"driver": "director"}, "service": {"address": "10.96.0.10"}, "queries": {"file": "queries", "nsid": true},
		 "cohorts": [{"name": "reused", "ports": "$2", "policy": "sequential"}],
		 "load": {"rate": $3, "duration": "5s", "timeouts": ["1s", "500ms"]},
		 "scenario": [{"at": "2001570us", "do": "remove", "backend": "b"}],
		 "director": {"udp_timeout": "1s", "hz": 250, "backends": [
		   {"name": "a", "address": "10.0.1.1", "distribution": "constant"},
		   {"name": "b", "address": "10.0.1.2", "distribution": "constant"}]},
		 "lcores": {"senders": $4, "memory": 512}}
	JSON
	run_simulation "$1"
}

simulate whole 20000-23199 20000 16
for box in {0..15}; do
	simulate "box$box" "$((20000 + 200 * box))-$((20199 + 200 * box))" 1250 1
done
"$staleflow" merge merged.json box{0..15}.json || fail 'merge'

# All that is counted; not when servers were first and last seen, which is a time.
counted='{totals, timeouts, rcodes, latency_us, pacing_us, cohorts, reuse_age, backends: [.backends[] | del(.first_seen_s, .last_seen_s)],
	timeline, events, director, rate, accounts, duration_s, sending_s}'
for result in whole merged; do
	jq -S "$counted" "$result.json" >"$result.counted" || fail "jq $result"
done
diff whole.counted merged.counted >difference || { fail 'the sum differs from the whole'; head -n 40 difference; }
lost=$(jq .totals.lost merged.json)
[[ $lost -gt 1000 ]] || fail "the runs should lose queries, not $lost"

"$staleflow" compare whole.json merged.json >comparison || fail 'compare'
grep -q 'no change can be told from chance' comparison || { fail 'compare finds a change'; cat comparison; }

# refused STATUS PATTERN COMMAND...
refused() {
	local status=$1 pattern=$2 said
	shift 2
	said=$("$@" 2>&1 >/dev/null)
	[[ $? -eq $status ]] || fail "$*: exit status is not $status"
	grep -qE -- "$pattern" <<<"$said" || fail "$*: no '$pattern' in: $said"
}
echo '{"schema": 1' >broken.json
jq 'del(.totals.late)' box0.json >short.json
jq '.reuse_age[0].answered += 1' box0.json >changed.json
jq '.timeouts[1].timeout_ms = 250' box1.json >timeouts.json
refused 2 'broken.json:2: ' "$staleflow" compare whole.json broken.json
refused 2 'short.json: \$.totals.late' "$staleflow" compare whole.json short.json
refused 2 'nowhere.json' "$staleflow" compare whole.json nowhere.json
refused 2 'changed.json: \$' "$staleflow" merge x.json changed.json box1.json
refused 2 'timeouts.json: \$.timeouts' "$staleflow" merge x.json box0.json timeouts.json
refused 2 'files at least' "$staleflow" compare whole.json
refused 1 'nowhere/x.json' "$staleflow" merge nowhere/x.json box0.json box1.json
[[ ! -e x.json ]] || fail 'a refused merge wrote something'
exit $failed
