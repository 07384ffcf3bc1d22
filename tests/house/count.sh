# shellcheck shell=sh
# Counts what a shell test found, and closes with the same line as the tests in C.

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

finish() {
    [ "$checks" -gt 0 ] || failed "nothing was checked"
    printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' \
        "$(((checks - failures) * 100 / checks))" "$checks" "$failures"
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}
