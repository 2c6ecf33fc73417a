#!/bin/bash
# Bad input ends with exit status 2 and one line that names the place, says what was found and how to mend it; nothing is half done:
# no file is begun, no packet sent. Configuration files have their own golden errors (tests/invalid).
. "$(dirname "$0")/../netns/_init.sh"

cases=0
# refuse PATTERN WORDS...: the command, and what its line begins with (an extended regular expression).
refuse() {
	local pattern=$1 status
	shift
	mkdir -p folder
	"$build/app/staleflow" "$@" >folder.out 2>folder.err </dev/null
	status=$?
	assert_equal "$*: exit status" 2 "$status"
	assert_equal "$*: lines on standard error" 1 "$(wc -l <folder.err)"
	assert_match "$*" "^staleflow: $pattern" "$(< folder.err)"
	assert_equal "$*: standard output" '' "$(< folder.out)"
	assert_equal "$*: files begun" '' "$(ls folder)"
	cases=$((cases + 1))
}
printf 'www.lab.test A\n' >queries
printf 'www.lab.test A\nwww.lab.test BOGUS\n' >bad-type
printf 'www..lab.test A\n' >bad-name
printf 'www.lab.test\n' >short
printf '\0\x50www' >cut
model=(--director -s 10.96.0.10 -d queries -Q 10 -l 0.2)
wire=(-s 10.53.255.53 -d queries -Q 10 -l 0.2 --json folder/json --jsonl folder/jsonl --csv folder/csv --ledger folder/ledger)

# --- words ---
refuse "there is no command 'rum'; there is: run, simulate" rum
refuse '--bogus: there is no such option; --help lists them' run --bogus
refuse '-Y: there is no such option; --help lists them' run -Y
refuse '--json: the option needs an argument' run --json
refuse '-Q: the option needs an argument' run -Q
refuse '--nsid: the option takes no argument' run --nsid=3
refuse "'two.json' is one word too many: give at most one configuration file" run one.json two.json
refuse '-c: window \(-q\) and slots \(-c\) exclude each other; give one' run "${model[@]}" -c 3 -q 4
refuse '-x: port range 5-3 runs backwards; write the lower end first' run "${model[@]}" -x 5-3
refuse '-t: ' run "${model[@]}" -t soon
refuse '-Q: ' run "${model[@]}" -Q fast
refuse '--memory: found 1; allowed is an integer of 16 to ' run "${model[@]}" --memory 1
refuse "'--bogus' is no option of 'schema'; it takes --reference, --man run, --man director or nothing" schema --bogus
refuse "'plan' is no option of 'schema'" schema --man plan
refuse "'compare' needs 2 files at least and got 1" compare one.json
refuse 'nowhere.json: ' compare nowhere.json nowhere.json
refuse "queries:1:3: .*give a result that a run wrote with --json" merge folder/all.json queries queries
refuse 'nowhere.json: can.t be opened: No such file or directory' check nowhere.json
refuse 'command line: \$\.port: no port is given; give a network interface \(--iface\)' run -s 10.0.0.1 -d queries
refuse 'a simulation needs the director model: .*--director' simulate --device net_null0 -s 10.0.0.1 -a 10.0.0.2 -d queries
refuse 'command line: \$\.cohorts\[0\]: policy interval .* needs 100000 tuples at 1000 q/s and has 28232; ' \
	run --director -s 10.96.0.10 -d queries --policy interval --reuse 100s

# --- files ---
refuse "bad-type:2:14: 'BOGUS' is not a query type" simulate --director -s 10.96.0.10 -d bad-type
refuse "bad-name:1:1: 'www..lab.test' has an empty label" simulate --director -s 10.96.0.10 -d bad-name
refuse 'short:1:' simulate --director -s 10.96.0.10 -d short
refuse 'cut:1: record 1 at octet 0 is cut short' simulate --director -s 10.96.0.10 -B -d cut
refuse "nowhere: can't open the query file: No such file or directory" run --director -s 10.96.0.10 -d nowhere
refuse "/run: can't read the query file: Is a directory" run --director -s 10.96.0.10 -d /run
refuse '/dev/null: the query file has no query; it needs at least one line NAME TYPE' run --director -s 10.96.0.10 -d /dev/null
refuse "nowhere: can't open the rate profile: No such file or directory" run --director -s 10.96.0.10 -d queries --profile nowhere
refuse "queries:1:1: 'www.lab.test A' is no rate|queries:1:" run --director -s 10.96.0.10 -d queries --profile queries
for option in json jsonl csv ledger; do
	refuse "--$option: can't write 'nowhere/file': No such file or directory" run "${model[@]}" --$option nowhere/file
	refuse "--$option: can't write '/run': Is a directory" run "${model[@]}" --$option /run
done

# --- the box ---
refuse '--huge: 1048576 MiB of hugepages are needed and [0-9]+ MiB are free; reserve them \(echo [0-9]+ > ' \
	run "${model[@]}" --huge on --memory 1048576
refuse 'EAL: DPDK does not start \(invalid parameter for --lcores\)' run "${model[@]}" --lcores bogus
refuse 'EAL: DPDK does not start \(core [0-9]+ unavailable\)' run "${model[@]}" --lcores 0@0,1@1023
refuse "--lcores: the map '0@0' has 1 lcore; two are the least" run "${model[@]}" --lcores 0@0
refuse "EAL: DPDK does not start \(.*unrecognized option '--bogus'\)" run "${model[@]}" --eal --bogus
refuse '--senders: 17 senders need a queue each' run "${model[@]}" --senders 17

# --- ports ---
make_pair
refuse "--iface: there is no interface 'nowhere' here; there is: lo, client" run --iface nowhere "${wire[@]}"
refuse '0000:00:1f.9: no DPDK port at this PCI address. Network controllers here: .*vfio-pci' \
	run --pci 0000:00:1f.9 -a 10.53.0.1 --mac 02:00:00:00:00:02 "${wire[@]}"
refuse 'EAL: DPDK does not start \(failed to parse device "nowhere"\)' run --pci nowhere -a 10.53.0.1 "${wire[@]}"
refuse "net_nowhere0: DPDK can't open this device: failed to parse .* Drivers installed: .*net_null" \
	run --device net_nowhere0 -a 10.53.0.1 "${wire[@]}"
refuse '(-f|command line): ' run --iface client -f inet6 "${wire[@]}"
refuse "--gateway: the kernel has no route to 2001:db8::1 out of 'client'; give the next hop with --gateway" \
	run --iface client "${wire[@]}" -s 2001:db8::1
ip link add bare type veth peer name end
refuse 'bare: the interface is down; bring it up \(ip link set bare up\)' run --iface bare -a 10.54.0.1 "${wire[@]}"
ip link set bare up
refuse "-a: interface 'bare' has no IPv4 address to send from; give source addresses with -a" run --iface bare "${wire[@]}"
cat >quick.json <<'PLAN'
{"port": {"link_timeout": "200ms"}, "service": {"resolve_timeout": "600ms"}}
PLAN
refuse "bare: no link after 0.2 s; check the cable or the peer's interface" run quick.json --iface bare -a 10.54.0.1 "${wire[@]}"
refuse '--server: the next hop 10.53.9.9 did not answer [0-9]+ ARP requests in 0.6 s \(untagged\); .*\(--mac\)' \
	run quick.json --iface client "${wire[@]}" -s 10.53.9.9
refuse '--gateway: the next hop 10.53.9.8 did not answer [0-9]+ ARP requests in 0.6 s \(VLAN 7\)' \
	run quick.json --iface client "${wire[@]}" --gateway 10.53.9.8 --vlan 7
refuse '--server: the next hop fd00:53::9 did not answer [0-9]+ neighbour solicitations' \
	run quick.json --iface client "${wire[@]}" -s fd00:53::9
printf 'a-name-that-takes-more-room-than-others.www.lab.test A\n' >long
ip link set client mtu 68
refuse "the longest query has 70 octets, with IP and UDP 98, and the port's MTU is 68; shorten it" \
	run --iface client "${wire[@]}" -d long
ip link set client mtu 1500

# --- DPDK's drivers are not installed ---
drivers=$(pkg-config --variable=driverdir libdpdk 2>/dev/null)
[[ -d $drivers ]] || drivers=$(echo /usr/lib/*/dpdk/pmds-*)
if [[ -d $drivers ]]; then
	mkdir without && cp -a "$drivers"/* without && rm without/librte_net_af_packet*
	mount --bind without "$drivers"
	refuse "net_af_packet0,.*: DPDK can't open this device: .* Its driver comes with Debian's librte-net-af-packet" \
		run --iface client "${wire[@]}"
	umount "$drivers"
fi
echo "$cases refused"
