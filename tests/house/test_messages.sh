#!/bin/sh
# The library's sentences do not name options or commands, which belong to the program (src/cli).
#
#   test_messages.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/count.sh
. "$here/count.sh"
commands='devices|doctor|train|eval|predict|verify|gradcheck|bench|tune|data|search|report|export|import|kernel|launch'

# String literals under ROOT that name an option or a command; the table of settings has the options' help.
named() {
    find "$1/src" "$1/include" -name '*.[ch]' ! -path "$1/src/cli/*" ! -path "$1/src/settings/table.c" | LC_ALL=C sort | while read -r file; do
        sed -E -e 's|^[ \t]*(/\*\|\* ).*||' -e 's|/\*.*\*/||g' "$file" |
            grep -oE '"([^"\\]|\\.)*"' | grep -E "(^\"|[^-[:alnum:]])--[a-z]|\\bclmlp ($commands)\\b" |
            sed "s|^|${file#"$1/"}: |" || true
    done
}

found=$(named "$1")
if [ -z "$found" ]; then
    passed
else
    failed "the library names the program's options or commands; see clm_fail_setting:
$found"
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary/src/base" "$temporary/src/cli" "$temporary/include"

# finds NUMBER FILE TEXT
finds() {
    printf '%s\n' "$3" >"$temporary/$2"
    count=$(named "$temporary" | grep -c . || true)
    rm "$temporary/$2"
    if [ "$count" -eq "$1" ]; then
        passed
    else
        failed "$2 with $3: $count findings, not $1"
    fi
}

finds 1 src/base/made_up.c 'fail("%zu rows; lower --batch");'
finds 1 src/base/made_up.c 'limit("--device-memory");'
finds 1 include/made_up.h '#define REMEDY "(--label)"'
finds 2 src/base/made_up.c 'fail("see --batch", "or --val");'
# shellcheck disable=SC2016 # no expansion is meant
finds 1 src/base/made_up.c 'fail("`clmlp doctor` tells more");'
finds 0 src/base/made_up.c 'fail("take a smaller batch", n--);'
finds 1 src/base/made_up.c '    *out = "--limit";'
finds 0 src/base/made_up.c '/* what "--limit" left */'
finds 0 src/base/made_up.c 'fail("a clmlp of another version, with two -- dashes and a--b");'
finds 0 src/cli/made_up.c 'fail("lower --batch");'
finish
