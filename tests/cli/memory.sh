#!/bin/bash
# What `check` says of memory is what a run takes, within a tenth, and a million tuples at a million queries a second with a timeout of
# 5 s take less than 1 GiB. The port swallows all that it is given, so every query stays in flight for its whole timeout.
. "$(dirname "$0")/../netns/_init.sh"

printf 'www.example.com A\n' >queries

# measure OPTIONS...: MiB that check predicts and that the run has had resident at the most.
measure() {
	local plan=(--device 'net_null0,no-rx=1' -s 10.0.0.53 --mac 02:00:00:00:00:02 -d queries -a 10.1.0.1-10.1.0.20 -x 10000-59999
		-Q 1M -l 9 --huge off "$@")
	local predicted resident process
	rm -f lines.jsonl
	predicted=$("$build/app/staleflow" check "${plan[@]}" | sed -n 's/^ *together *\([0-9]*\) MiB$/\1/p')
	"$build/app/staleflow" run "${plan[@]}" --json result.json --jsonl lines.jsonl >run.log 2>&1 &
	process=$!
	# 9 s of sending, and all of the first 8 s' places in the queue of timeouts have been used.
	wait_for 60 eval '[[ $(grep -c "\"interval\"" lines.jsonl) -ge 9 ]]'
	resident=$(($(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB$/\1/p' "/proc/$process/status") / 1024))
	kill "$process"
	wait "$process" || fail "staleflow run $*"
	echo "$*: predicted $predicted MiB, resident $resident MiB, $(jq .totals.sent result.json) queries sent"
	assert_equal 'tuples' 1000000 "$(jq '.cohorts[0].tuples' result.json)"
	[[ $resident -lt 1024 ]] || fail "$resident MiB are resident"
	[[ $((predicted * 10)) -ge $((resident * 9)) && $((predicted * 10)) -le $((resident * 11)) ]] ||
		fail "check says $predicted MiB, the run had $resident MiB"
}

measure -t 5s --policy sequential
measure -t 5s --policy linux
