#!/bin/bash
# However a run ends, what is on disk is valid: interrupted, interrupted twice, killed, with a full disk, with nobody to read its output.
# And the same simulation gives the same bytes.
. "$(dirname "$0")/../netns/_init.sh"

identity='.sent == .answered + .refused + .lost + .outstanding'
# A port that swallows all it is given: every query stays in flight until its timeout.
hole=(--device 'net_null0,no-rx=1' -s 10.0.0.53 -a 10.0.0.1 --mac 02:00:00:00:00:02 --generate example.com -Q 1000)

lines() { # lines N: so many intervals are on disk
	[[ $(grep -c '"interval"' lines.jsonl) -ge $1 ]]
}
start() { # start OPTIONS...: in the background, until its first intervals are on disk
	rm -f result.json lines.jsonl
	"$build/app/staleflow" run "$@" --json result.json --jsonl lines.jsonl --interval 100ms >output.log 2>error.log &
	process=$!
	wait_for 20 lines 3
}
finish() { # finish STATUS: the process ends with it
	wait "$process"
	assert_equal 'exit status' "$1" "$?"
	jq -e . result.json >/dev/null || fail 'no valid JSON'
	assert_equal 'the identity' true "$(jq ".totals | $identity" result.json)"
	assert_equal 'interrupted' true "$(jq .interrupted result.json)"
	assert_equal 'the last line' summary "$(tail -n 1 lines.jsonl | jq -r .type)"
	assert_match 'the text says so' 'Interrupted: ' "$(< output.log)"
	assert_equal 'errors' '' "$(< error.log)"
}

# --- one signal: no more queries, the answers in flight are waited for, a full report ---
for signal in INT TERM; do
	start --director -s 10.96.0.10 --generate example.com -Q 5000 -l 600
	kill -$signal "$process"
	finish 0
	assert_equal "$signal: outstanding" 0 "$(jq .totals.outstanding result.json)"
done
# --- while waiting for answers that never come, a second signal ends it at once ---
start "${hole[@]}" -l 600 -t 300s
kill -INT "$process"
sleep 0.3
[[ -d /proc/$process ]] || fail 'one signal should wait for the answers'
kill -INT "$process"
finish 0
assert_equal 'all in flight' "$(jq .totals.sent result.json)" "$(jq .totals.outstanding result.json)"

# --- killed: the lines that are there are whole and true ---
start --director -s 10.96.0.10 --generate example.com -Q 5000 -l 600
kill -KILL "$process"
wait "$process" 2>/dev/null
jq -e . lines.jsonl >/dev/null || fail 'a line is not JSON'
assert_equal 'the identity in every line' true "$(jq -s "[.[] | select(.type == \"interval\") | .totals | $identity] | all" lines.jsonl)"
[[ $(jq -s 'map(select(.type == "interval")) | last.totals.sent' lines.jsonl) -gt 500 ]] || fail 'hardly a query in the lines'

# --- the disk is full: said once a file, the run goes on, and the exit status tells ---
mkdir small && mount -t tmpfs -o size=8k none small
"$build/app/staleflow" run --director -s 10.96.0.10 --generate example.com -Q 1000 --max-lag 5s -l 2 --interval 50ms --jsonl small/lines --json small/result \
	--csv result.csv >output.log 2>error.log
assert_equal 'full disk: exit status' 1 $?
assert_equal 'full disk: said of the lines' 1 "$(grep -c "jsonl.*can't write .*No space left on device; the run goes on" error.log)"
[[ $(wc -l <error.log) -le 3 ]] || fail "said too much: $(< error.log)"
head -n -1 small/lines | jq -e . >/dev/null || fail 'lines before the disk was full'
assert_match 'full disk: the report' 'Queries sent: +2000' "$(< output.log)"
[[ $(wc -l <result.csv) -gt 30 ]] || fail 'the other report'
umount small
"$build/app/staleflow" simulate --director -s 10.96.0.10 --generate example.com -l 1 --json /dev/full >output.log 2>error.log
assert_equal 'full disk at the end: exit status' 1 $?
assert_match 'full disk at the end' 'staleflow: .*/dev/full.*No space left' "$(< error.log)"
assert_match 'full disk at the end: the report' 'Queries sent: +1000' "$(< output.log)"

# --- nobody reads standard output: the files are whole ---
first=$("$build/app/staleflow" simulate --director -s 10.96.0.10 --generate example.com -l 1 --json result.json 2>error.log | head -n 1)
assert_match 'the first line' 'Statistics' "$first"
assert_equal 'a closed pipe' 1000 "$(jq .totals.sent result.json)"
"$build/app/staleflow" simulate --director -s 10.96.0.10 --generate example.com -l 1 --json result.json >&- 2>error.log
assert_equal 'no standard output' 1000 "$(jq .totals.sent result.json)"
[[ $(wc -l <error.log) -le 1 ]] || fail "said too much: $(< error.log)"

# --- the same simulation, the same bytes ---
for plan in demo-before demo-after; do
	for turn in 1 2; do
		"$build/app/staleflow" simulate "$top/configs/$plan.json" --json result.json --jsonl lines.jsonl --csv result.csv >text 2>error.log ||
			fail "simulate $plan"
		sha256sum result.json lines.jsonl result.csv text >sums.$turn
	done
	cmp -s sums.1 sums.2 || fail "$plan: $(diff sums.1 sums.2)"
done
