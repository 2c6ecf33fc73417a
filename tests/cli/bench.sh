#!/bin/bash
# scripts/bench: what it can't do it says in one line, before anything is measured; every table of it has a place in the docs.
set -u -o pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
bench=$top/scripts/bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# refuses STATUS PATTERN COMMAND...: the command's last line is like the pattern, and no traceback comes with it.
refuses() {
	local wanted=$1 pattern=$2 said status
	shift 2
	said=$("$@" 2>&1)
	status=$?
	if [[ $status -ne $wanted || $(tail -n 1 <<<"$said") != $pattern || $said == *Traceback* ]]; then
		echo "$*: status $status, said: $said; expected $wanted and \"$pattern\""
		failed=1
	fi
}

refuses 2 "*no benchmark 'nothing'; there are: generate, *" "$bench" nothing
refuses 2 '*--rounds is 1 or more*' "$bench" --rounds 0 generate
refuses 1 "bench: there is no $work/tests/bench/bench_match; build it (*" "$bench" --build "$work" match
# Without the tools that it compares with.
python=$(python3 -c 'import sys; print(sys.executable)')
refuses 1 'bench: there is no dpdk-testpmd here, which Debian has in its package dpdk-dev; install it with scripts/setup --bench' \
	env PATH="$work" "$python" "$bench" generate
refuses 1 'bench: there is no kxdpgun here, *' env PATH="$work" "$python" "$bench" wire-sink

# What --doc writes has its marks.
tables=$(cd "$top/scripts/bench.d" && python3 -B - <<'TABLES'
import re
for name in ("null", "pace", "loop", "wire", "roofline"):
    text = open(name + ".py").read()
    print(*re.findall(r'(?:bench\.table|bench\.compare)\("([\w-]+)"', text))
TABLES
)
for table in $tables; do
	[[ $table == wire- || $table == scale-senders ]] && continue # a name's beginning; only with --apart
	grep -q "^<!-- bench $table -->\$" "$top/docs/performance.md" || {
		echo "docs/performance.md: no place for the table $table"
		failed=1
	}
done
exit $failed
