#!/bin/sh
# tools/mutate on a tree with a tested function, one without tests, and one that no factor changes.
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
library = static_library('core', 'base/philox.c')
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
int quarter(int n)
{
    n = n / 2;
    n = n / 2;
    return n;
}
int same(int n)
{
    return n * 1;
}
END
cat >philox.list <<'END'
src/base/philox.c:5  sum_below  constant  0 -> 1
src/base/philox.c:6  sum_below  constant  0 -> 1
src/base/philox.c:6  sum_below  relation  < -> <=
src/base/philox.c:6  sum_below  bound  < -> < -1 +
src/base/philox.c:7  sum_below  assignment  += -> -=
src/base/philox.c:7  sum_below  assignment  += -> =
src/base/philox.c:7  sum_below  statement removed  sum += i; -> ;
src/base/philox.c:12  quarter 1  arithmetic  / -> *
src/base/philox.c:12  quarter 1  factor left out  / 2 -> nothing
src/base/philox.c:12  quarter 1  constant  2 -> 3
src/base/philox.c:12  quarter 1  statement removed  n = n / 2; -> ;
src/base/philox.c:13  quarter 2  arithmetic  / -> *
src/base/philox.c:13  quarter 2  factor left out  / 2 -> nothing
src/base/philox.c:13  quarter 2  constant  2 -> 3
src/base/philox.c:13  quarter 2  statement removed  n = n / 2; -> ;
src/base/philox.c:18  same  arithmetic  * -> /
src/base/philox.c:18  same  factor left out  * 1 -> nothing
src/base/philox.c:18  same  constant  1 -> 2
END

sums() {
    (cd tree && find . -type f -exec sha256sum {} + | sort)
}

# mutate ARGUMENT...: on $tree; sets out, err and status.
tree=tree
mutate() {
    status=0
    python3 "$root/tools/mutate" --root $tree "$@" >out 2>err || status=$?
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
check 'what is not tested survives' [ "$(grep -c ' survived .*philox.c:1[23] ' out)" -eq 8 ]
check 'the same code is no mutant' [ "$(grep -c ' same  .*philox.c:18 ' out)" -eq 2 ]
check 'it counts' grep -q '^score *caught 6 of 16, 37.5 %' out
check 'a survivor is named' grep -q '^survived  src/base/philox.c:12  constant' out
sums >after
check 'the tree is as it was' cmp before after

cat >tree/tests/survivors.txt <<'END'
# only this function
src/base/philox.c quarter 2
n = n / 2;
2 -> 3
nobody wants
a quarter
END
mutate --log log
check 'the log is gone on from' [ "$(grep -c ' s  caught ' out)" -eq 0 ]
check 'a known survivor is explained' grep -q '^ *nobody wants a quarter$' out
check 'its like in another place is not' [ "$(grep -c 'NOT EXPLAINED' out)" -eq 9 ]
check 'the explained are counted apart' grep -q 'without the explained: 6 of 15' out
mutate --stale
check 'it is there' [ "$status" -eq 0 ]

# explained LINE CHANGE PLACE...: only these places are explained.
explained() {
    text=$1 change=$2
    shift 2
    for place; do
        printf 'src/base/philox.c %s\n%s\n%s\nfor a reason\n\n' "$place" "$text" "$change"
    done >tree/tests/survivors.txt
}

explained 'n = n / 3;' '/ -> *' 'quarter 1'
mutate --stale
check 'a line that is gone' [ "$status" -eq 1 ]
check 'it is named' grep -q 'no such mutant.*n / 3' out
explained 'n = n / 2;' '/ -> *' 'quarter 1' 'quarter 3' 'half 1'
mutate --stale
check 'a place that is gone' [ "$(grep -c 'no such mutant.*quarter 3\|no such mutant.*half 1' out)" -eq 2 ]
explained 'n = n / 2;' '/ -> *' quarter
mutate --stale
check 'one of two, and which?' [ "$status" -eq 1 ]
check 'it is told' grep -q 'which of several is meant, src/base/philox.c quarter 1, 2' out
explained 'n = n / 2;' '/ -> *' 'quarter 1' 'quarter 1'
mutate --stale
check 'one that is explained twice' grep -q '^mutate: .*explained twice' err

rm tree/tests/survivors.txt
mutate --log log --operator assignment
check 'where all are caught, nothing fails' [ "$status" -eq 0 ]
explained 'sum += i;' '+= -> -=' sum_below
mutate --log log --operator assignment
check 'what is caught needs no explanation' [ "$status" -eq 1 ]
check 'it is told which' grep -q '^explained, but caught: src/base/philox.c sum_below$' out

# ---- mutants that only a script notices, in a tree of the checks themselves ----

cp -R tree checks
mkdir -p checks/src/prove checks/src/cli checks/tests/cli
echo 'int next(int n) { return n + 1; }' >checks/src/prove/device.c
echo "library = static_library('core', 'base/philox.c', 'prove/device.c')
subdir('cli')" >checks/src/meson.build
echo "executable('clmlp', 'main.c', link_with: library)" >checks/src/cli/meson.build
cat >checks/src/cli/main.c <<'END'
#include <stdio.h>
int next(int n);
int main(void)
{
    return printf("%d\n", next(2)) != 2;
}
END
sed -i "s/'augment'/'doctor', 'tuning'/" checks/tests/meson.build
# $1 is the program, $2 the tree's copy
cat >checks/tests/cli/test_wrong_kernels.sh <<'END'
[ "$("$1")" = 3 ] && [ -f "$2/meson.build" ] || echo "failed: 2 and 1"
END
tree=checks
mutate --checks --list
check 'the checks are broken on request' [ "$(grep -c 'device.c:1 ' out)" -eq 3 ]
mutate --checks
check 'a script catches them' [ "$(grep -c ' caught .*device.c.*test_wrong_kernels.sh: failed: 2 and 1$' out)" -eq 3 ]
sed -i 's/= 3/= 4/' checks/tests/cli/test_wrong_kernels.sh
mutate --checks --count 1
check 'a script that fails by itself catches nothing' grep -q '^mutate: a test fails before anything is broken: script' err
sed -i 's/= 4/!= 0/' checks/tests/cli/test_wrong_kernels.sh
mutate --checks
check 'one that looks at nothing lets all survive' grep -q '^score *caught 0 of 3' out
tree=tree

# ---- recorded breaks of kernels: a program that stands for verify blames operations ----

mkdir -p breaks/kernels
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo "float f$n(float x) { return x + 1; }"; done >breaks/kernels/gather.cl
cp breaks/kernels/gather.cl whole.cl
# shellcheck disable=SC2016 # for the program
printf '#!/bin/sh\ncmp -s "$CLMLP_KERNEL_DIR/gather.cl" "%s" || echo "blamed $2"\n' "$sample/whole.cl" >blamed
chmod +x blamed
tree=breaks
mutate --breaks list --program ./blamed --record
check 'breaks are recorded' [ "$status" -eq 0 ]
check 'as many as are wanted' [ "$(grep -c '^kernels/gather.cl [0-9a-f]* gather$' list)" -eq 8 ]
mutate --breaks list --program ./blamed --count 3
check 'a sample passes' [ "$status" -eq 0 ]
cp out first
CLMLP_SAMPLE=1 mutate --breaks list --program ./blamed --count 3
check 'another number, another sample' [ "$(cmp -s out first && echo same)" != same ]
check 'of as many' [ "$(grep -c ': named$' out)" -eq 3 ]
CLMLP_SAMPLE=all mutate --breaks list --program ./blamed --count 3
check 'all of them' [ "$(grep -c ': named$' out)" -eq 8 ]
# shellcheck disable=SC2016 # for the program
for fault in 'true' 'echo "blamed update"; echo "blamed $2"' 'kill -KILL $$' 'echo "blamed $2"'; do
    printf '#!/bin/sh\n%s\n' "$fault" >other
    chmod +x other
    mutate --breaks list --program ./other --count 3
    check "what does not blame as it should: $fault" [ "$status" -eq 1 ]
    check "it is told: $fault" grep -q 'failed: ' out
done
sed -i '$d' list
mutate --breaks list --program ./blamed --count 3
check 'too few are recorded' [ "$status" -eq 1 ]
check 'and how there are more' grep -q 'gather.cl: 7 breaks are recorded, of 8 .* --record$' out
tree=tree

sed -i 's/== 6/== 7/' tree/tests/test.c
mutate --count 1
check 'a test that fails by itself catches nothing' grep -q '^mutate: a test fails before anything is broken' err

python3 "$root/tools/mutate" --stale >out 2>err || failed 'tests/survivors.txt tells of lines that are there'
check 'nothing is stale' [ ! -s out ]
finish
