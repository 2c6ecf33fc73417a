#!/bin/bash
# The verdict of runs with several changes: each is judged by itself. Two removals, a server of weight 0 that is killed later, a rolling
# update, and two removals so near each other that ports rested across both. One removal with queries in flight is one change.
. "$(dirname "$0")/_init.sh"

# simulate NAME SCENARIO [SERVICE_TIME]
simulate() {
	cat >"$1.conf" <<-JSON
		{"port": {"driver": "director"}, "service": {"address": "10.96.0.10"},
		 "queries": {"generate": {"zone": "example.com", "type": "A"}},
		 "cohorts": [
		   {"name": "clients", "addresses": "10.0.0.0/28", "ports": "1024-1423", "policy": "random", "share": 9},
		   {"name": "fresh", "addresses": "10.0.1.0/28", "ports": "1024-20000", "policy": "fresh", "reuse": "300s",
		    "control": true, "share": 1}],
		 "load": {"rate": 2000, "duration": "60s", "timeouts": ["1s"]},
		 "director": {"udp_timeout": "10s", "expire_nodest_conn": false, "backends": [
		   {"name": "a", "service_time": "${3:-140us}"}, {"name": "b", "service_time": "${3:-140us}"},
		   {"name": "c", "service_time": "${3:-140us}"}, {"name": "d", "service_time": "${3:-140us}"}]},
		 "scenario": $2}
	JSON
	run_simulation "$1"
}

# says NAME WHAT JQ PATTERN: what the filter makes of the result, one line, fits the whole pattern (an extended expression).
says() {
	local text
	text=$(jq -r "$3" "$1.json" | paste -sd';')
	grep -qxE -- "$4" <<<"$text" || fail "$1: $2: '$text' is not $4"
}
changes='.verdict.changes[] | "\(.change.event) at \(.change.at_s) \(.overall): \(.text | split(":")[0])"'
kept='named: removed server, entries kept'

simulate two '[{"at": "20s", "do": "remove", "backend": "a"}, {"at": "27s", "do": "remove", "backend": "b"}]'
says two changes "$changes" "remove a at 20(\.0+)? $kept;remove b at 27(\.0+)? $kept"
says two 'the main one' '[.verdict.changes[] | select(.main)] | length' 1
says two 'the main one above' '.verdict.text == (.verdict.changes[] | select(.main) | .text)' true
says two k '.verdict.changes[0].change.servers | .low < 4 and 4 < .high' true
says two 'k in words' '.verdict.changes[0].text | test("Of about [0-9.]+ real servers \\(95 %: [0-9.]+ to [0-9.]+\\) one was removed\\.")' true
says two 'k of the second' '.verdict.changes[1].text | test("real servers")' false
grep -q '^  That change befell most source ports of 2. The other, judged' two.txt || fail 'two: the text has no second change'
grep -qE '^  At 2[07]\.000 s, 0\.000 s after "remove [ab]": named$' two.txt || fail 'two: no paragraph of its own'

# What is in flight at a removal is answered after it: that is no change of its own.
simulate flight '[{"at": "20s", "do": "remove", "backend": "a"}]' 50ms
says flight changes "$changes" "remove a at 20(\.0+)? $kept"

simulate killed '[{"at": "20s", "do": "drain", "backend": "a"}, {"at": "25s", "do": "kill", "backend": "a"}]'
says killed changes "$changes" 'kill a at 25(\.0+)? named: weight 0, dead server'
says killed 'k in words' '.verdict.text | test("real servers \\(95 %: .*\\) one has weight 0 and is dead\\.")' true

simulate rolled '[{"at": "20s", "do": "roll", "roll": {"kube_proxy_delay": "100ms", "lameduck": "500ms", "pod_start": "6s"}}]'
says rolled changes "$changes" "(remove [abcd] at [0-9.]+ $kept;?){4}"

# Most ports rest across both; the removals are told apart, and what can't be is said.
simulate near '[{"at": "20s", "do": "remove", "backend": "a"}, {"at": "21s", "do": "remove", "backend": "b"}]'
says near changes "$changes" "remove a at 20(\.0+)? $kept;remove b at 21(\.0+)? $kept"
says near 'what may be either' '.verdict.changes[1].text | test("had not been used since before the change at 20.000 s")' true

# Of another kind, and as near: nobody can tell which ports lost by which.
simulate blurred '[{"at": "20s", "do": "remove", "backend": "a"}, {"at": "21s", "do": "kill", "backend": "b"}]'
says blurred overall '.verdict.changes[-1].overall' mixed

simulate quiet '[{"at": "20s", "do": "drain", "backend": "a"}]'
says quiet changes '.verdict.changes | length' 1
says quiet overall .verdict.overall 'no loss'
exit $failed
