#!/bin/bash
# Replies that the port itself brings home. A packet socket has no flow rules: auto falls back and says so, flow is refused. A tap has
# them by the kernel's tc (multiq, flower, skbedit), single ports each; its kernel end is the server's interface.
. "$(dirname "$0")/_init.sh"

printf 'www.lab.test A\ntxt.lab.test TXT\n' >queries
echo '{"port": {"ring_size": 8192}, "load": {"max_lag": "1s"}}' >plan.json
rate=$(( ${STALEFLOW_TEST_RATE:-5000} / slowness )) sent=$(( ${STALEFLOW_TEST_RATE:-5000} / slowness * 2 ))

result() {
	jq -r "$1" result.json
}

# send WAY ARGUMENTS...
send() {
	local way=$1
	shift
	ip netns exec "$server" "$build/app/staleflow" run plan.json -s 10.53.255.53 -d queries -Q "$rate" -l 2 -a 10.53.1.1-10.53.1.4 --policy random \
		-t 2s --senders 2 --receivers 2 --steering "$way" --json result.json "$@" >run.log 2>&1
}

# attempt WAY STEERING ARGUMENTS...: whatever the load of this machine, no count contradicts another.
attempt() {
	local way=$1 steering=$2
	shift 2
	send "$way" "$@" || fail 'staleflow run'
	assert_equal 'the identity' true "$(result '.totals | .sent == .answered + .refused + .lost + .outstanding')"
	assert_equal 'steering' "$steering" "$(result .box.steering)"
	[[ $(result .totals.skipped) -eq 0 && $(result .totals.lost) -eq 0 ]]
}

try() {
	undisturbed "$@"
	assert_equal 'answered' "$sent" "$(result .totals.answered)"
}

# --- a packet socket ---
make_pair
start_nsd backend-1
server=client # its own end: where staleflow runs now
ip netns add client
ip link set client netns client
in_server bash -c "$(declare -f configure_end); ip link set lo up; configure_end client 10.53.0.1/16 fd00:53::1/64"
wait_for 5 eval '[[ $(in_server ip -o link show client) == *"state UP"* ]]'
try auto software --iface client -x 2000-9999
assert_equal 'rules' 0 "$(result .box.steering_rules)"
assert_equal 'the refusal' 'Function not implemented' "$(result .box.steering_refused)"
assert_match 'the report' 'handed over by software, since the port took no flow rules: Function not implemented' "$(< run.log)"
[[ $(result .totals.rx_wrong_queue) -gt 0 ]] || fail 'no reply came to another queue'
rm -f result.json
send flow --iface client -x 2000-9999
assert_equal 'the exit status without flow rules' 2 "$?"
assert_match 'the error' '^staleflow: --steering: driver net_af_packet takes no flow rules for these receivers: Function not implemented' \
	"$(< run.log)"
assert_equal 'lines of it' 1 "$(wc -l <run.log)"
[[ ! -e result.json ]] || fail 'a run that was refused wrote a result'
kill "$nsd_pid"
wait "$nsd_pid"

# --- a tap ---
echo '{"port": {"ring_size": 1024}, "load": {"max_lag": "1s"}}' >plan.json # the kernel queues 1,000 frames for each
for module in tun sch_multiq cls_flower act_skbedit; do # where nobody is there to load them when asked for
	modprobe -q "$module" 2>/dev/null
done
[[ -c /dev/net/tun ]] || skip 'no /dev/net/tun; the rest passed'
server=tap
ip netns add tap
in_server ip tuntap add dev server mode tap multi_queue 2>/dev/null || skip 'no right to make a tap; the rest passed'
in_server bash -c "$(declare -f configure_end); ip link set lo up; configure_end server 10.53.255.53/16 fd00:53::53/64"
rm -rf nsd
start_nsd backend-1
# A tap answers a flow on the queue that sent it. With four queues, the second sender's is one of the first receiver's.
try software software --iface server --driver tap -x 2000-2063 --rx-queues 4
[[ $(result .totals.rx_wrong_queue) -gt 0 ]] || fail 'no reply came to another queue'

in_server ip tuntap add dev probe mode tap multi_queue
in_server tc qdisc add dev probe root handle 1: multiq 2>/dev/null || skip 'no multiq in this kernel; the rest passed'
in_server tc filter add dev probe parent 1: protocol ip flower ip_proto udp dst_port 9 action skbedit queue_mapping 0 2>/dev/null ||
	skip 'no flower or skbedit in this kernel; the rest passed'
try flow flow --iface server --driver tap -x 2000-2063 --rx-queues 4
assert_equal 'rules: one a port' 64 "$(result .box.steering_rules)"
assert_equal 'replies that came to another queue' 0 "$(result .totals.rx_wrong_queue)"
assert_equal 'rules kept' true "$(result .box.steering_kept)"
assert_match 'the report' 'brought to their receivers by 64 flow rules' "$(< run.log)"
