#!/bin/bash
# The network tests' own tools: a pair of namespaces, NSD, its counters, a capture and waiting do what _init.sh says.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-1
start_capture "$work/server.pcap" 'udp port 53'

dig_server() {
	dig +tries=1 +time=2 +short "$@"
}
assert_equal 'an A record' 192.0.2.80 "$(dig_server @10.53.255.53 www.lab.test A)"
assert_equal 'an AAAA record by IPv6' 2001:db8::80 "$(dig_server @fd00:53::53 www.lab.test AAAA)"
assert_equal 'a SRV record' '0 100 443 www.lab.test.' "$(dig_server @10.53.255.53 _https._tcp.www.lab.test SRV)"
assert_equal 'a TXT record of a wildcard' '"any name"' "$(dig_server @10.53.255.53 x1.lab.test TXT)"
assert_equal 'a cluster name' 10.96.0.1 "$(dig_server @10.53.255.53 kubernetes.default.svc.cluster.local A)"
assert_match 'the name server id' '\("backend-1"\)' "$(dig +tries=1 +nsid @10.53.255.53 www.lab.test)"
assert_equal 'the queries that NSD counted' 6 "$(nsd_count num.queries)"
assert_equal 'the A queries that NSD counted' 3 "$(nsd_count num.type.A)"

stop_capture
assert_equal 'the packets captured' 12 "$(tcpdump -nr "$work/server.pcap" 2>/dev/null | wc -l)"

# Rate limiting would make an NSD of the tests lose queries by itself.
yes 'www.lab.test A' | head -n 2000 >"$work/queries"
dnsperf -s 10.53.255.53 -d "$work/queries" -c 1 -q 50 -t 2 >"$work/dnsperf.log" 2>&1 || fail 'dnsperf'
assert_match 'answers to one client' 'Queries completed: +2000 \(100.00%\)' "$(< "$work/dnsperf.log")"

kill "$nsd_pid"
wait "$nsd_pid"
assert_equal 'nobody listens any more' '' "$(in_server ss -Hlun)"
