#!/bin/bash
# `staleflow director`: every option of its --help does what it says, it ends as it should however it ends, and what it can't do it
# refuses in one line.
. "$(dirname "$0")/_init.sh"

make_pair
in_server ip address flush dev server
ip route add 10.96.0.0/16 dev client

start() { # start OPTIONS...: on the pair, until it is ready
	used "$@"
	ip netns exec "$server" "$build/app/staleflow" director "$@" --json director.json >output.log 2>error.log &
	director=$!
	wait_for 20 grep -q 'the director is ready' error.log
}
stop() { # stop [SIGNAL]
	kill -"${1-INT}" "$director"
	wait "$director"
	assert_equal 'exit status' 0 "$?"
}
ask() { # ask ADDRESS [OPTIONS...]: an answer, or none
	dig +tries=1 +time=1 +short +nsid "@$@" www.example.com 2>&1 | head -n 1
}
expect() { # expect JQ VALUE
	assert_equal "$1" "$2" "$(jq -r "$1" director.json)"
}
answers='{"name": "a", "answers": ["192.0.2.80"]}'
echo "{\"director\": {\"backends\": [$answers]}}" >one.json

# --- every option ---
used --iface --json
start one.json --iface server --server 10.96.0.11 --port 5353 --seed 7 --family inet -v --memory 100 --huge off --eal '--log-level=lib.eal:debug'
assert_equal 'an answer' 192.0.2.80 "$(ask 10.96.0.11 -p 5353)"
stop
expect .service.address 10.96.0.11
expect .service.port 5353
expect .totals.answered 1
expect .plan.seed 7
expect .box.hugepages false
expect .plan.lcores.memory 100
assert_match '-v, --eal' 'EAL: .*lcore' "$(cat output.log error.log)"
start one.json --iface server --driver af_packet -s 10.96.0.10 -p 53 -f inet --source-mac 02:00:00:00:00:99 --gateway 10.53.255.99 --verbose \
	--lcores '0@0,3@0'
assert_equal 'an answer' 192.0.2.80 "$(ask 10.96.0.10)"
assert_match '--source-mac' 'lladdr 02:00:00:00:00:99' "$(ip neighbour show 10.96.0.10)"
# The way to a network behind the director.
ip route add 10.97.0.0/16 via 10.53.255.99
ask 10.97.0.1 >/dev/null
assert_match '--gateway' 'lladdr 02:00:00:00:00:99' "$(ip neighbour show 10.53.255.99)"
stop TERM
expect .box.mac 02:00:00:00:00:99
expect .plan.lcores.map 0@0,3@0
expect '.ignored["for another station"] >= 1' true
ip neighbour flush dev client
start one.json --iface server --rx-queues 2
for _ in 1 2 3 4 5 6 7 8; do
	assert_equal 'an answer by either queue' 192.0.2.80 "$(ask 10.96.0.10)"
done
stop
expect .plan.port.receive_queues 2
expect .totals.answered 8
ip neighbour flush dev client
ethtool -K client tx on >/dev/null # from here on the client's checksums are unfinished ones
for verify in auto on off; do
	start one.json --iface server --verify $verify
	ask 10.96.0.10 >answer
	stop
	expect '.ignored["bad checksum"]' "$([[ $verify == on ]] && echo 1 || echo 0)"
	assert_equal "--verify $verify" "$([[ $verify == on ]] || echo 192.0.2.80)" "$(grep -F 192.0.2.80 answer)"
done
for option in -l --duration; do
	start --device 'net_null0,no-rx=1' $option 0.3
	wait "$director"
	assert_equal 'exit status' 0 "$?"
	expect '.duration_s >= 0.3 and .duration_s < 5' true
	expect .interrupted false
	expect .first_query_s null
	expect .totals.queries 0
done
start --device 'net_null0,no-rx=1' -l 600
stop
expect .interrupted true

# --- all that a scenario may do; times begin when it is ready ---
cat >scenario.json <<'PLAN'
{
  "director": {"begin": "ready", "udp_timeout": "9s", "backends": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
  "scenario": [
    {"at": "10ms", "do": "drain", "backend": "a"}, {"at": "20ms", "do": "restore", "backend": "a"},
    {"at": "30ms", "do": "remove", "backend": "b"}, {"at": "40ms", "do": "kill", "backend": "b"},
    {"at": "50ms", "do": "add", "backend": "d", "address": "10.244.9.9", "port": 5300, "weight": 7},
    {"at": "60ms", "do": "set-weight", "backend": "a", "weight": 3}, {"at": "70ms", "do": "close", "backend": "c"},
    {"at": "80ms", "do": "set-timeout", "timeout": "5s"}, {"at": "90ms", "do": "set-expire-nodest", "on": true},
    {"at": "100ms", "do": "mark", "name": "here"}, {"at": "110ms", "do": "remove", "backend": "b"},
    {"at": "200ms", "do": "roll", "roll": {"kube_proxy_delay": "10ms", "lameduck": "20ms", "pod_start": "10ms", "max_surge": 4}}
  ]
}
PLAN
start scenario.json --device 'net_null0,no-rx=1' -l 1
wait "$director"
assert_equal 'exit status' 0 "$?"
expect '[.events[:11][] | .text] | join(", ")' \
	'drain a, restore a, remove b, kill b, add d, set-weight a 3, close c, set-timeout 5s, set-expire-nodest 1, here, remove b'
expect '[.events[] | .done_s >= .at_s] | all' true
expect '[.events[:10][] | .exit_code] | add' 0
assert_match 'what could not be done' 'real server b is not listed' "$(jq -r '.events[10].output' director.json)"
expect '.backends[] | select(.name == "d") | "\(.address) \(.port) \(.weight)"' '10.244.9.9 5300 7'
expect '[.backends[] | select(.listed) | .name] | sort | join(" ")' 'a#2 c#2 d#2'
expect '.backends[] | select(.name == "b") | .state' dead

# --- results: standard output holds one document; a disk that is full is told ---
"$build/app/staleflow" director --device 'net_null0,no-rx=1' -l 0.1 --json - 2>error.log | jq -e .totals >/dev/null || fail '--json -'
"$build/app/staleflow" director --device 'net_null0,no-rx=1' -l 0.1 --json /dev/full >output.log 2>error.log
assert_equal 'full disk: exit status' 1 "$?"
assert_match 'full disk' 'staleflow: .*/dev/full.*No space left' "$(tail -n 1 error.log)"
assert_match 'full disk: the report' 'no query came' "$(< output.log)"

# --- what can't be ---
refuse() { # refuse PATTERN WORDS...: one line, exit status 2
	local pattern=$1 status
	shift
	used "$@"
	"$build/app/staleflow" director "$@" >refused.out 2>refused.err </dev/null
	status=$?
	assert_equal "$*: exit status" 2 "$status"
	assert_equal "$*: lines on standard error" 1 "$(wc -l <refused.err)"
	assert_match "$*" "^staleflow: $pattern" "$(< refused.err)"
	assert_equal "$*: standard output" '' "$(< refused.out)"
}
refuse 'command line: \$\.port: a director needs a port to answer on; give a network interface \(--iface\), a NIC'
refuse '--director: is for the client that sends; a director has no use for it' --director
refuse '-Q: is for the client that sends' --iface client -Q 1000
refuse '--bogus: there is no such option' --bogus
refuse "'two.json' is one word too many" one.json two.json
refuse 'nowhere.json: can.t be opened: No such file or directory' nowhere.json
refuse "--iface: there is no interface 'nowhere' here; there is: lo, client" --iface nowhere
refuse '0000:00:1f.9: no DPDK port at this PCI address' --pci 0000:00:1f.9
refuse "net_nowhere0: DPDK can't open this device" --device net_nowhere0
refuse "--json: can't write 'nowhere/file': No such file or directory" --device net_null0 --json nowhere/file
refuse "--lcores: the map '0@0' has 1 lcore; two are the least" --device net_null0 --lcores 0@0
refuse 'net_null0: this plan needs 1025 send and 1025 receive queues|--rx-queues: found 1025; allowed is' --device net_null0 --rx-queues 1025
ip link set client mtu 500
refuse 'an MTU of 500 must be 576 or more' --iface client
ip link set client mtu 1500
ip link set client down
refuse 'client: the interface is down; bring it up \(ip link set client up\)' --iface client
refuse 'scenario.json: \$\.scenario: event "here" is at 100ms, but the run ends at 95ms' scenario.json --iface client -l 0.095

# --- nothing was left out ---
for help in -h --help; do
	used $help
	"$build/app/staleflow" director $help >help || fail "$help"
done
assert_match 'help' 'Usage: staleflow director ' "$(head -n 1 help)"
assert_all_used 20 <help
