#!/bin/sh
# tools/totals.awk adds up the results of tests, and misses no crashed test.
#
#   test_totals.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$1")
# shellcheck source=tests/house/count.sh
. "$here/count.sh"

# A test's section in meson's log: its result, and a line of output.
section() {
    printf '=================================== 1/2 ===================================\n'
    printf 'test:         made up\nduration:     0.01s\nresult:       %s\ncommand:      /made/up\n' "$1"
    printf -- '----------------------------------- stdout -----------------------------------\n%b\n' "$2"
    printf '==============================================================================\n\n'
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# expects TOTALS: of the log just written.
expects() {
    got=$(awk -f "$root/tools/totals.awk" "$log")
    if [ "$got" = "$1" ]; then
        passed
    else
        failed "expected '$1', got '$got'"
    fi
}

printf 'Log of Meson test suite run\n' >"$log"
expects '0 passed, 0 failed, 0 skipped'

section 'exit status 0' '100%: Checks: 25, Failures: 0, Errors: 0' >"$log"
section 'exit status 1' 'a.c:7:F:tensor: no\n80%: Checks: 10, Failures: 1, Errors: 1' >>"$log"
expects '33 passed, 2 failed, 0 skipped'

section 'exit status 0' 'SKIP device: there is none\n100%: Checks: 3, Failures: 0, Errors: 0' >"$log"
expects '2 passed, 0 failed, 1 skipped'

section 'killed by signal 11 SIGSEGV' 'Running suite' >"$log"
expects '0 passed, 1 failed, 0 skipped'

section 'exit status 1' '100%: Checks: 4, Failures: 0, Errors: 0' >"$log"
expects '4 passed, 1 failed, 0 skipped'

section 'exit status 77' '' >"$log"
expects '0 passed, 0 failed, 1 skipped'

section 'exit status 0' 'says nothing of checks' >"$log"
expects '1 passed, 0 failed, 0 skipped'

section 'exit status 1' 'says nothing of checks' >"$log"
expects '0 passed, 1 failed, 0 skipped'

finish
