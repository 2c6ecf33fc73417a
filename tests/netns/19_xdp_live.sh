#!/bin/bash
# Queries that leave as XDP live frames: all that is counted as sent comes to the peer, whatever the driver refuses meanwhile.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-1
printf 'www.lab.test A\nwww.lab.test AAAA\na-longer-name-than-those.lab.test A\n' >queries

# run_live ARGUMENTS...: into result.json and run.log; sets $status.
run_live() {
	"$build/app/staleflow" run --iface client --driver xdp_live -s 10.53.255.53 -d queries -a 10.53.1.1-10.53.1.4 --json result.json "$@" \
		>run.log 2>&1
	status=$?
}

total() {
	jq ".totals.$1" result.json
}

# Queries that the peer's kernel saw before it did anything with them.
seen() {
	in_server iptables -w -t raw -vnxL PREROUTING | awk '$1 ~ /^[0-9]+$/ { sum += $1 } END { print sum }'
}

assert_identity() {
	assert_equal "$1: sent = answered + refused + lost + outstanding" "$(total sent)" \
		"$(($(total answered) + $(total refused) + $(total lost) + $(total outstanding)))"
}

# The peer takes no XDP frames: one error, before anything is sent.
run_live -Q 1000 -l 1
assert_equal 'a peer without GRO: the exit status' 2 "$status"
grep -qE 'without libbpf|no right to|does not (make|map|load|let|run)|XDP socket|net_af_xdp' run.log && skip "no live frames here: $(tail -n 1 run.log)"
assert_match 'a peer without GRO' 'takes no XDP frames.*ethtool -K PEER gro on' "$(<run.log)"
assert_equal 'a peer without GRO: lines of error' 1 "$(wc -l <run.log)"

in_server ethtool -K server gro on
in_server iptables -w -t raw -A PREROUTING -p udp --dport 53

# Every query answered; both sides count the same.
run_live -q 20 --count 10000 --nsid -t 2s
assert_equal 'the exit status' 0 "$status"
assert_equal 'answered' 10000 "$(total answered)"
assert_equal 'NSD: queries' 10000 "$(nsd_count num.queries)"
assert_equal 'the peer: queries' 10000 "$(seen)"
[[ $(jq '.latency_us.min > 0' result.json) == true ]] || fail 'an answer came before its query'
grep -q 'says it never sent' run.log && fail 'the port contradicts'

# At a rate of which an XDP socket is capable they leave by that.
run_live -Q 2000 -l 1 -t 2s --max-lag 1s
assert_equal 'at a low rate: the exit status' 0 "$status"
assert_equal 'at a low rate: answered' 2000 "$(total answered)"
assert_equal 'at a low rate: the peer' 12000 "$(seen)"

# At the most, in frames of several lengths, into a sink: the peer sees as many as are counted.
in_server iptables -w -t raw -F PREROUTING
in_server iptables -w -t raw -A PREROUTING -p udp --dport 53 -j DROP
run_live -Q max --count 300000 -t 200ms
assert_equal 'at the most: the exit status' 0 "$status"
assert_equal 'at the most: sent' 300000 "$(total sent)"
assert_equal 'at the most: lost' 300000 "$(total lost)"
assert_equal 'at the most: the peer' 300000 "$(seen)"
grep -q 'says it never sent' run.log && fail 'at the most: the port contradicts'

# while_running COMMAND...: when queries arrive, in the middle of a run.
while_running() {
	in_server iptables -w -t raw -Z PREROUTING
	run_live -Q 300k -l 2 -t 200ms &
	wait_for 10 eval '[[ $(seen) -gt 5000 ]]'
	"$@"
	wait "$!"
	assert_identity "$*"
	[[ $(seen) -le $(total sent) ]] || fail "$*: the peer saw $(seen) queries, and $(total sent) were sent"
	# What the port took and the driver never did is a ring full, and is said.
	local missing
	missing=$(sed -n 's/^ *\([0-9]*\)  frames counted as sent that the port says it never sent/\1/p' run.log)
	assert_equal "$*: the peer" "$(total sent)" "$(($(seen) + ${missing:-0}))"
	[[ ${missing:-0} -le 1024 ]] || fail "$*: $missing frames were counted as sent and were not"
}

# The driver refuses for a time, and then takes frames again; the interface goes down.
interrupt_gro() {
	in_server ethtool -K server gro off
	sleep 0.3
	in_server ethtool -K server gro on
}
while_running interrupt_gro
while_running in_server ethtool -K server gro off
[[ $(total tx_dropped) -gt 0 ]] || fail 'a driver that takes nothing, and no query was dropped'
in_server ethtool -K server gro on
while_running in_server ip link set server down
