# Sourced first by every network test. Runs the test again as the first process of network, mount and process namespaces of its
# own: when it ends, however it ends, the kernel takes down all that it started, made or mounted. Gives it:
#   $top, $build      the source tree and the build directory (STALEFLOW_BUILD overrides it)
#   $work             an empty directory that goes away with the test
#   $slowness         how many times slower than a real machine this one may be (scripts/machine emulates its processors)
# and the functions below. Exit status 77 means "skipped".
# shellcheck shell=bash
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${STALEFLOW_BUILD:-$top/build}

slowness=${STALEFLOW_SLOWNESS:-1}

skip() {
	echo "skipped: $*"
	exit 77
}

if [[ $$ -ne 1 ]]; then
	enter=(unshare --net --mount --pid --fork --kill-child --mount-proc)
	[[ $(id -u) -eq 0 ]] || enter+=(--map-root-user)
	"${enter[@]}" true 2>/dev/null || skip 'no right to make namespaces here'
	exec "${enter[@]}" "$(readlink -f "$0")" "$@"
fi

set -u -o pipefail
trap 'exit 130' INT
trap 'exit 143' TERM
mount -t sysfs none /sys # the interfaces of this namespace
mount -t tmpfs none /run # the names of namespaces, and what DPDK keeps in /run
work=/run/test
mkdir -p "$work" /run/netns
cd "$work" || exit 1
ip link set lo up

fail() {
	echo "FAILED: $*" >&2
	local log
	for log in "$work"/*.log; do
		[[ -s $log ]] && { echo "--- the end of ${log##*/}:"; tail -n 20 "$log"; } >&2
	done
	exit 1
}

# wait_for SECONDS COMMAND...: polls until the command succeeds, and fails the test at the deadline.
wait_for() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * slowness * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[[ ${EPOCHREALTIME/./} -lt $deadline ]] || fail "waited in vain for: $*"
		sleep 0.02
	done
}

# assert_equal WHAT EXPECTED FOUND
assert_equal() {
	[[ $2 == "$3" ]] || fail "$1: expected \"$2\", found \"$3\""
}

# assert_match WHAT PATTERN FOUND: FOUND matches the extended regular expression.
assert_match() {
	[[ $3 =~ $2 ]] || fail "$1: nothing like \"$2\" in \"$3\""
}

# undisturbed ARGUMENTS...: `attempt ARGUMENTS...` of the test's own. A machine that is busy with something else may skip or lose some: that
# run says so itself, and is made again, three times at most.
undisturbed() {
	attempt "$@" || attempt "$@" || attempt "$@" || fail "three runs in which the box itself was too slow: $(tail -n 3 run.log)"
}

# need_ip_vs: for tests that use scripts/lab: the kernel's own ip_vs, or User-Mode Linux's.
need_ip_vs() {
	[[ -e /proc/net/ip_vs ]] || modprobe -q ip_vs 2>/dev/null && return
	command -v linux.uml >/dev/null || skip 'neither ip_vs nor user-mode-linux'
	[[ -c /dev/net/tun ]] || skip 'no /dev/net/tun'
}

# make_pair [NAMESPACE]: a namespace (server) joined to the test's by a veth pair named "client" here and "server" there, with
# 10.53.0.1/16, fd00:53::1/64 here and 10.53.255.53/16, fd00:53::53/64 there. Checksums are real on both.
make_pair() {
	server=${1:-server}
	ip netns add "$server"
	ip link add client type veth peer name server netns "$server"
	configure_end client 10.53.0.1/16 fd00:53::1/64
	ip netns exec "$server" bash -c "$(declare -f configure_end)
		ip link set lo up; configure_end server 10.53.255.53/16 fd00:53::53/64"
	wait_for 5 eval '[[ $(ip -o link show client) == *"state UP"* ]]'
}

configure_end() {
	sysctl -qw "net.ipv6.conf.$1.router_solicitations=0" "net.ipv6.conf.$1.accept_dad=0"
	ethtool -K "$1" tx off rx off tso off gso off gro off >/dev/null 2>&1
	ip address add "$2" dev "$1"
	ip address add "$3" dev "$1" nodad
	ip link set "$1" up
}

# in_server COMMAND...: runs it in make_pair's namespace.
in_server() {
	ip netns exec "$server" "$@"
}

# start_nsd [NSID]: NSD in the server's namespace, one server process, no rate limit, zones as scripts/nsd-config writes them.
start_nsd() {
	"$top/scripts/nsd-config" "$work/nsd" "${1:-server}" 10.53.255.53 fd00:53::53
	ip netns exec "$server" nsd -d -c "$work/nsd/nsd.conf" >"$work/nsd.log" 2>&1 &
	nsd_pid=$!
	wait_for 10 nsd-control -c "$work/nsd/nsd.conf" status
}

# nsd_count NAME: a counter of NSD's, as num.queries, num.udp or num.type.A.
nsd_count() {
	nsd-control -c "$work/nsd/nsd.conf" stats_noreset | sed -n "s/^$1=//p"
}

# start_capture FILE [FILTER]: the server's interface into a pcap file; stop_capture ends and completes it.
start_capture() {
	ip netns exec "$server" tcpdump -i server -B 131072 -s 2048 -Z root -w "$1" ${2:+"$2"} 2>"$work/tcpdump.log" &
	capture_pid=$!
	wait_for 10 grep -q 'listening on' "$work/tcpdump.log"
}

# Whether tcpdump has written all that its filter let through, by the counts that it prints at SIGUSR1.
capture_complete() {
	kill -USR1 "$capture_pid"
	tail -n 3 "$work/tcpdump.log" | tr '\n' ' ' |
		grep -qE '(^| )([0-9]+) packets captured.* \2 packets received by filter.* 0 packets dropped'
}

stop_capture() {
	wait_for 10 capture_complete
	kill "$capture_pid"
	wait "$capture_pid"
}
