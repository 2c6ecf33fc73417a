# Sourced by lab_conformance_*.sh: the conformance list's steps (tests/conformance/items) on a real ip_vs. LAB_HZ is the director
# kernel's HZ where it isn't User-Mode Linux's 100. See docs/conformance.md.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/_init.sh"
need_ip_vs

# hold_items RANGE
hold_items() {
	"$top/scripts/lab" run --server "$build/tests/conformance/peer" --backends 4 --conntrack 1 --expire-nodest 0 -- bash -c '
		ip address add 10.0.0.3/16 dev gen
		ip address add fd00:10::3/64 dev gen nodad
		exec "$@"' bash "$build/tests/conformance/suite" "$top/tests/conformance/items" kernel "$top/scripts/lab" "$1"
}
