#!/bin/sh
# names.py finds no name twice in the tree, and finds each kind where it is planted.
#
#   test_names.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/house/count.sh
. "$here/count.sh"

if python3 "$here/names.py" "$1"; then
    passed
else
    failed 'a name stands twice in the tree'
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary/src/base" "$temporary/src/cli" "$temporary/include" "$temporary/tools" "$temporary/tests/support"
cat >"$temporary/src/base/first.c" <<'CODE'
/* struct commented { int x; }; */
struct tag {
    const char *text; /* "struct quoted {" */
};
enum { UNNAMED };
static const struct tag table[] = {{"void written(void) {"}};
int variable = 3;
extern int declared;
int function(int x);
int function(int x)
{
    struct tag inside = {"of a function"};
    return x + !inside.text;
}
__attribute__((format(printf, 1, 2))) void attributed(const char *format, ...)
{
}
static int own(void)
{
    return table[0].text != 0;
}
CODE

# finds WHAT FILE TEXT: in that file the text is the only finding, WHAT; if WHAT is empty, nothing is found.
finds() {
    printf '%b\n' "$3" >"$temporary/$2"
    found=$(python3 "$here/names.py" "$temporary" || true)
    rm "$temporary/$2"
    if [ "${found%%:*}" = "$1" ]; then
        passed
    else
        failed "$2 with $3: expected '$1', got '$found'"
    fi
}

finds '' tests/support/second.c 'struct other { int x; };'
finds 'tag tag' tests/support/second.c 'struct tag { int x; };'
finds 'tag tag' tools/second.c 'enum tag { ONE };'
finds 'tag tag' include/second.h 'struct tag\n{ int x; };'
finds '' tests/support/second.c 'struct tag;\nvoid uses(struct tag *tag);'
finds '' src/cli/second.c 'struct commented { int x; };\nstruct quoted { int x; };'
finds 'symbol function' tests/support/second.c 'int function(int x)\n{\n    return x;\n}'
finds '' tests/support/second.c 'int function(int x);'
finds '' tests/support/second.c 'static int function(int x)\n{\n    return x;\n}'
finds 'symbol attributed' tests/support/second.c 'void attributed(void)\n{\n}'
finds 'symbol variable' tests/support/second.c 'int variable;'
finds '' tests/support/second.c 'extern int variable;\nint declared;'
finds 'static function own' src/cli/second.c 'static void own(void)\n{\n}'
finds 'static function function' src/cli/second.c 'static void function(void)\n{\n}'
finds '' tests/support/second.c 'static void own(void)\n{\n}'
finds '' src/cli/second.c 'void written(void)\n{\n    int own = 0, table = 0;\n    (void)own, (void)table;\n}'
finish
