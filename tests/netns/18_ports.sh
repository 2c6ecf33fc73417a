#!/bin/bash
# Two ports as one, by DPDK's bonding: each carries half of the queries, and every reply is the run's, whichever port it comes by.
# With a sender and its receiver on one lcore (--combined), and apart.
. "$(dirname "$0")/_init.sh"

seconds=2 rate=${STALEFLOW_TEST_RATE:-20000}
sent=$((rate * seconds))

server=server
ip netns add $server
for i in 0 1; do
	ip link add "client$i" type veth peer name "server$i" netns $server
	ethtool -K "client$i" tx off rx off tso off gso off gro off >/dev/null 2>&1
	sysctl -qw "net.ipv6.conf.client$i.disable_ipv6=1"
	ip link set "client$i" up
done
# A switch, as both ports of the box would be plugged into.
in_server bash -c "$(declare -f configure_end)
	ip link add switch type bridge
	for i in 0 1; do
		ethtool -K server\$i tx off rx off tso off gso off gro off >/dev/null 2>&1
		ip link set server\$i master switch up
	done
	ip link set lo up; configure_end switch 10.53.255.53/16 fd00:53::53/64"
for i in 0 1; do
	wait_for 5 eval "[[ \$(ip -o link show client$i) == *'state UP'* ]]"
done
start_nsd backend-1
printf 'www.lab.test A\nwww.lab.test AAAA\n' >queries

result() {
	jq -r "$1" result.json
}

packets_sent() {
	cat "/sys/class/net/$1/statistics/tx_packets"
}

# attempt MODE OPTIONS...: bonding's mode, and options of the run
attempt() {
	local before after i
	cat >plan.json <<-PLAN
		{"port": {"device": "net_bonding0,mode=$1,slave=net_af_packet0,slave=net_af_packet1", "ring_size": 8192},
		 "service": {"address": "10.53.255.53"}, "load": {"max_lag": "1s"},
		 "lcores": {"eal": "--vdev net_af_packet0,iface=client0,qpairs=2,framecnt=8192 --vdev net_af_packet1,iface=client1,qpairs=2,framecnt=8192"}}
	PLAN
	before=("$(packets_sent client0)" "$(packets_sent client1)")
	nsd-control -c "$work/nsd/nsd.conf" stats >/dev/null # and resets the counters
	nice -n -10 "$build/app/staleflow" run plan.json -d queries -Q "$rate" -l "$seconds" -t 2s -a 10.53.1.1-10.53.1.16 -x 2000-9999 \
		--senders 2 "${@:2}" --json result.json >run.log 2>&1 || fail "staleflow run over mode $1"
	assert_equal 'NSD: queries' "$(result .totals.sent)" "$(nsd_count num.queries)"
	assert_equal 'the identity' true "$(result '.totals | .sent == .answered + .refused + .lost + .outstanding')"
	for i in 0 1; do
		after=$(packets_sent "client$i")
		[[ $((after - ${before[i]})) -ge $((sent / 3)) ]] || fail "port $i sent only $((after - ${before[i]})) of $sent frames"
	done
	[[ $(result .totals.skipped) -eq 0 && $(result .totals.lost) -eq 0 ]]
}

try() {
	undisturbed "$@"
	assert_equal "mode $1: answered" "$sent" "$(result .totals.answered)"
	assert_equal "mode $1: nothing unexpected" 0 "$(result '.totals | .unexpected + .mismatch + .duplicate + .malformed')"
}

try 0
assert_equal 'receivers' 1 "$(result .box.receivers)"
try 2,xmit_policy=l34 --combined
assert_equal 'combined: receivers' 2 "$(result .box.receivers)"
