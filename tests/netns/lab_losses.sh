#!/bin/bash
# Staleflow sees on a real ip_vs what it is made to see: silence after a removal that ends T after a port's last use; a flush that
# loses nothing but what was in flight, answered by the wrong source; endless loss at weight 0 with a dead pod; refusals by a closed
# port; half of all lost by a dead server that is still listed. And the concentration of flows in a rolling update of two: half of them, then three quarters, on the model as well.
. "$(dirname "$0")/_init.sh"
need_ip_vs
. "$top/tests/conformance/losses.bash"

# assert_between WHAT LOW HIGH FOUND
assert_between() {
	echo "$1: $4 (expected $2 to $3)"
	[[ $(jq -n "$4 >= $2 and $4 <= $3") == true ]] || fail "$1: $4, expected $2 to $3"
}

result() {
	jq -r "$2" "$1.json"
}

# lab_run NAME POLICY TUPLES RATE SECONDS ZONE EVENTS: after prepare_NAME; again when the box was too busy.
lab_run() {
	local attempt
	for attempt in 1 2 3; do
		"prepare_$1" >/dev/null || fail "prepare_$1"
		loss_plan "${@:2}" >"$1.plan"
		run_in_lab "$1.plan" "$1.json" || fail "staleflow run: $1"
		is_undisturbed "$1.json" && break
	done
	assert_equal "$1: the identity" true "$(result "$1" '.totals | .sent == .answered + .refused + .lost + .outstanding')"
}

set_nodest() {
	"$lab" exec -- bash -c "echo $1 >/proc/sys/net/ipv4/vs/expire_nodest_conn"
}

"$lab" up --server "$build/tests/conformance/peer" --expire-nodest 0 --udp-timeout 4 --family 4 >up.log 2>&1 || fail "$(cat up.log)"
trap '"$lab" down' EXIT

# --- removed, entries kept: half of the ports are silent until 4 s after their last use ---
prepare_kept() {
	"$lab" restore b2
}
lab_run kept random 1000 1000 15 lab.test "$(exec_event 6 "$lab remove b2")"
gone=$(acted_at kept.json 0)
read -r low high _ < <("$build/tests/sim/loss_bounds" kept random 1000 1000 4 100 2 8)
assert_equal 'kept: lost before' 0 "$(loss_between kept.json 0 6)"
assert_between 'kept: lost' "$low" "$high" "$(result kept .totals.lost)"
assert_equal "kept: loss later than 4.1 s after $gone" 0 "$(loss_between kept.json "$(jq -n "$gone + 4.2")" 15)"
assert_match 'kept: verdict' "^removed server, entries kept: silence that ends [34]\.[0-9]+ s .* after a tuple's last use" "$(result kept .verdict.text)"
assert_equal 'kept: refused, wrong source' 0 "$(result kept '.totals.refused + .totals.wrong_source')"

# --- flush: only what was in flight, and that is answered by the server itself ---
prepare_flush() {
	"$lab" restore b2 && set_nodest 1
}
lab_run flush random 1000 1000 7 delay-100.lab.test "$(exec_event 3 "$lab remove b2")"
gone=$(acted_at flush.json 0)
assert_between 'flush: lost in flight' 15 120 "$(result flush .totals.lost)"
assert_equal 'flush: lost and wrong source' "$(result flush .totals.lost)" "$(result flush .totals.wrong_source)"
assert_match 'flush: verdict' '^flush in flight: ' "$(result flush .verdict.text)"
assert_equal 'flush: loss elsewhere' 0 "$(jq -n "$(loss_between flush.json 0 2.5) + $(loss_between flush.json "$(jq -n "$gone + 0.5")" 7)")"

# --- weight 0 and a dead pod: each port comes again within 4 s, so half of all is lost for ever ---
prepare_drained() {
	set_nodest 0 && "$lab" restore b2
}
lab_run drained sequential 400 1000 17 lab.test "$(exec_event 3 "$lab drain b2; $lab kill b2 --namespace")"
assert_equal 'weight 0: lost before' 0 "$(loss_between drained.json 0 3)"
assert_between 'weight 0: loss at once' 0.48 0.52 "$(loss_between drained.json 4 6)"
assert_between 'weight 0: loss three timeouts later' 0.48 0.52 "$(loss_between drained.json 15 17)"
# The dead pod's neighbour entry fails now and then, and what waits for it is told of that.
assert_between 'weight 0: share of silence' 0.7 1 "$(result drained '.totals | .lost / (.lost + .refused)')"

# --- the same at random: what rests longer than 4 s is well again, the rest goes on, and that tells it from entries kept ---
prepare_decayed() {
	prepare_drained
}
lab_run decayed random 2000 1000 17 lab.test "$(exec_event 3 "$lab drain b2; $lab kill b2 --namespace")"
assert_match 'weight 0: verdict' '^weight 0, dead server: ' "$(result decayed .verdict.text)"
echo "weight 0: verdict: $(result decayed .verdict.text)"

# --- a closed port, still listed: half of all is refused, none lost ---
prepare_closed() {
	"$lab" restore b2
}
lab_run closed random 1000 1000 6 lab.test "$(exec_event 3 "$lab kill b2")"
assert_between 'closed: refused' 1000 1600 "$(result closed .totals.refused_port)"
assert_match 'closed: verdict' '^refused: .* by ICMP' "$(result closed .verdict.text)"
assert_between 'closed: lost with the server' 0 50 "$(result closed .totals.lost)"

# --- a dead server that is still listed: new flows keep going there, so half of all is lost, whatever the age ---
prepare_listed() {
	"$lab" restore b2
}
lab_run listed random 1000 1000 10 lab.test "$(exec_event 3 "$lab pause b2")"
assert_between 'listed: loss' 0.45 0.55 "$(loss_between listed.json 4 9)"
assert_match 'listed: verdict' '^dead server still listed: ' "$(result listed .verdict.text)"

# --- a rolling update of two: the flows of the first that goes move to the others, also to the next that goes ---
prepare_rolled() {
	local backend
	"$lab" resume b2 || return
	for backend in b3 b4; do
		"$lab" start "$backend" || return
		"$lab" remove "$backend" 2>/dev/null
	done
	"$lab" restore b1 && "$lab" restore b2
}
lab_run rolled sequential 400 400 20 lab.test \
	"$(exec_event 5 "$lab list b3; $lab remove b1"), $(exec_event 14 "$lab list b4; $lab remove b2")"
model_plan 4 '"expire_nodest_conn": false' '{"at": 5, "do": "add", "backend": "b3", "address": "10.244.0.13"},
	{"at": 5, "do": "remove", "backend": "b1"}, {"at": 14, "do": "add", "backend": "b4", "address": "10.244.0.14"},
	{"at": 14, "do": "remove", "backend": "b2"}' <rolled.plan >rolled-model.plan
"$build/app/staleflow" simulate rolled-model.plan --json rolled-model.json >rolled-model.log 2>&1 || fail 'staleflow simulate'
for side in rolled rolled-model; do
	assert_between "$side: lost when the first goes" 0.49 0.51 "$(loss_between $side.json 6.5 8)"
	assert_equal "$side: lost between" 0 "$(loss_between $side.json 10.5 14)"
	assert_between "$side: lost when the second goes" 0.74 0.76 "$(loss_between $side.json 15.5 17)"
	assert_equal "$side: lost afterwards" 0 "$(loss_between $side.json 19.5 20)"
done
