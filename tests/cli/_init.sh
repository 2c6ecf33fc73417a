# Sourced first by tests that try every option of a command: tests/netns/_init.sh, and an account of the options used.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../netns/_init.sh"

: >used
# used WORDS...: the options among them were given to the command.
used() {
	local word
	for word; do
		[[ $word == -* ]] && printf '%s\n' "${word%%=*}"
	done >>used
}

# assert_all_used LEAST: of the --help on standard input, which has more than LEAST options, each was used.
assert_all_used() {
	grep -oE '^  (-.|  )[ ,] (--[a-z-]+)?' | grep -oE -- '-+[a-zA-Z][a-z-]*' | sort -u >options
	[[ $(wc -l <options) -gt $1 ]] || fail "only $(wc -l <options) options in --help"
	assert_equal 'options of --help without a test here' '' "$(sort -u used | comm -23 options -)"
}
