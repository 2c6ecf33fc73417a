#!/bin/bash
# Every option of --help does what it says: each is used here in a real command, and its effect is looked for in the result, in what
# is said, or in the packets. At the end: no option and no command of --help was left out, and every key of the reference stands in
# the configuration that the unit tests check key by key (tests/unit/config/full.json).
. "$(dirname "$0")/_init.sh"

# simulate OPTIONS...: 0.2 s against the director model; result.json, output.log.
simulate() {
	used simulate "$@"
	"$build/app/staleflow" simulate --director -s 10.96.0.10 -l 0.2 --json result.json "$@" >output.log 2>error.log ||
		fail "simulate $*: $(< error.log)"
}

# run OPTIONS...: against NSD over the pair.
run() {
	used run "$@"
	"$build/app/staleflow" run -s 10.53.255.53 -l 0.3 -Q 1000 --max-lag 5s --json result.json "$@" >output.log 2>error.log ||
		fail "run $*: $(< error.log)"
}

result() {
	jq -r "$1" result.json
}

# expect JQ VALUE
expect() {
	assert_equal "$1" "$2" "$(result "$1")"
}

printf 'www.lab.test A\nwww.lab.test AAAA\ntxt.lab.test TXT\nwww.lab.test A\n' >queries
used --director

# --- what is asked ---
simulate -d queries
expect .totals.sent 200
expect .box.driver director
expect .rcodes.NOERROR 200
simulate --data queries --driver director
expect .totals.sent 200
"$build/app/staleflow" simulate --director -s 10.96.0.10 -l 0.2 --json result.json -d - <queries >output.log || fail 'queries from standard input'
expect .totals.sent 200
printf '\0\x1d\0\1\1\0\0\1\0\0\0\0\0\0\3www\7example\0\0\1\0\1' >binary
simulate -B -d binary
expect .totals.sent_bytes $((200 * (42 + 29)))
simulate --binary -d binary
expect .totals.sent_bytes $((200 * (42 + 29)))
simulate --generate example.com,AAAA,counting
expect .plan.queries.generate.labels counting
expect .totals.answered 200
plain=$(result '.totals.sent_bytes / 200')
octets() { # octets MORE OPTIONS...: how much longer each message is with them
	local more=$1
	shift
	simulate --generate example.com "$@"
	assert_equal "$*: octets more" "$more" "$(result ".totals.sent_bytes / 200 - $plain")"
}
octets 11 -e
octets 11 --edns --edns-size 4096
expect .plan.queries.edns_size 4096
octets 11 -D
octets 11 --dnssec-ok
octets 15 --nsid
expect '.backends | length' 2
octets 22 --subnet 192.0.2.0/24
octets 27 -E 65001:0102 -E 65002:010203040506
octets 17 --edns-option 65001:0102

# --- when and how much ---
simulate --generate example.com -Q 5k
expect .totals.sent 1000
simulate --generate example.com --rate '0.1s 0 1000, forever 1000'
expect .totals.sent 150
printf '0.1s 0 1000\nforever 1000\n' >profile
simulate --generate example.com --profile profile
expect .totals.sent 150
simulate --generate example.com -q 7 -v
[[ $(result '.totals.sent') -gt 1000 ]] || fail "a window of 7 sent $(result .totals.sent)"
assert_match '-v' 'EAL: ' "$(< error.log)"
simulate --generate example.com --window 7 --verbose -Q 5k
expect .totals.sent 1000
assert_match '--verbose' 'EAL: ' "$(< error.log)"
simulate --generate example.com -c 3
expect .plan.load.slots 3
[[ $(result '.totals.sent') -gt 300 ]] || fail "three slots sent $(result .totals.sent)"
simulate --generate example.com --slots 3
expect .plan.load.slots 3
simulate --generate example.com -Q 5k -l 100ms
expect .totals.sent 500
simulate --generate example.com --duration 100ms
expect .totals.sent 100
simulate --generate example.com --count 123 -l 10
expect .totals.sent 123
simulate -d queries -n 3 -l 10
expect .totals.sent 12
simulate -d queries --runs 4 -l 10
expect .totals.sent 16
simulate --generate example.com -t 1s,500ms
expect '[.timeouts[].timeout_ms] | tostring' '[1000,500]'
simulate --generate example.com --timeout 20ms
expect '[.timeouts[].timeout_ms] | tostring' '[20]'
simulate --generate example.com --max-lag 1ms
expect .plan.load.max_lag 1ms

# --- from which tuples ---
simulate --generate example.com -a 10.1.0.1-10.1.0.4 -x 5000-5004,!5002 --policy sequential
expect '.cohorts[0].tuples' 16
expect '.cohorts[0].policy' sequential
expect '[.reuse_age[] | select(.first_use == true or .age_low_s == null) | .sent] | add' 16
simulate --generate example.com --source 10.1.0.1 --source-ports 5000-5999 --policy interval --reuse 50ms
expect '[.reuse_age[] | select(.age_low_s != null) | .age_low_s <= 0.05 and .age_high_s > 0.05] | all' true
simulate --generate example.com --policy sticky --queries-per-use 5 --reuse 10s -x 1024-9999
expect '[.reuse_age[] | select(.age_low_s == null) | .sent] | add' 40
simulate --generate example.com --seed 7
cp result.json seven.json
simulate --generate example.com --seed 7
cmp -s result.json seven.json || fail 'the same seed gave other bytes'
simulate --generate example.com --seed 8
cmp -s result.json seven.json && fail 'another seed gave the same bytes'

# --- what is written ---
simulate --generate example.com --csv result.csv --jsonl result.jsonl --interval 50ms --histogram
expect .interval_s 0.05
assert_equal 'rows of the CSV' 5 "$(wc -l <result.csv)"
[[ $(jq -s '[.[] | select(.type == "interval")] | length' result.jsonl) -ge 4 ]] || fail 'intervals of 50 ms'
assert_match '--histogram' '#histogram [0-9.]+ [0-9]+' "$(< output.log)"
used --json
"$build/app/staleflow" simulate --director -s 10.96.0.10 -l 0.2 --generate example.com --json - | jq -e .totals.sent >/dev/null ||
	fail '--json -'
simulate --generate example.com --ledger ledger.csv --pcap capture.pcapng
assert_equal 'queries in the ledger' 200 "$(awk -F, 'NR > 1 {sent += $3} END {print sent}' ledger.csv)"
expect .plan.output.pcap capture.pcapng
for help in -h --help; do
	used "$help"
	assert_match "$help" 'Usage: staleflow run ' "$("$build/app/staleflow" run $help)"
done

# --- lcores ---
simulate --generate example.com --senders 3 --receivers 1
expect .box.senders 3
expect .totals.answered 200
jq 'del(.plan, .plan_digest, .box)' result.json >one.json
simulate --generate example.com --senders 3 --receivers 2
expect .box.receivers 2
jq 'del(.plan, .plan_digest, .box)' result.json >two.json
cmp -s one.json two.json || fail "two receivers count something else than one: $(diff one.json two.json | head)"
simulate --generate example.com --senders 3 --combined
expect .box.receivers 3
jq 'del(.plan, .plan_digest, .box)' result.json >three.json
cmp -s one.json three.json || fail "combined lcores count something else: $(diff one.json three.json | head)"
assert_match 'check --combined' '2: sender 1 receiver 1 \(queue 1\)' \
	"$("$build/app/staleflow" check --iface lo -s 10.96.0.10 -a 10.0.0.1 --generate example.com --senders 2 --combined)"
used run --lcores --memory --huge --eal
"$build/app/staleflow" run --director -s 10.96.0.10 -l 0.2 --generate example.com --json result.json --lcores '0@0,5@0' --memory 300 \
	--huge off -v --eal '--log-level=lib.eal:debug' >output.log 2>error.log || fail "lcores: $(< error.log)"
expect .plan.lcores.map '0@0,5@0'
expect .box.hugepages false
assert_match '--eal' 'EAL: .*lcore' "$(cat output.log error.log)"
assert_match '--memory' 'reserved for DPDK .* 300 MiB' \
	"$("$build/app/staleflow" check --director -s 10.96.0.10 --generate example.com --memory 300)"
used --progress -S
for option in -S --progress; do
	script -qec "$build/app/staleflow run --director -s 10.96.0.10 -l 0.5 --generate example.com $option 100ms" /dev/null >terminal.log
	[[ $(tr '\r' '\n' <terminal.log | grep -c 'q/s') -ge 3 ]] || fail "$option: no status lines: $(< terminal.log)"
done

# --- the port: what is on the wire ---
make_pair
start_nsd
on_wire() { # on_wire FIELD...: the different values of tshark's fields in the queries captured
	local field fields=()
	for field; do
		fields+=(-e "$field")
	done
	tshark -r wire.pcap -Y 'dns.flags.response == 0' -T fields "${fields[@]}" 2>/dev/null | sort -u | tr '\t\n' ' ;'
}
captured() { # captured OPTIONS...: run, and capture
	start_capture "$work/wire.pcap"
	run -d queries "$@"
	stop_capture
}
captured --iface client --driver af_packet -a 10.53.1.1 -x 4000 --policy sequential
expect .totals.answered 300
assert_equal 'source and destination' '10.53.1.1 4000 10.53.255.53 53;' "$(on_wire ip.src udp.srcport ip.dst udp.dstport)"
captured --iface client --source-mac 02:00:00:00:aa:01 -a 10.53.1.2
expect .totals.answered 300
assert_equal 'source MAC' '02:00:00:00:aa:01;' "$(on_wire eth.src)"
captured --iface client --mac 02:00:00:00:bb:02 -p 5353 -t 100ms
assert_equal 'next hop, port' '02:00:00:00:bb:02 5353;' "$(on_wire eth.dst udp.dstport)"
expect .totals.lost 300
captured --iface client --vlan 42 --mac 02:00:00:00:bb:02 --port 53 -t 100ms
assert_equal 'VLAN' '42;' "$(on_wire vlan.id)"
in_server ip address add 10.53.77.1/16 dev server
run --server 10.99.0.1 -d queries --iface client --gateway 10.53.77.1 -t 100ms
expect .plan.service.gateway 10.53.77.1
run -d queries --iface client -f inet
expect .totals.answered 300
run -d queries --iface client --family inet6 -s fd00:53::53
expect .totals.answered 300
run -d queries --iface client --rx-queues 2
expect .totals.answered 300
expect .plan.port.receive_queues 2
run -d queries --iface client --senders 2 --receivers 2 --steering software
expect .totals.answered 300
expect .plan.port.steering software
expect .box.steering software
expect .box.steering_refused null
run -d queries --iface client --offload off
expect .plan.port.offload off
used --device --pci
assert_match '--device' 'over device net_null0' "$("$build/app/staleflow" check --device net_null0 -s 10.0.0.53 -a 10.0.0.1 -d queries)"
assert_match '--pci' 'over pci 0000:3b:00.0' "$("$build/app/staleflow" check --pci 0000:3b:00.0 -s 10.0.0.53 -a 10.0.0.1 -d queries)"
in_server ethtool -K server tx on >/dev/null # from here on the server's checksums are unfinished ones
run -d queries --iface client --verify on -t 100ms
expect '.totals.bad_checksum > 200' true
run -d queries --iface client --verify off
expect .totals.answered 300

# --- commands that take results ---
"$build/app/staleflow" compare seven.json result.json >output.log || fail "compare: $(< output.log)"
assert_match 'compare' 'seven.json.*result.json' "$(tr '\n' ' ' <output.log)"
"$build/app/staleflow" merge merged.json seven.json seven.json 2>error.log || fail "merge: $(< error.log)"
assert_equal 'merged' "$(jq '2 * .totals.sent' seven.json)" "$(jq .totals.sent merged.json)"

# --- plan: which run shows it ---
plan() { # plan PATTERN OPTIONS...: says it
	local pattern=$1
	shift
	for word; do
		[[ $word == -* ]] && printf '%s\n' "$word" >>used.plan
	done
	"$build/app/staleflow" plan "$@" >output.log 2>error.log || fail "plan $*: $(< error.log)"
	assert_match "plan $*" "$pattern" "$(tr -s ' ' <output.log)"
}
for help in -h --help; do
	plan 'Usage: staleflow plan ' $help
done
plan 'Given: 2000 q/s from 28232 source ports, UDP timeout 300 s, 2 servers, HZ 250' -Q 2k
plan 'Given: 2000 q/s from 100 source ports, UDP timeout 10 s, 4 servers, HZ 100' --rate 2k -T 10s -k 4 -P 100 --hz 100
plan 'from 200 source ports, UDP timeout 20 s, 3 servers' -Q 2k --udp-timeout 20s --servers 3 --tuples 200
plan '>= 5.9\) 50 % 110 at' -Q 100k --flush-delay 2ms --service-time 200us
plan '>= 5.9\) 50 % 600 at' -Q 100k --flush-delay 2ms --service-time 10ms
for show in kept lazy flush weight-zero dead-listed timeout; do
	plan 'To show: ' -Q 1k --show $show
done
plan 'for a power of 0.5 at 99 % confidence' -Q 1k --show kept --power 0.5 --confidence 0.99
ports() {
	sed -n 's/.*: \([0-9]*\) source ports$/\1/p' output.log
}
plan 'To show' -Q 1k --show timeout --within 0.1
few=$(ports)
plan 'To show' -Q 1k --show timeout --within 0.01
[[ $(ports) -gt $few ]] || fail "--within: $(ports) ports for a hundredth, $few for a tenth"
plan 'To show' -Q 1k --show kept
few=$(ports)
plan 'To show' -Q 1k --show kept --background 0.2
[[ $(ports) -gt $few ]] || fail "--background: $(ports) ports, $few without"

# --- a capture again, and in half the time ---
start_capture "$work/wire.pcap" 'udp dst port 53'
run -d queries --iface client --verify off --policy sequential -x 5000-5999
stop_capture
used simulate --trace
for speed in 1 2; do
	"$build/app/staleflow" simulate --director -s 10.96.0.10 --trace wire.pcap,speed=$speed --json speed$speed.json >output.log \
		2>error.log || fail "simulate --trace: $(< error.log)"
done
assert_equal 'queries of the capture' 300 "$(jq .totals.sent speed2.json)"
assert_equal 'half the time' true "$(jq -s '.[0].sending_s / .[1].sending_s | . > 1.9 and . < 2.1' speed1.json speed2.json)"

# --- nothing was left out ---
missing=$("$build/app/staleflow" plan --help | grep -oE '^ +(-.|  )[ ,] *(--[a-z-]+)?' | grep -oE -- '-+[a-zA-Z][a-z-]*' | sort -u |
	comm -23 - <(sort -u used.plan))
assert_equal 'options of plan --help without a test here' '' "$missing"
"$build/app/staleflow" run --help >help
assert_all_used 60 <help

"$build/app/staleflow" --help | sed -n 's/^  staleflow \([a-z]*\) .*/\1/p' | while read -r command; do
	# "run" and "simulate" by their functions above; the others by their names.
	grep -rqE "staleflow\"? $command |^used $command|used $command " "$top"/tests/cli/*.sh "$top"/tests/netns/*.sh ||
		echo "$command"
done >commands
assert_equal 'commands without a test' '' "$(< commands)"

# A unit test checks that each key of full.json, and no other, fills its field.
"$build/app/staleflow" schema --reference | sed -n 's/^| `\([a-z_.[]*[]a-z_.[]*\)` |.*/\1/p' | sort -u >keys
[[ $(wc -l <keys) -gt 90 ]] || fail "only $(wc -l <keys) keys in the reference"
jq -r '[paths | map(if type == "number" then "[]" else "." + . end) | join("")[1:]] | .[]' "$top/tests/unit/config/full.json" |
	sort -u >full
assert_equal 'keys of the reference without a test' '' "$(comm -23 keys full)"
