#!/bin/bash
# Faults of a real network: the server killed and back, the link down and up, its port closed (ICMP), a storm of ICMP. The accounting
# identity holds exactly at every interval line and at the end.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-1
sysctl -qw net.ipv4.icmp_ratelimit=0
in_server sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000
printf 'www.lab.test A\n' >queries

cat >plan.json <<PLAN
{
  "port": {"interface": "client"},
  "service": {"address": "10.53.255.53"},
  "queries": {"file": "queries", "nsid": true},
  "cohorts": [{"name": "all", "addresses": ["10.53.1.1-10.53.1.4"], "ports": "1024-9999", "policy": "random"}],
  "load": {"rate": 5000, "duration": "6s", "timeouts": ["500ms", "200ms"]},
  "output": {"interval": "250ms", "jsonl": "result.jsonl", "json": "result.json"},
  "scenario": [
    {"at": "1s", "do": "exec", "command": "kill $nsd_pid", "name": "server killed"},
    {"at": "2s", "do": "exec", "command": "ip netns exec server nsd -c $work/nsd/nsd.conf", "name": "server back"},
    {"at": "3s", "do": "exec", "command": "ip netns exec server ip link set server down", "name": "link down"},
    {"at": "4s", "do": "exec", "command": "ip netns exec server ip link set server up", "name": "link up"},
    {"at": "5s", "do": "mark", "name": "the last second"}
  ]
}
PLAN
"$build/app/staleflow" run plan.json >run.log 2>&1 || fail 'staleflow run'
result() {
	jq -r "$1" result.json
}
identity='.sent == .answered + .refused + .lost + .outstanding'
assert_equal 'the identity at the end' true "$(result ".totals | $identity")"
assert_equal 'the identity in every interval' true \
	"$(jq -s "[.[] | select(.type == \"interval\") | .totals | $identity] | all" result.jsonl)"
assert_equal 'sent' true "$(result '.totals.sent + .totals.tx_dropped + .totals.skipped == 30000')"
[[ $(result .totals.answered) -gt 10000 ]] || fail "only $(result .totals.answered) answered"
[[ $(result .totals.refused) -gt 1000 ]] || fail "a closed port refuses: $(result .totals.refused)"
[[ $(result .totals.lost) -gt 1000 ]] || fail "a link that is down loses: $(result .totals.lost)"
assert_equal 'refused by the port' "$(result .totals.refused)" "$(result '.totals.refused_port + .totals.refused_host')"
assert_equal 'events' 5 "$(result '.events | length')"
