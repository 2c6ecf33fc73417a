#!/bin/bash
# Two senders, two receivers, a packet socket for each: the kernel spreads replies over the sockets by a hash that knows nothing of
# whose tuple it is, so about half come to the other receiver and are handed over. Every count is NSD's own.
. "$(dirname "$0")/_init.sh"

seconds=4 rate=${STALEFLOW_TEST_RATE:-20000}
sent=$((rate * seconds))

make_pair
start_nsd backend-1
printf 'www.lab.test A\nwww.lab.test AAAA\ntxt.lab.test TXT\n' >queries
# On a machine of two CPUs NSD and the lcores take turns: rings and lag bridge the time slices.
echo '{"port": {"interface": "client", "ring_size": 8192}, "load": {"max_lag": "1s"}}' >plan.json

result() {
	jq -r "$1" result.json
}

# attempt SENDERS RECEIVERS QUEUES
attempt() {
	nsd-control -c "$work/nsd/nsd.conf" stats >/dev/null # and resets the counters
	nice -n -10 "$build/app/staleflow" run plan.json -s 10.53.255.53 -d queries -Q "$rate" -l "$seconds" -a 10.53.1.1-10.53.1.16 \
		-x 2000-9999 --policy random --nsid -t 2s --senders "$1" --receivers "$2" --rx-queues "$3" --json result.json \
		--ledger ledger.csv --pcap all.pcapng >run.log 2>&1 || fail 'staleflow run'
	# Whatever the load of this machine: nothing is sent or lost that the others don't know of.
	assert_equal 'NSD: queries' "$(result .totals.sent)" "$(nsd_count num.queries)"
	assert_equal 'the identity' true "$(result '.totals | .sent == .answered + .refused + .lost + .outstanding')"
	assert_equal 'receivers' "$2" "$(result .box.receivers)"
	assert_equal 'answered on all source ports' "$(result .totals.answered)" \
		"$(awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "answered") column = i} NR > 1 {sum += $column} END {print sum}' ledger.csv)"
	[[ $(result .totals.skipped) -eq 0 && $(result .totals.lost) -eq 0 ]]
}

try() {
	undisturbed "$@"
	assert_equal 'answered' "$sent" "$(result .totals.answered)"
	assert_equal 'handed over without room' 0 "$(result .totals.dispatch_dropped)"
	assert_equal 'nothing unexpected' 0 "$(result '.totals | .unexpected + .mismatch + .duplicate + .malformed')"
	assert_equal 'the NSID' "backend-1 $sent" "$(result '.backends[0] | "\(.name) \(.answered)"')"
}

try 2 2 2
# One of the 16 addresses was asked for while the next hop was looked up.
[[ $(result .totals.neighbour) -ge 15 ]] || fail "only $(result .totals.neighbour) questions for our addresses answered"
# Half of them, by chance; a fifth is far from it.
[[ $(result '.totals.rx_wrong_queue * 5') -gt $sent ]] || fail "only $(result .totals.rx_wrong_queue) of $sent were handed over"

# One receiver for three senders: all are its own. It polls every sender's socket, whatever the plan says, for the kernel spreads replies
# over all of them.
try 3 1 1
assert_equal 'handed over to nobody' 0 "$(result .totals.rx_wrong_queue)"
