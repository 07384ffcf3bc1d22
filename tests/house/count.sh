# shellcheck shell=sh
# Counts what a shell test found, closes with the same line as the tests in C, and waits for what a test needs.

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

# Waits until the condition holds, however long that takes on a busy machine, or until the process of this shell has ended.
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
