#!/bin/bash
# The manual pages are well-formed, have the options that the program has, and there is one for each command.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
export STALEFLOW_BUILD=${STALEFLOW_BUILD:-$top/build}
failed=0

"$top/scripts/man" --check || failed=1
if command -v mandoc >/dev/null; then
	# Style is a matter of taste, and a page may be named that this system has not installed.
	mandoc -T lint -W warning "$top"/docs/man/*.1 || failed=1
else
	echo 'mandoc is not installed: the pages were not checked'
fi
for command in $("$STALEFLOW_BUILD/app/staleflow" --help | sed -n 's/^  staleflow \([a-z]*\) .*/\1/p'); do
	if [[ ! -s $top/docs/man/staleflow-$command.1 ]]; then
		echo "docs/man/staleflow-$command.1 is missing"
		failed=1
	elif ! grep -q "staleflow-$command.1'" "$top/meson.build"; then
		echo "meson.build does not install staleflow-$command.1"
		failed=1
	elif ! grep -q "staleflow.-$command" "$top/docs/man/staleflow.1"; then
		echo "staleflow.1 does not name $command"
		failed=1
	fi
done
exit $failed
