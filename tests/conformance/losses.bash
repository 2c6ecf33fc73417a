# Sourced by what runs Staleflow against the lab and the model with one plan: tests/netns/lab_losses.sh, scripts/compare-losses.
# Wants $top, $build, and a lab that is up.
# shellcheck shell=bash
lab=$top/scripts/lab
loss_runs=0

# loss_plan POLICY TUPLES RATE SECONDS ZONE EVENTS: a plan for the lab. Each has a source address of its own, so that no flow of an
# earlier run is in its way.
loss_plan() {
	loss_runs=$((loss_runs + 1))
	cat <<-PLAN
		{
		  "port": {"interface": "gen", "ring_size": 4096}, "service": {"address": "10.96.0.10"}, "seed": 7,
		  "queries": {"generate": {"zone": "$5"}, "nsid": true},
		  "cohorts": [{"name": "all", "policy": "$1", "addresses": "10.1.0.$loss_runs", "ports": "1024-$((1023 + $2))"}],
		  "load": {"rate": $3, "duration": $4, "timeouts": "500ms", "max_lag": "1s"},
		  "output": {"interval": "500ms"},
		  "scenario": [$6]
		}
	PLAN
}

# model_plan TIMEOUT OPTIONS EVENTS: a plan for the lab, on standard input, as one for the model.
model_plan() {
	jq --argjson timeout "$1" --argjson options "{$2}" --argjson events "[$3]" '.port = {"driver": "director"} | .scenario = $events
		| .director = {"udp_timeout": $timeout, "hz": 100, "delay": "100us", "backends": [
			{"name": "b1", "address": "10.244.0.11", "service_time": "100us", "distribution": "constant"},
			{"name": "b2", "address": "10.244.0.12", "service_time": "100us", "distribution": "constant"}]} + $options'
}

# exec_event AT COMMAND: an event of the lab; its output says when it began.
exec_event() {
	jq -cn --argjson at "$1" --arg command "date +%s.%N; $2" '{"at": $at, "do": "exec", "command": $command}'
}

# acted_at FILE EVENT: when, in seconds of the run, what an exec_event did was done.
acted_at() {
	jq -r --argjson event "$2" '.events[$event] | (.output | split("\n") | map(select(length > 0))) as $lines
		| .at_s + ([$lines[1:][] | fromjson.time] | max) - ($lines[0] | tonumber)' "$1"
}

# loss_between FILE FROM TO: the share of what was sent in the intervals that lie in [FROM, TO] that was lost or refused.
loss_between() {
	jq -r --argjson from "$2" --argjson to "$3" '[.timeline[] | select(.since_s >= $from and .until_s <= $to)]
		| (map(.lost + .refused) | add // 0) / ([map(.sent) | add // 0, 1] | max)' "$1"
}

# run_in_lab PLAN RESULT
run_in_lab() {
	"$lab" generator -- "$build/app/staleflow" run "$1" --json "$2" >"${2%.json}.log" 2>&1
}

# is_undisturbed RESULT: a director or a generator that gets no CPU for half a second answers late, and what loses datagrams before the
# first event, a tap's queue that nobody empties, loses them after it too; such a run shows nothing. What was in flight at the event may be
# lost by it: half a second before counts no more.
is_undisturbed() {
	jq -e '((.events[0].at_s // 0) as $event | [.timeline[] | select(.until_s <= $event - 0.5) | .lost + .refused] | add // 0) as $early
		| if .totals.late == 0 and .totals.skipped == 0 and $early == 0 then true
		  else {late: .totals.late, skipped: .totals.skipped, lost_before_the_event: $early} | tojson | halt_error end' "$1" >/dev/null ||
		{ echo " disturbed: $1" >&2; return 1; }
}
