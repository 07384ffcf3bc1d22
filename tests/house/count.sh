# shellcheck shell=sh
# Counts a shell test's checks, ends with the same line as the tests in C, and waits for conditions.

checks=0
failures=0

passed() {
    checks=$((checks + 1))
}

failed() {
    checks=$((checks + 1))
    failures=$((failures + 1))
    printf 'failed: %s\n' "$*"
}

# Whether part WHICH of PARTS is in the sample, as test_in_sample of the tests in C has it. Sanitizer builds run
# the same code again, so they take half as many: there are twice as many parts.
# in_sample WHICH PARTS
in_sample() {
    parts=$(($2 * (${ASAN_OPTIONS:+1} + 1)))
    [ "${CLMLP_SAMPLE:-0}" = all ] || [ $(($1 % parts)) -eq $((${CLMLP_SAMPLE:-0} % parts)) ]
}

# Waits until the condition holds, however long that takes, or until the process, our child, has ended.
# await PROCESS CONDITION...
await() {
    awaited=$1
    shift
    until "$@" 2>/dev/null; do
        kill -0 "$awaited" 2>/dev/null || return 0
        sleep 0.05
    done
}

finish() {
    [ "$checks" -gt 0 ] || failed "nothing was checked"
    printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' \
        "$(((checks - failures) * 100 / checks))" "$checks" "$failures"
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
