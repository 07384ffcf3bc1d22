#!/bin/sh
# tools/mutate on a tree of one function that is tested, one that is not, and one that any factor leaves as it is.
#
#   test_mutate.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$1")
# shellcheck source=tests/house/count.sh
. "$here/count.sh"

sample=$(mktemp -d)
trap 'rm -rf "$sample"' EXIT
cd "$sample"
mkdir -p tree/src/base tree/tests

cat >tree/meson.build <<'END'
project('sample', 'c')
subdir('src')
subdir('tests')
END
cat >tree/meson_options.txt <<'END'
option('blas', type: 'feature')
option('tests', type: 'feature')
END
cat >tree/src/meson.build <<'END'
library = static_library('clmlp', 'base/philox.c')
END
cat >tree/tests/meson.build <<'END'
foreach name : ['philox', 'augment']
  executable('test_' + name, 'test.c', c_args: '-DTESTED=' + name, link_with: library)
endforeach
END
cat >tree/tests/test.c <<'END'
#include <stdio.h>
int sum_below(int n);
int main(void)
{
    if (sum_below(4) == 6)
        return 0;
    puts("not ok 1 - sum_below");
    return 1;
}
END
cat >tree/src/base/philox.c <<'END'
#define TWICE(x) ((x) + (x)) /* a + b is left alone, "a + b", too */
const char *name = "a + b";
int sum_below(int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++)
        sum += i;
    return sum;
}
int half(int n)
{
    return n / 2;
}
int same(int n)
{
    return n * 1;
}
END
cat >philox.list <<'END'
src/base/philox.c:5  constant  0 -> 1
src/base/philox.c:6  constant  0 -> 1
src/base/philox.c:6  relation  < -> <=
src/base/philox.c:6  bound  < -> < -1 +
src/base/philox.c:7  assignment  += -> -=
src/base/philox.c:7  assignment  += -> =
src/base/philox.c:7  statement removed  sum += i; -> ;
src/base/philox.c:12  arithmetic  / -> *
src/base/philox.c:12  factor left out  / 2 -> nothing
src/base/philox.c:12  constant  2 -> 3
src/base/philox.c:16  arithmetic  * -> /
src/base/philox.c:16  factor left out  * 1 -> nothing
src/base/philox.c:16  constant  1 -> 2
END

sums() {
    (cd tree && find . -type f -exec sha256sum {} + | sort)
}

# mutate ARGUMENT...: into out, err and status.
mutate() {
    status=0
    python3 "$root/tools/mutate" --root tree "$@" >out 2>err || status=$?
}

# check WHAT CONDITION...
check() {
    what=$1
    shift
    if "$@"; then passed; else failed "$what
$(tail -n 20 out err)"; fi
}

sums >before
mutate --list
sed 's/^[0-9a-f]*  //' out | sort >got
sort philox.list >expected
check 'the mutants of a text' cmp expected got

for part in 1/3 2/3 3/3; do
    mutate --list --part $part
    sed 's/^[0-9a-f]*  //' out
done | sort >got
check 'parts make up the whole' cmp expected got
mutate --list --part 3/2
check 'a part there is none of' [ "$status" -eq 2 ]

mutate --log log
check 'survivors without a reason are a failure' [ "$status" -eq 1 ]
check 'what is tested is caught' [ "$(grep -c ' caught  .*philox.c:[67] ' out)" -eq 5 ]
check 'what is not tested survives' [ "$(grep -c ' survived .*philox.c:12 ' out)" -eq 3 ]
check 'the same code is no mutant' [ "$(grep -c ' same  .*philox.c:16 ' out)" -eq 2 ]
check 'it counts' grep -q '^score *caught 6 of 11, 54.5 %' out
check 'a survivor is named' grep -q '^survived  src/base/philox.c:12  constant' out
sums >after
check 'the tree is as it was' cmp before after

cat >tree/tests/survivors.txt <<'END'
# nothing but this
src/base/philox.c
return n / 2;
2 -> 3
nobody wants
a half

src/base/philox.c
return n / 3;
/ -> *
it was there once
END
mutate --log log
check 'the log is gone on from' [ "$(grep -c ' s  caught ' out)" -eq 0 ]
check 'a known survivor is explained' grep -q '^ *nobody wants a half$' out
check 'the explained are counted apart' grep -q 'without the explained: 6 of 10' out
mutate --stale
check 'a line that is gone' [ "$status" -eq 1 ]
check 'it is named' [ "$(grep -c 'n / 3' out)" -eq 1 ]

sed -i 's/== 6/== 7/' tree/tests/test.c
mutate --count 1
check 'a test that fails by itself catches nothing' grep -q '^mutate: a test fails before anything is broken' err

python3 "$root/tools/mutate" --stale >out 2>err || failed 'tests/survivors.txt tells of lines that are there'
check 'nothing is stale' [ ! -s out ]
finish
