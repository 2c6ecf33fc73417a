#!/bin/bash
# The whole program against the director model, compared with the loss model's formulas: random and sequential reuse; entries kept, lazy
# expiry, flush, weight 0; timeouts of 10 s and 300 s. Each count must lie in the model's 99.9 % bounds, and Staleflow's loss must be
# the director's own count of what it dropped.
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${STALEFLOW_BUILD:-$top/build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# experiment MECHANISM REUSE TUPLES RATE TIMEOUT SECONDS: one simulation with the event at one timeout (and a little) from the start, so
# that the table is in its steady state, and SECONDS after it.
experiment() {
	local mechanism=$1 reuse=$2 tuples=$3 rate=$4 timeout=$5 seconds=$6 at options event low high lost truth
	at=$(awk "BEGIN {print int($timeout * 1.5 + 2 * $tuples / $rate) + 1}")
	options='"expire_nodest_conn": false'
	event="{\"at\": $at, \"do\": \"remove\", \"backend\": \"coredns-a\"}"
	case $mechanism in
	lazy) options='"expire_nodest_conn": true, "lazy": true' ;;
	flush) options='"expire_nodest_conn": true' ;;
	weight-zero) event="{\"at\": $at, \"do\": \"drain\", \"backend\": \"coredns-a\"}, {\"at\": $at, \"do\": \"kill\", \"backend\": \"coredns-a\"}" ;;
	dead-listed) event="{\"at\": $at, \"do\": \"kill\", \"backend\": \"coredns-a\"}" ;;
	esac
	cat >"$work/plan.json" <<PLAN
{
  "port": {"driver": "director"}, "service": {"address": "10.96.0.10"}, "seed": 7,
  "queries": {"generate": {"zone": "example.com"}},
  "cohorts": [{"name": "all", "policy": "$reuse", "ports": "1024-$((1023 + tuples))"}],
  "load": {"rate": $rate, "duration": $((at + seconds)), "timeouts": "500ms"},
  "director": {"udp_timeout": $timeout, "hz": 100, "delay": 0, $options,
    "backends": [{"name": "coredns-a", "service_time": "100us", "distribution": "constant"},
                 {"name": "coredns-b", "service_time": "100us", "distribution": "constant"}]},
  "scenario": [$event]
}
PLAN
	"$build/app/staleflow" simulate "$work/plan.json" --json "$work/result.json" >"$work/log" 2>&1 || {
		echo "FAILED: $*: $(tail -n 3 "$work/log")"
		failed=1
		return
	}
	read -r low high _ < <("$build/tests/sim/loss_bounds" "$mechanism" "$reuse" "$tuples" "$rate" "$timeout" 100 2 "$seconds")
	lost=$(jq .totals.lost "$work/result.json")
	truth=$(jq '[.director | to_entries[] | select(.key | test("deleted|dead|died")) | .value] | add' "$work/result.json")
	printf '%-12s %-10s P=%-5d Q=%-5d T=%-3d %4d s: lost %8d, expected %8d .. %8d' "$mechanism" "$reuse" "$tuples" "$rate" \
		"$timeout" "$seconds" "$lost" "$low" "$high"
	if [[ $lost -lt $low || $lost -gt $high || $lost -ne $truth ]]; then
		echo "  FAILED (the director dropped $truth)"
		failed=1
	else
		echo
	fi
}

for reuse in random sequential; do
	experiment kept $reuse 2000 2000 10 20
	experiment lazy $reuse 2000 2000 10 20
	experiment flush $reuse 2000 2000 10 20
	experiment weight-zero $reuse 2000 2000 10 30
	experiment dead-listed $reuse 2000 2000 10 10
	experiment kept $reuse 2000 100 300 330
	experiment lazy $reuse 2000 100 300 330
	experiment flush $reuse 2000 100 300 330
	experiment weight-zero $reuse 2000 100 300 400
done
# The dig loop: far fewer uses a timeout than tuples.
experiment kept random 28232 20 300 310
experiment weight-zero random 2000 100 10 60
exit $failed
