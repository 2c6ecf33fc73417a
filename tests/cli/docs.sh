#!/bin/bash
# The documents' links lead somewhere, their table is complete, and the commands that they show are commands with options that exist.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
program=${STALEFLOW_BUILD:-$top/build}/app/staleflow
cd "$top" || exit 1
failed=0
complain() {
	echo "$*"
	failed=1
}

for page in *.md docs/*.md; do
	while read -r link; do
		[[ -e $(dirname "$page")/$link ]] || complain "$page: $link does not exist"
	done < <(grep -oE '\]\([^)#:]+\)' "$page" | tr -d '()' | cut -c2-)
done
for page in docs/*.md; do
	grep -q "($(basename "$page"))" docs/README.md || [[ $page == docs/README.md ]] || complain "docs/README.md does not name $page"
done

# What a shell block shows: "staleflow COMMAND WORDS..."
while IFS=: read -r page line; do
	read -ra words <<<"${line%%#*}"
	help=$("$program" "${words[1]}" --help 2>&1) || complain "$page: there is no command ${words[1]}"
	for word in "${words[@]:2}"; do
		[[ $word =~ ^--?[a-zA-Z] ]] || continue
		grep -qE -- "(^|[ ,])${word}([ ,]|\$)" <<<"$help" || complain "$page: ${words[1]} has no option $word"
	done
done < <(grep -HE '^staleflow [a-z]+ ' README.md docs/*.md)
exit $failed
