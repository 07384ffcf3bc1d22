#!/bin/sh
# verify and kernel check write a failing check as a program without clmlp: its own build line builds it, it
# shows the element that they show, and with the fault mended in its kernel all is right.
#
#   test_reproducer.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device reproducer
run devices
has_native=$(grep -m 1 '\[CPU\]' out || true)

# reproduces DIR: builds the reproducer by the line that its first comment has, without any folder of kernels,
# and runs it; sets out and status.
reproduces() {
    line=$(sed -n '1s/^\/\* //p' "$1/reproducer.c")
    check "$1: the README has its build line" grep -qF "    $line" "$1/README"
    check "$1: no trace of clmlp's header" [ "$(grep -c 'clmlp.h' "$1/reproducer.c")" -eq 0 ]
    status=0
    (cd "$1" && unset CLMLP_KERNEL_DIR && eval "$line -Wall -Werror" && ./reproducer) >out 2>err || status=$?
}

# elements_of FILE: the elements there, as "Y[0,1] got expected bound".
elements_of() {
    sed -n -e 's/^.*[ :]\([^ ]*\[[0-9,]*\]\) is \([^;]*\); \([^ ,]*\) is right, to within \([^ ;]*\).*/\1 \2 \3 \4/p' \
        -e 's/^\(.* \)\{0,1\}\([^ ]*\[[0-9,]*\]\) (row.*): got \(.*\), expected \(.*\), bound \(.*\)/\2 \3 \4 \5/p' "$1"
}

# shows DIR: the reproducer shows one of the elements that verify or kernel check has printed into FILE.
# shows DIR FILE
shows() {
    reproduces "$1"
    check "$1: shows what is wrong" [ "$status" -eq 1 ]
    check "$1: says how many" has_line out 'the first of [0-9]+ wrong ones of [0-9]+ elements'
    elements_of "$2" | head -n 1 >printed
    check "$1: the element was printed" [ -s printed ]
    elements_of out >shown
    check "$1: the same element, with what was expected and the bound" grep -qxF "$(cat printed)" shown
}

# mended DIR SED: without the fault in its kernels, the reproducer finds all right.
mended() {
    changed=
    for part in "$1"/kernel*.cl; do
        sed "$2" "$part" >part.cl
        cmp -s part.cl "$part" || changed=yes
        cp part.cl "$part"
    done
    check "$1: its kernel can be mended" [ "$changed" ]
    reproduces "$1"
    check "$1: all is right with a right kernel" [ "$status" -eq 0 ]
    check "$1: and says so" has_line out '^all [0-9]+ elements are right$'
}

# ---- nothing is wrong ----

succeeds verify --only softmax --shape 'B=2 C=3' --reproducer right
check 'nothing wrong: nothing is written' [ ! -e right ]
check 'nothing wrong: that is said' has_line err 'no check failed, so that no reproducer is written to right'

# ---- a wrong kernel in a folder ----

cp -R "$root/kernels" broken
sed 's/exp(z\[c\] - largest) \/ sum/exp(z[c] - largest)/' "$root/kernels/softmax.cl" >broken/softmax.cl
export CLMLP_KERNEL_DIR="$temporary/broken"
fails 'softmax.cl in .*/broken \(CLMLP_KERNEL_DIR\) is not the built-in one' verify --only softmax --reproducer below/softmax --json report.json
check 'one failure has a reproducer' [ "$(grep -c '^    reproducer: in below/softmax, cc ' out)" -eq 1 ]
check 'the others do not speak of it' [ "$(grep -c 'no reproducer' out)" -eq 0 ]
check 'the report says where' has_line report.json '"reproducer": "below/softmax"'
# the check that was written is the smallest that is known: what its command prints must be shown
again=$(grep -B 1 '^    reproducer: ' out | sed -n 's/^ *again: .* clmlp verify/verify/p')
eval "run $again"
cp out again
shows below/softmax again
check 'it says whose check it is' has_line below/softmax/README '^softmax of B='
mended below/softmax 's/p\[c\] = exp(z\[c\] - largest);/p[c] = exp(z[c] - largest) \/ sum;/'

# ---- places ----

echo 'a note' >taken
mkdir full empty
echo mine >full/mine
fails 'full is there already, and is not an empty directory; remove it, or name another; see --reproducer' verify --only softmax --shape 'B=2 C=3' --reproducer full
check 'what was there stays' [ "$(cat full/mine)" = mine ]
check 'no check was made for nothing' [ "$(grep -c FAILED out)" -eq 0 ]
fails 'taken is there already' verify --only softmax --shape 'B=2 C=3' --reproducer taken
fails 'Not a directory' verify --only softmax --shape 'B=2 C=3' --reproducer taken/below
fails 'no kernels that could be recorded' verify --backend reference --only softmax --reproducer none
check 'nothing of these is left' [ ! -e none ]
fails 'checks failed' verify --only softmax --shape 'B=2 C=3' --reproducer empty
check 'an empty directory is filled' [ -s empty/reproducer.c ]

# A path so long that the directory can be made, and no file in it: it must not stay.
deep=
while [ ${#deep} -lt 3950 ]; do deep=$deep/$(printf '%0100d' 0); done
deep=.$deep/$(printf "%0$((4083 - ${#deep}))d" 0) # 4085 characters
fails '[0-9]+ of [0-9]+ checks failed' verify --only softmax --shape 'B=2 C=3' --reproducer "$deep"
check 'what cannot be written is said' has_line out '^    no reproducer: '
check 'it is said at the end, too' has_line err 'no reproducer is written to .*; the failed checks say why'
check 'no half directory is left' [ ! -e ./"$(printf '%0100d' 0)" ]
[ "$(find . -name '*.??????' -type d)" = '' ] || failed "left: $(find . -name '*.??????' -type d)"

# ---- products, and steps of many launches ----

if [ "$has_native" ]; then
    rm -rf broken
    cp -R "$root/kernels" broken
    sed 's/z + load_some(b + n + j, count)/z/' "$root/kernels/gemm_cpu.cl" >broken/gemm_cpu.cl
    mend='s/activate(z, saves_gate/activate(z + load_some(b + n + j, count), saves_gate/'
    blame='gemm_cpu.cl in .*/broken \(CLMLP_KERNEL_DIR\) is not the built-in one'
    fails "$blame" verify --gemm native --only linear_forward --shape 'B=7 I=5 O=20 relu' --reproducer product
    again=$(grep -B 1 '^    reproducer: ' out | sed -n 's/^ *again: .* clmlp verify/verify/p')
    eval "run $again"
    cp out again
    shows product again
    mended product "$mend"
    fails "$blame" verify --gemm native --only training_steps --shape '5-7-3 B=4 N=9 x2 momentum=0.9 l2=0.01' --reproducer steps
    reproduces steps
    check 'steps are repeated, too' [ "$status" -eq 1 ]
    check 'they are many launches' [ "$(grep -c ' run_kernel(kernel, ' steps/reproducer.c)" -gt 2 ]
    mended steps "$mend"
fi
unset CLMLP_KERNEL_DIR

# ---- a library's kernels are not known ----

rm -rf broken
cp -R "$root/kernels" broken
sed 's/Y\[at\] + b\[o\]/Y[at]/' "$root/kernels/epilogue.cl" >broken/epilogue.cl
export CLMLP_KERNEL_DIR="$temporary/broken"
fails 'epilogue.cl in ' verify --gemm clblast --only linear_forward --shape 'B=2 I=3 O=2' --reproducer library
check 'a call of CLBlast: why there is none' has_line out '^    no reproducer: its product is a call of CLBlastSgemm'
check 'and there is none' [ ! -e library ]
unset CLMLP_KERNEL_DIR

# ---- a user's own kernel ----

run kernel check "$root/tests/kernels/off_by_one.cl" --seconds 0 --reproducer own
check 'a wrong kernel of a user' [ "$status" -eq 1 ]
check 'its reproducer is named' has_line out '^    reproducer: in own, cc '
cp out checked
shows own checked
check 'the kernel is the user'"'"'s' has_line own/kernel.cl 'The last term of each sum is missing'
mended own 's/i < I - 1/i < I/'
run kernel check "$root/tests/kernels/written_outside.cl" --seconds 0 --reproducer outside
check 'what is written beyond an operand has one' has_line out '^    reproducer: in outside, cc '
reproduces outside
check 'it shows that' has_line out 'which must not change: got '
succeeds kernel check "$root/examples/kernels/product_1_naive.cl" --seconds 0 --only product --shape 'B=2 I=3 O=4' --reproducer fine
check 'a right kernel of a user: nothing is written' [ ! -e fine ]
check 'that is said' has_line err 'no check failed, so that no reproducer is written to fine'
finish
