#!/bin/bash
# `--trace`: a capture is replayed with its times, ports and messages. A first run whose servers are all dead writes all of its queries
# as losses (--pcap); replayed at several speeds against dead servers, the second capture must hold the same queries at the times
# divided by the speed. Then rewriting, what is left out, and what is refused.
. "$(dirname "$0")/_init.sh"

dead='"scenario": [{"do": "kill", "backend": "coredns-a"}, {"do": "kill", "backend": "coredns-b"}]'
common='"port": {"driver": "director"}, "service": {"address": "10.96.0.10"}'
printf 'www.example.com A\nmail.example.com AAAA\nexample.com TXT\n' >queries
cat >first.conf <<JSON
{$common, $dead, "queries": {"file": "queries"},
 "cohorts": [{"addresses": ["10.0.0.1-10.0.0.3"], "ports": "20000-20499", "policy": "random"}],
 "load": {"rate": 1000, "duration": "3s", "timeouts": "500ms"}}
JSON
"$staleflow" simulate first.conf --pcap first.pcapng --json first.json >first.txt || exit 1

# queries FILE SPEED: time in microseconds times the speed since the first, source port, name and type, in the order of sending.
queries() {
	tshark -n -r "$1" -Y 'udp.dstport == 53' -T fields -e frame.time_epoch -e ip.src -e udp.srcport -e dns.qry.name -e dns.qry.type 2>/dev/null |
		sort -n -k 1,1 -s | awk -v speed="$2" 'NR == 1 {first = $1} {printf "%.0f %s %s %s %s\n", ($1 - first) * speed * 1e5, $2, $3, $4, $5}'
}
queries first.pcapng 1 >first.queries
check 'queries of the first run' 3000 "$(wc -l <first.queries)"

for speed in 1 2 0.5; do
	echo "{$common, $dead, \"cohorts\": [{\"addresses\": [\"10.0.0.1-10.0.0.3\"]}], \"load\": {\"timeouts\": \"500ms\"}}" >replay.conf
	"$staleflow" simulate replay.conf --trace "first.pcapng,speed=$speed" --pcap again.pcapng --json again.json >again.txt 2>again.err ||
		fail "replay at $speed: $(cat again.err)"
	check "sent at speed $speed" '3000 0 0' "$(jq -r '"\(.totals.sent) \(.totals.skipped) \(.totals.throttled)"' again.json)"
	check "policy at speed $speed" trace "$(jq -r '.cohorts[0].policy' again.json)"
	queries again.pcapng "$speed" >again.queries
	diff first.queries again.queries >difference || { fail "speed $speed"; head -n 6 difference; }
done

# Rewritten to two addresses, by three senders: the ports stay.
echo "{$common, \"cohorts\": [{\"addresses\": [\"10.9.0.1-10.9.0.2\"]}], \"load\": {\"timeouts\": \"500ms\"}, \"lcores\": {\"senders\": 3}}" >rewrite.conf
"$staleflow" simulate rewrite.conf --trace first.pcapng --json rewrite.json --ledger ledger.jsonl >rewrite.txt 2>rewrite.err ||
	fail "rewrite: $(cat rewrite.err)"
check 'answered' 3000 "$(jq .totals.answered rewrite.json)"
check 'addresses' '10.9.0.1 10.9.0.2' "$(jq -r '.tuple | split(":")[0]' ledger.jsonl | sort -u | paste -sd ' ')"
check 'ports' "$(cut -d ' ' -f 3 first.queries | sort -u | wc -l)" "$(jq -r '.tuple | split(":")[1]' ledger.jsonl | sort -u | wc -l)"
grep -q '3000 queries of 3 clients from' rewrite.err || fail "what the trace holds: $(cat rewrite.err)"

# refused PATTERN FILE OPTIONS...
refused() {
	local pattern=$1 said
	shift
	said=$("$staleflow" simulate "$@" 2>&1 >/dev/null)
	[[ $? -eq 2 ]] || fail "$*: exit status is not 2"
	grep -qE -- "$pattern" <<<"$said" || fail "$*: no '$pattern' in: $said"
}
head -c 3000 first.pcapng >cut.pcapng
echo 'no capture' >text.pcap
refused 'cut.pcapng: packet [0-9]+ can.t be read' rewrite.conf --trace cut.pcapng
refused 'text.pcap: .*give a pcap or pcapng file' rewrite.conf --trace text.pcap
refused 'nowhere.pcap' rewrite.conf --trace nowhere.pcap
refused "speed 'fast' is no number" rewrite.conf --trace first.pcapng,speed=fast
echo '{"port": {"driver": "director"}, "service": {"address": "2001:db8::53"}, "cohorts": [{"addresses": ["2001:db8::1"]}]}' >ipv6.conf
refused 'none of the 3000 packets is a DNS query over IPv6' ipv6.conf --trace first.pcapng
refused 'a trace has its own queries' rewrite.conf --trace first.pcapng -Q 100
"$staleflow" check rewrite.conf --trace first.pcapng >checked 2>&1 || fail "check: $(cat checked)"
exit $failed
