#!/bin/bash
# The same through an XDP socket: every query to NSD answered, with the counts of both sides equal.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-1
printf 'www.lab.test A\nwww.lab.test AAAA\n' >queries
"$build/app/staleflow" run --iface client --driver af_xdp -s 10.53.255.53 -d queries -Q 5000 -l 2 -a 10.53.1.1-10.53.1.4 --nsid -t 2s \
	--max-lag 1s --json result.json >run.log 2>&1
status=$?
grep -qE 'XDP|xdp|Operation not (supported|permitted)' run.log && [[ $status -eq 2 ]] && skip "no XDP sockets here: $(tail -n 1 run.log)"
assert_equal 'the exit status' 0 "$status"
assert_equal 'answered' 10000 "$(jq .totals.answered result.json)"
assert_equal 'NSD: queries' 10000 "$(nsd_count num.queries)"
[[ $(jq '.latency_us.min > 0' result.json) == true ]] || fail 'an answer came before its query'

# The driver by its device string, with an argument of its own: it gets the memory that an XDP socket needs.
nsd-control -c nsd/nsd.conf stats >/dev/null
"$build/app/staleflow" run --device net_af_xdp0,iface=client,busy_budget=0 -s 10.53.255.53 -d queries -Q 5000 -l 1 \
	-a 10.53.1.1-10.53.1.4 -t 2s --max-lag 1s --json result.json >run.log 2>&1
assert_equal 'the exit status' 0 "$?"
assert_equal 'answered' 5000 "$(jq .totals.answered result.json)"
