#!/bin/bash
# `staleflow plan`: the worked numbers of the loss model (two servers, 28,232 ports, a sharp timeout), what each goal asks for, and one of
# its plans carried out against the director model: what was expected is what is lost.
. "$(dirname "$0")/_init.sh"

# worked RATE TIMEOUT AT_ONCE KEPT LAZY WEIGHT_ZERO
worked() {
	local text
	text=$("$staleflow" plan -Q "$1" -T "$2" --hz 0) || fail "plan -Q $1 -T $2"
	grep -qE "flows kept .* $3 % +$4 " <<<"$text" || fail "-Q $1 -T $2: kept: no $3 %, $4 in: $text"
	grep -qE "lazy expiry .* $3 % +$5 " <<<"$text" || fail "-Q $1 -T $2: lazy: no $5 in: $text"
	grep -qE "weight 0 and dead .* $6" <<<"$text" || fail "-Q $1 -T $2: weight 0: no $6 in: $text"
}
worked 100k 300s 50 '14.99 M' 14116 never
worked 100k 10s 50 485884 14116 never
worked 20 300s 9.57 297 277 '108 s'
worked 20 10s 0.353 0.35 0.35 '1.45 s'
worked 1000 300s 50 135884 14112 '1[23](\.[0-9])? days'
worked 1000 10s 14.9 790 702 '4.6[0-9]? s'

for goal in kept lazy flush weight-zero dead-listed timeout; do
	"$staleflow" plan -Q 100k --show "$goal" >text || fail "--show $goal"
	grep -q 'staleflow run .* --policy' text || fail "--show $goal names no run"
	grep -q 'power' text || fail "--show $goal names no power"
done

# refused PATTERN OPTIONS...
refused() {
	local pattern=$1 said
	shift
	said=$("$staleflow" plan "$@" 2>&1 >/dev/null)
	[[ $? -eq 2 ]] || fail "plan $*: exit status is not 2"
	grep -qE -- "$pattern" <<<"$said" || fail "plan $*: no '$pattern' in: $said"
}
refused 'a rate is needed'
refused "'fast' is no number" -Q fast
refused 'choose kept' -Q 100k --show nothing
refused 'between 0 and 1' -Q 100k --power 1
refused '--hz: 50' -Q 100k --hz 50
refused 'no such option' -Q 100k --hurry

# 1000 ports at 5000 q/s, T = 4 s, HZ 250: the plan's own command, in the model.
"$staleflow" plan -Q 5000 -T 4s -P 1000 --show kept >text
read -r low high < <(sed -nE 's/.*queries lost \(([0-9]+) to ([0-9]+)\).*/\1 \2/p' text)
ports=$(sed -nE 's/.* -x ([0-9-]+)$/\1/p' text) length=$(sed -nE 's/.* -l ([0-9]+) .*/\1/p' text)
echo 'www.example.com A' >queries
cat >conf <<JSON
{"port": {"driver": "director"}, "service": {"address": "10.96.0.10"}, "queries": {"file": "queries"},
 "cohorts": [{"ports": "$ports", "policy": "sequential"}], "load": {"rate": 5000, "duration": $length, "timeouts": "1s"},
 "scenario": [{"at": "201ms", "do": "remove", "backend": "coredns-b"}], "director": {"udp_timeout": "4s", "hz": 250}}
JSON
"$staleflow" simulate conf --json result.json >run.txt || fail 'simulate'
lost=$(jq .totals.lost result.json)
[[ $lost -ge $low && $lost -le $high ]] || fail "planned were $low to $high lost, simulated $lost"
exit $failed
