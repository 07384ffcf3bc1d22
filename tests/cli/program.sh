# shellcheck shell=sh
# Runs the program in a temporary directory, without the user's files, and checks its output. Sourced by the
# tests in this folder: . program.sh, with PROGRAM and ROOT as their arguments.
program=$(realpath "$1")
root=$(realpath "$2")
# shellcheck source=tests/house/count.sh
. "$root/tests/house/count.sh"

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cd "$temporary" || exit
unset CLMLP_DATA CLMLP_KERNEL_DIR NO_COLOR ARGP_HELP_FMT
# A folder that no program makes. Another process of the machine could make one like /nonexistent.
# shellcheck disable=SC2034 # for the tests
absent="$temporary/absent"
# all programs share PoCL's cache: else each test would compile for half a minute
export POCL_CACHE_DIR="${POCL_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-$temporary}/.cache}/pocl/kcache}"
mkdir -p "$POCL_CACHE_DIR"
export XDG_CACHE_HOME="$temporary/cache"

# require_device WHAT: skips the test if there is no device; under CLMLP_REQUIRE_ALL=1 that is a failure.
require_device() {
    run devices
    [ "$status" -ne 0 ] || return 0
    if [ "${CLMLP_REQUIRE_ALL:-0}" = 1 ]; then
        failed "no device: $(cat err)"
        finish
    fi
    echo "SKIP $1: no OpenCL device"
    exit 77
}

# run ARGUMENT...: sets out, err and status.
run() {
    status=0
    "$program" "$@" >out 2>err || status=$?
}

# Starts a command in the background: sets out, err and process. Empties the files first: the command may
# start late, and the test must not find an earlier command's output in them.
# start COMMAND...
start() {
    : >out
    : >err
    "$@" >out 2>err &
    process=$!
}

# Ends it by SIGTERM after it has printed a line that matches the pattern; sets out, err and status.
# interrupt PATTERN ARGUMENT...
interrupt() {
    pattern=$1
    shift
    start "$program" "$@"
    await $process has_line out "$pattern"
    kill -TERM $process
    status=0
    wait $process || status=$?
}

# check WHAT CONDITION...
check() {
    what=$1
    shift
    if "$@"; then
        passed
    else
        failed "$what (exit $status)
$(tail -n 5 out err)"
    fi
}

# Checks that a command fails: exit 1 and a sentence that begins with its name.
# fails PATTERN COMMAND ARGUMENT...
fails() {
    pattern=$1
    shift
    run "$@"
    check "clmlp $*: fails" [ "$status" -eq 1 ]
    check "clmlp $*: says $pattern" has_line err "^clmlp: $1: .*$pattern"
}

# succeeds ARGUMENT...
succeeds() {
    run "$@"
    check "clmlp $*: succeeds" [ "$status" -eq 0 ]
}

# Rows of CLASSES classes that overlap, with the same numbers each time, as CSV; the first number is FIRST.
# overlapping ROWS FIRST CLASSES
overlapping() {
    awk -v rows="$1" -v first="$2" -v classes="$3" '
    function noise(r, k) { r = (r * 7919 + k * 104729 + 17) % 65521; return (r * r % 65521) / 65521 + (r * 31 % 997) / 997 }
    BEGIN {
        print "a,b,kind"
        for (r = first; r < first + rows; r++)
            printf "%.4f,%.4f,%s\n", noise(r, 1) + r % classes / 3, noise(r, 2) - r % classes / 5, substr("ABCDEFG", r % classes + 1, 1)
    }'
}

# shellcheck disable=SC2317 # called through check
is_empty() { [ ! -s "$1" ]; }
# shellcheck disable=SC2317 # called through check
has_line() { grep -Eq -- "$2" "$1"; }
# shellcheck disable=SC2317 # called through check
lacks_line() { ! has_line "$@"; }
