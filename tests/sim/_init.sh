# Sourced first by tests of what simulations say: a folder of their own, which goes with them, and how to say what is wrong. A test goes
# on after a failure and ends with `exit $failed`.
# shellcheck shell=bash disable=SC2034
set -u -o pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${STALEFLOW_BUILD:-$top/build}
staleflow=$build/app/staleflow
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# check WHAT EXPECTED FOUND
check() {
	[[ $2 == "$3" ]] || fail "$1: expected $2, found $3"
}

# run_simulation NAME: of NAME.conf, with NAME.json, NAME.txt and NAME.err; without it there is nothing to test.
run_simulation() {
	"$staleflow" simulate "$1.conf" --json "$1.json" >"$1.txt" 2>"$1.err" || {
		fail "simulate $1: $(cat "$1.err")"
		exit 1
	}
}
