#!/bin/bash
# `--pcap`: the lost queries, octet for octet as tcpdump saw them at the server; the last answered query before them; refusals and
# late replies. tshark reads the file, finds its checksums right, and the comments in it.
. "$(dirname "$0")/_init.sh"

make_pair
start_nsd backend-1
in_server sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000
printf 'www.lab.test A\ntxt.lab.test TXT\nalias.lab.test A D\n' >queries
start_capture "$work/all.pcap" 'udp dst port 53'

# One second of answers; one in which they find no way back; one of a closed port; and one in which answers take longer than the timeout.
cat >plan.json <<PLAN
{
  "port": {"interface": "client", "ring_size": 8192},
  "service": {"address": "10.53.255.53"},
  "queries": {"file": "queries", "nsid": true},
  "cohorts": [{"name": "all", "addresses": ["10.53.1.1-10.53.1.4"], "ports": "1024-1123", "policy": "sequential"}],
  "load": {"rate": 2000, "duration": "4s", "timeouts": "300ms", "max_lag": "1s", "drain": "1s"},
  "output": {"json": "result.json", "pcap": "losses.pcapng"},
  "scenario": [
    {"at": "1s", "do": "exec", "command": "ip netns exec server ip route add blackhole 10.53.1.0/24"},
    {"at": "2s", "do": "exec", "command": "ip netns exec server ip route del blackhole 10.53.1.0/24; kill $nsd_pid"},
    {"at": "3s", "do": "exec", "command": "ip netns exec server tc qdisc add dev server root netem delay 500ms limit 100000; ip netns exec server nsd -c $work/nsd/nsd.conf"}
  ]
}
PLAN
"$build/app/staleflow" run plan.json >run.log 2>run.err || fail "staleflow run: $(< run.err)"
stop_capture
result() {
	jq -r "$1" result.json
}
[[ $(result .totals.lost) -gt 1000 ]] || fail "no way back loses: $(result .totals.lost)"
[[ $(result .totals.refused) -gt 500 ]] || fail "a closed port refuses: $(result .totals.refused)"

tshark -n -r losses.pcapng -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE -T fields -E separator=/t -e frame.comment \
	-e udp.checksum.status -e ip.checksum.status -e frame.time_epoch -e udp.srcport -e _ws.malformed >fields 2>tshark.log || fail 'tshark'
commented() {
	grep -c "^$1" fields
}
assert_equal 'lost queries' "$(result .totals.lost)" "$(commented lost:)"
assert_equal 'refusals' "$(result .totals.refused)" "$(commented refused:)"
assert_equal 'late replies' "$(result .totals.late)" "$(commented late:)"
[[ $(commented answered:) -ge 300 ]] || fail "every port had a query answered before its losses: $(commented answered:)"
assert_equal 'well-formed packets' 0 "$(awk -F'\t' '$6 != ""' fields | wc -l)"
assert_equal 'right checksums of what we sent' '1 1' \
	"$(awk -F'\t' '/^(lost|answered):/ {print $2, $3}' fields | sort -u)"
assert_match 'the comment' 'cohort all; .*; last answer on it from backend-1' "$(grep -m 1 '^lost:' fields)"

# Each lost query and each predecessor is a frame that arrived at the server. Sets: a port may send the same octets twice.
frames() {
	tcpdump -nr "$1" -t -xx "$2" 2>/dev/null | awk '/^\t/ {sub(/^\t0x[0-9a-f]+: */, ""); gsub(" ", ""); line = line $0; next}
		{if (line != "") print line; line = ""} END {if (line != "") print line}' | sort -u
}
frames losses.pcapng 'udp dst port 53 and src net 10.53.1.0/24' >crafted
frames all.pcap 'udp dst port 53' >seen
[[ $(wc -l <crafted) -gt 1000 ]] || fail "only $(wc -l <crafted) different frames"
assert_equal 'frames that nobody sent' 0 "$(comm -23 crafted seen | wc -l)"

# Stamps are times of sending: between the first and the last that the server saw, give or take the way.
first=$(tshark -n -r all.pcap -T fields -e frame.time_epoch 2>/dev/null | sort -n | head -n 1)
last=$(tshark -n -r all.pcap -T fields -e frame.time_epoch 2>/dev/null | sort -n | tail -n 1)
assert_equal 'stamps out of the run' 0 \
	"$(awk -F'\t' -v first="$first" -v last="$last" '/^lost:/ && ($4 < first - 0.5 || $4 > last + 0.5)' fields | wc -l)"

# A ring that is too small is told, not hidden: the count is in the file too.
assert_match 'the interface statistics' 'Number of stat entries = 1' "$(capinfos losses.pcapng 2>/dev/null)"
