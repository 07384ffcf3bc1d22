#!/bin/sh
# Installs the library into a temporary folder, checks its symbols, and builds programs with it through
# pkg-config: with the shared library, with the static one, and in C++.
#
#   test_install.sh PROGRAM ROOT BUILD CORE [FLAG...]
#
# CORE is the library with all its symbols, as tests link it; FLAGs are the compiler's, for the sanitizers.
set -eu
build=$(realpath "$3")
core=$(realpath "$4")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
shift 4

# shellcheck disable=SC2317 # called through check
is_same() { diff "$1" "$2" >out; }

# ---- what is installed ----

status=0
DESTDIR="$temporary/installed" meson install -C "$build" --no-rebuild --quiet >out 2>err || status=$?
check 'meson installs it' [ "$status" -eq 0 ]
file=$(find installed -name clmlp.pc)
libraries=$(realpath "$(dirname "$file")/..")
prefix=$(sed -n 's/^prefix=//p' "$file")
# as if it had been configured for this folder
sed -i "s|^prefix=.*|prefix=$temporary/installed$prefix|" "$file"
PKG_CONFIG_PATH=$(dirname "$file")
export PKG_CONFIG_PATH LD_LIBRARY_PATH="$libraries"
mkdir static
mv "$libraries/libclmlp.a" static
static=$temporary/static

for file in "$root"/data/recipes/*.conf; do
    check "the recipe ${file##*/} is installed" cmp -s "$file" "$(find installed -name "${file##*/}")"
done

# ---- symbols ----

# Only what clmlp.h declares.
sed 's/^#include.*//' "$root/include/clmlp.h" | cc -E -P - | grep -o '\bclm_[a-z0-9_]*(' | tr -d '(' |
    sort -u >declared
nm -D --defined-only "$libraries/libclmlp.so" | awk '{ print $3 }' | sort >shared_symbols
nm -g --defined-only "$static/libclmlp.a" | awk 'NF == 3 { print $3 }' | sort >static_symbols
nm -g --defined-only "$core" | awk 'NF == 3 { print $3 }' | sort >all_symbols
check 'the header declares functions' [ "$(grep -c . declared)" -gt 50 ]
check 'the shared library exports what the header declares' is_same declared shared_symbols
check 'the static library exports what the header declares' is_same declared static_symbols
check 'the shared library has the name that programs ask for' \
    sh -c "readelf -d '$libraries/libclmlp.so' | grep -q 'SONAME.*\[libclmlp.so.0\]'"

# ---- programs ----

# builds NAME COMPILER ARGUMENT...: with the shared library NAME-shared, with the static one NAME-static.
builds() {
    name=$1
    shift
    # shellcheck disable=SC2046 # words
    { "$@" -o "$name-shared" $(pkg-config --cflags --libs clmlp) >out 2>err && status=0; } || status=$?
    check "$name: builds with the shared library" [ "$status" -eq 0 ]
    flags=$(pkg-config --static --cflags --libs clmlp | sed "s|-L$libraries|-L$static|")
    # shellcheck disable=SC2086 # words
    { "$@" -o "$name-static" $flags >out 2>err && status=0; } || status=$?
    check "$name: builds with the static library" [ "$status" -eq 0 ]
    check "$name: asks for the shared library" sh -c "readelf -d $name-shared | grep -q 'NEEDED.*libclmlp.so.0'"
    check "$name: has the static library inside" sh -c "! readelf -d $name-static | grep -q libclmlp"
}

# runs PROGRAM ARGUMENT...
runs() {
    status=0
    "$@" >out 2>err || status=$?
    check "$*: runs" [ "$status" -eq 0 ]
}

# A program's own functions may have any of the library's inner names; the library does not call them.
here=$root/tests/install
{
    echo '#include <stdlib.h>'
    grep -Ev '^(clm_.*|__.*|softmax|gather|update|tensor_create)$' all_symbols |
        sed 's/.*/void &(void); void &(void) { abort(); }/'
} >others.c
check 'inner names are found' [ "$(grep -c abort others.c)" -gt 100 ]
builds names cc "$@" -fno-builtin "$here/names.c" others.c
runs ./names-shared
runs ./names-static

if command -v c++ >/dev/null; then
    cp "$here/header.cpp" .
    builds header c++ "$@" -Wall -Wextra -Wpedantic -Werror header.cpp
    runs ./header-shared
    runs ./header-static
elif [ "${CLMLP_REQUIRE_ALL:-0}" = 1 ]; then
    failed 'there is no C++ compiler'
fi
# ---- the example ----

[ "$failures" -eq 0 ] || finish
require_device 'the example of examples/train.c'

# Two classes of points in a plane, one above the other.
awk 'BEGIN {
    for (i = 0; i < 400; i++)
        printf "%g,%g,%s\n", i % 17 / 17, (i % 13 / 13 + i % 2) / 2, i % 2 ? "above" : "below"
}' >points.csv
builds train cc "$@" -std=c11 -Wall -Wextra -Wpedantic -Werror "$root/examples/train.c"
for kind in shared static; do
    run_example=./train-$kind
    runs "$run_example" points.csv model-$kind.safetensors
    epochs=$(grep -Ec '^epoch [1-5]: loss [0-9.]+, [0-9.]+ % right$' out || true)
    check "$run_example: tells of each epoch" [ "$epochs" -eq 5 ]
    check "$run_example: learns" has_line out '^right about (9[5-9]\.[0-9]|100\.0) % of 80 new rows$'
    check "$run_example: keeps the model" [ -s model-$kind.safetensors ]
done
check 'both libraries train the same' cmp model-shared.safetensors model-static.safetensors
status=0
./train-shared nowhere model >out 2>err || status=$?
check 'the example says what is wrong' has_line err '^the data set nowhere '
finish
