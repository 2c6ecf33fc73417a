#!/bin/bash
# IPv6 end to end: neighbour discovery both ways, checksums, EDNS with NSID, against NSD over veth.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-6
printf 'www.lab.test AAAA\ntxt.lab.test TXT\n' >queries
start_capture "$work/all.pcap" 'udp port 53 or icmp6'
"$build/app/staleflow" run --iface client -s fd00:53::53 -d queries -Q 2000 -l 2 -a fd00:53::1:0/124 --nsid --max-lag 1s \
	--json result.json >run.log 2>&1 || fail 'staleflow run'
stop_capture
assert_equal 'answered' 4000 "$(jq .totals.answered result.json)"
assert_equal 'NSD: queries' 4000 "$(nsd_count num.queries)"
assert_equal 'over IPv6' 4000 "$(nsd_count num.udp6)"
assert_equal 'the NSID' backend-6 "$(jq -r '.backends[0].name' result.json)"
bad=$(tshark -r all.pcap -o udp.check_checksum:TRUE -Y '_ws.malformed or udp.checksum.status == "Bad" or icmpv6.checksum.status == "Bad"' 2>/dev/null | head -n 3)
assert_equal 'malformed or bad checksums' '' "$bad"
[[ $(jq .totals.neighbour result.json) -gt 0 ]] || fail 'no neighbour solicitation was answered'
