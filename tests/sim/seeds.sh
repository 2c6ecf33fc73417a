#!/bin/bash
# 1,500 random worlds beyond those of `meson test`: a failing one prints the command that replays it.
build=${STALEFLOW_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}
exec "$build/tests/sim/seeds" 10001 1500
