#!/bin/bash
# 50,000 queries a second for 10 s to a real NSD over veth: every query is answered, and Staleflow's counts are NSD's own and the
# capture's, exactly. Then what the capture holds, by tshark: well-formed, checksums right, ports as the policy promised.
. "$(dirname "$0")/_init.sh"

rate=${STALEFLOW_TEST_RATE:-50000} seconds=${STALEFLOW_TEST_SECONDS:-10}
sent=$((rate * seconds))

make_pair
start_nsd backend-1
cat >queries <<'QUERIES'
www.lab.test A
www.lab.test AAAA
txt.lab.test TXT
_https._tcp.www.lab.test SRV
no-such-name.www.lab.test A
alias.lab.test A D
www.lab.test A E 192.0.2.0/24
QUERIES

# On a machine of two CPUs NSD, tcpdump and the lcores take turns: rings and lag bridge the time slices.
echo '{"port": {"interface": "client", "ring_size": 32768}, "load": {"max_lag": "1s"}}' >plan.json

result() {
	jq -r "$1" result.json
}

# One run. Sources that the kernel doesn't own: it would answer replies to closed ports with ICMP errors of its own.
attempt() {
	nsd-control -c "$work/nsd/nsd.conf" stats >/dev/null # and resets the counters
	rm -f all.pcap
	start_capture "$work/all.pcap" 'udp port 53'
	nice -n -10 "$build/app/staleflow" run plan.json -s 10.53.255.53 -d queries -Q "$rate" -l "$seconds" -a 10.53.1.1-10.53.1.16 \
		-x 2000-9999 --policy sequential --nsid -t 2s --json result.json >run.log 2>&1 || fail 'staleflow run'
	stop_capture
	# Whatever the load of this machine: nothing is sent, captured or answered that the others don't know of.
	assert_equal 'NSD: queries' "$(result .totals.sent)" "$(nsd_count num.queries)"
	assert_equal 'queries captured' "$(result .totals.sent)" "$(tcpdump -nr all.pcap 'dst port 53' 2>/dev/null | wc -l)"
	[[ $(result .totals.skipped) -eq 0 && $(result .totals.lost) -eq 0 ]]
}
undisturbed

assert_equal 'sent' "$sent" "$(result .totals.sent)"
assert_equal 'answered' "$sent" "$(result .totals.answered)"
assert_equal 'lost' 0 "$(result .totals.lost)"
assert_equal 'outstanding' 0 "$(result .totals.outstanding)"
assert_equal 'unexpected' 0 "$(result '.totals.unexpected + .totals.mismatch + .totals.duplicate + .totals.malformed_dns')"
for type in A AAAA TXT SRV; do
	case $type in A) lines='0 4 5 6' ;; AAAA) lines=1 ;; TXT) lines=2 ;; SRV) lines=3 ;; esac
	expected=0
	for line in $lines; do
		expected=$((expected + (sent - line + 6) / 7))
	done
	assert_equal "NSD: $type" "$expected" "$(nsd_count num.type.$type)"
done
assert_equal 'NXDOMAIN as NSD counts it' "$(nsd_count num.rcode.NXDOMAIN)" "$(result '.rcodes.NXDOMAIN // 0')"
assert_equal 'NOERROR as NSD counts it' "$(nsd_count num.rcode.NOERROR)" "$(result .rcodes.NOERROR)"
assert_equal 'the NSID' backend-1 "$(result '.backends[0].name')"
assert_equal 'answers of that NSID' "$sent" "$(result '.backends[0].answered')"
assert_equal 'replies captured' "$sent" "$(tcpdump -nr all.pcap 'src port 53' 2>/dev/null | wc -l)"
assert_match "dnsperf's words" "Queries completed: +$sent \(100.00%\)" "$(< run.log)"

# A closer look at the first 20,000 packets: tshark takes its time.
tcpdump -nr all.pcap -w some.pcap -c 20000 2>/dev/null
bad=$(tshark -r some.pcap -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE \
	-Y '_ws.malformed or ip.checksum.status == "Bad" or udp.checksum.status == "Bad" or _ws.expert.severity >= "warn"' 2>/dev/null | head -n 3)
assert_equal 'malformed or bad checksums' '' "$bad"
# sequential: the address first, then the port; every tuple once before any comes again.
tshark -r some.pcap -Y 'udp.dstport == 53' -T fields -e ip.src -e udp.srcport 2>/dev/null | head -n 5000 >tuples
assert_equal 'distinct tuples' "$(wc -l <tuples)" "$(sort -u tuples | wc -l)"
assert_equal 'the first tuple' $'10.53.1.1\t2000' "$(head -n 1 tuples)"
assert_equal 'the 17th tuple' $'10.53.1.1\t2001' "$(sed -n 17p tuples)"
