#!/bin/bash
# The director model in a process of its own, over a veth pair: one configuration for both ends, a removal on the time line that the
# client's first query begins. dig, dnsperf and `staleflow run` find it by ARP and neighbour discovery, and the counts of both sides agree
# exactly: what was sent was received, what was lost fell into the director's hole.
. "$(dirname "$0")/_init.sh"

make_pair
in_server ip address flush dev server # nobody but the director answers there
ip route add 10.96.0.10 dev client
ip -6 route add fd00:96::10 dev client
cat >both.json <<'PLAN'
{
  "service": {"address": "10.96.0.10"},
  "queries": {"generate": {"zone": "example.com"}, "nsid": true},
  "cohorts": [{"addresses": "10.53.1.1", "ports": "2000-2999", "policy": "random"}],
  "load": {"rate": 5000, "duration": "4s", "timeouts": ["500ms"], "max_lag": "1s"},
  "director": {
    "udp_timeout": "2s",
    "backends": [{"name": "a", "answers": ["192.0.2.80"]}, {"name": "b", "answers": ["192.0.2.80"]}]
  },
  "scenario": [
    {"at": "1s", "do": "remove", "backend": "a"},
    {"at": "2s", "do": "exec", "command": "echo here >>executed", "name": "a command"}
  ]
}
PLAN

start_director() { # start_director OPTIONS...
	ip netns exec "$server" "$build/app/staleflow" director "$@" --iface server --json director.json >director.out 2>director.log &
	director=$!
	wait_for 20 grep -q 'the director is ready' director.log
}
stop_director() { # ends well, and its accounts agree
	kill -TERM "$director"
	wait "$director"
	assert_equal 'exit status of the director' 0 "$?"
	assert_equal 'the accounts' true "$(told .accounts.consistent)"
	assert_equal 'the sum' true \
		"$(told '.totals | .queries == .answered + .own_source + .refused + .unreachable + .lost + .pending')"
}
told() {
	jq -r "$1" director.json
}
ran() {
	jq -r "$1" run.json
}

# --- real clients find it and are served in turn ---
start_director -s 10.96.0.10 -l 600
assert_match 'where it is' '10.96.0.10 port 53 on server, MAC address' "$(< director.log)"
for name in coredns-b coredns-a; do
	assert_match 'the name server id' "\(\"$name\"\)" "$(dig +tries=1 +time=2 +nsid @10.96.0.10 www.example.com)"
done
yes 'www.example.com A' | head -n 2000 >queries
dnsperf -s 10.96.0.10 -d queries -c 4 -q 20 -t 2 >dnsperf.log 2>&1 || fail 'dnsperf'
assert_match 'dnsperf' 'Queries completed: +2000 \(100.00%\)' "$(< dnsperf.log)"
stop_director
assert_equal 'queries' 2002 "$(told .totals.queries)"
assert_equal 'answered' 2002 "$(told .totals.answered)"
assert_equal 'forwarded' 2002 "$(told '[.backends[].forwarded] | add')"
assert_equal 'interrupted before its time' true "$(told .interrupted)"
assert_match 'the text' 'Queries received: 2002' "$(< director.out)"

# --- by IPv6, where the sender's kernel leaves the checksum to an offload that never happens ---
ethtool -K client tx on >/dev/null
start_director -s fd00:96::10
assert_match 'an answer by IPv6' 'status: NOERROR' "$(dig +tries=1 +time=2 @fd00:96::10 www.example.com)"
stop_director
assert_equal 'queries by IPv6' 1 "$(told .totals.queries)"
assert_equal 'nobody interrupted it' false "$(told .interrupted)"
ethtool -K client tx off >/dev/null

# --- a removal, told by both ends of one configuration ---
attempt() {
	rm -f executed
	start_director both.json
	nice -n -10 "$build/app/staleflow" run both.json --iface client --json run.json >run.log 2>&1 || fail 'staleflow run'
	stop_director
	[[ $(ran '.totals.skipped + .totals.tx_dropped') -eq 0 && $(told .totals.port_dropped) -eq 0 &&
		$(ran '.totals.lost + .totals.answered') -eq $(told '.totals.lost + .totals.answered') ]]
}
# On a busy machine an answer may be late, or a socket's ring full: then the sides can't agree, and it is made again.
undisturbed
assert_equal 'sent and received' "$(ran .totals.sent)" "$(told .totals.queries)"
assert_equal 'sent' 20000 "$(ran .totals.sent)"
assert_equal 'answered' "$(told .totals.answered)" "$(ran .totals.answered)"
assert_equal 'lost' "$(told '.lost["real server deleted"]')" "$(ran .totals.lost)"
assert_equal 'lost for no other reason' "$(told '.lost["real server deleted"]')" "$(told .totals.lost)"
# A random port is used every 0.2 s: half of them were a's, and rest for 2 s at last.
[[ $(told .totals.lost) -gt 2000 ]] || fail "only $(told .totals.lost) fell into the hole"
for backend in a b; do
	assert_equal "answers of $backend" "$(told ".backends[] | select(.name == \"$backend\") | .answered")" \
		"$(ran ".backends[] | select(.name == \"$backend\") | .answered")"
done
assert_equal 'a is removed, b is not' '[false,true]' "$(told '[.backends[].listed] | tostring')"
assert_equal 'the table at its fullest' true "$(told '.table.most >= 990 and .table.most <= 1000')"
# Both time lines begin with the first query.
assert_equal 'when a was removed' true "$(told '.events[0] | .kind == "remove" and .done_s >= 1 and .done_s < 1.5')"
assert_equal 'the client knows of it' 'remove a' "$(ran '.events[0].text')"
assert_match 'the verdict' 'removed server, entries kept' "$(ran '.verdict | tostring')"
assert_equal 'the command is the client'"'"'s' "not run: the client's" "$(told '.events[1].output')"
assert_equal 'it ran once' 1 "$(wc -l <executed)"
assert_match 'what it does not use' 'leaves these settings to the client: queries, cohorts, load.rate' "$(< director.log)"
