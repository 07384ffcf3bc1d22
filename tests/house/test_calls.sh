#!/bin/sh
# Every outside call of the library and the program can be made to fail (tests/faults), or is listed in
# harmless_calls.txt. The functions in tests/faults/tolerated.txt exist.
#
#   test_calls.sh FAULTS OBJECT...
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/count.sh
. "$here/count.sh"
faults=$1
shift
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

# Names; a comment above them says why their failure need not be tried.
sed -e '/^#/d' -e 's/ /\n/g' "$here/harmless_calls.txt" | grep . | sort -u >"$temporary/harmless"
nm "$faults" | sed -n 's/.* T __wrap_//p' | sort -u >"$temporary/tried"
nm -u "$@" | awk 'NF == 2 { print $2 }' | sort -u >"$temporary/called"
nm --defined-only "$@" | awk 'NF == 3 { print $3 }' | sort -u >"$temporary/own"

unlisted() {
    comm -23 "$temporary/called" "$temporary/own" | comm -23 - "$temporary/tried" |
        comm -23 - "$temporary/harmless" | grep -Ev '^__(asan|ubsan|tsan|sanitizer|lsan|gcov|llvm|sancov)_|^_GLOBAL_' || true
}

if [ "$(grep -c . "$temporary/called")" -gt 100 ] && [ "$(grep -c . "$temporary/tried")" -gt 100 ]; then
    passed
else
    failed "too few calls were found: is nm there?"
fi
for name in $(unlisted); do
    failed "$name is called, and neither in tests/faults/calls.h nor in tests/house/harmless_calls.txt"
done
for name in $(comm -12 "$temporary/tried" "$temporary/harmless"); do
    failed "$name is in tests/faults/calls.h and in tests/house/harmless_calls.txt"
done
# A function that was renamed would no longer be tolerated, and only some samples of failing calls would show it.
missing_callers() {
    awk '!/^#/ && NF && $2 != "*" { print $2 }' "$@" | sort -u | while read -r name; do
        grep -rqE --include='*.[ch]' "\\b$name\\(" "$here/../../src" || echo "$name"
    done
}
for name in $(missing_callers "$here/../faults/tolerated.txt"); do
    failed "$name is in tests/faults/tolerated.txt, and no function of src/"
done
echo 'open64 no_such_function a made-up one' >"$temporary/made-up"
if [ "$(missing_callers "$temporary/made-up")" = no_such_function ]; then
    passed
else
    failed "a made-up function in tolerated.txt was not noticed"
fi
for name in clCreateImage2D fopen getline; do
    printf '%s\n' "$name" | sort - "$temporary/called" >"$temporary/more"
    mv "$temporary/more" "$temporary/called"
    if unlisted | grep -qx "$name"; then
        passed
    else
        failed "a made-up call of $name was not noticed"
    fi
done
finish
