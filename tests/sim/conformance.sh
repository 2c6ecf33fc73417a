#!/bin/bash
# The conformance list's steps (tests/conformance/items) on the model; tests/netns/lab_conformance_*.sh carry out the same on a real
# ip_vs. Then the same with each rule of the model broken in turn: the list has to notice.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${STALEFLOW_BUILD:-$top/build}
"$build/tests/conformance/suite" "$top/tests/conformance/items" model && "$top/tests/conformance/mutate"
