#!/bin/sh
# A user's own kernels: right ones pass, each kind of wrong one is refused with an element and a command that
# repeats it.
#
#   test_kernel.sh PROGRAM ROOT LOST_LOG
#
# LOST_LOG is a library that makes the simulator's log unreadable.
set -eu
lost_log=$(realpath "$3")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device kernel
simulator=$(ls /usr/lib/*/oclgrind/liboclgrind-rt-icd.so /usr/lib/oclgrind/liboclgrind-rt-icd.so 2>/dev/null || true)
[ -n "$simulator" ] || [ "${CLMLP_REQUIRE_ALL:-0}" != 1 ] || failed 'there is no oclgrind; tools/setup ci installs it'

# refuses PATTERN COMMAND ARGUMENT...: "kernel COMMAND" fails with a sentence of its own.
refuses() {
    pattern=$1
    shift
    run kernel "$@"
    check "kernel $*: fails" [ "$status" -eq 1 ]
    check "kernel $*: says $pattern" has_line err "^clmlp: kernel $1: .*$pattern"
}

# ---- new ----

run kernel new
check 'new writes product.cl' [ "$status" -eq 0 ] && [ -s product.cl ]
check 'new says what comes next' has_line out 'clmlp kernel check product.cl'
refuses 'product.cl is there already; --force' new
succeeds kernel new --force
succeeds kernel new other.cl
check 'new writes the file of the tutorial' cmp -s other.cl "$root/examples/kernels/product_1_naive.cl"
run kernel
check 'kernel needs a command' [ "$status" -eq 2 ]
run kernel chekc product.cl
check 'kernel knows what is meant' has_line err 'did you mean kernel check\?'
run kernel check
check 'check needs a file' has_line err 'it needs a file of kernels; .clmlp kernel new'
refuses 'absent.cl cannot be read' check "$absent.cl"

# ---- right ones ----

# Speed is measured once, for a moment, because this shows all that is printed.
succeeds kernel check product.cl --seconds 0.001 --json report.json
check 'right: all checks' has_line out '[0-9]+ checks of 1 kernel: [0-9]+ passed, 0 failed'
check 'right: its speed beside others' has_line out '^ +clblast '
check 'right: peaks' has_line out 'peaks of the device'
[ -z "$simulator" ] || check 'right: in the simulator, too' has_line out '^In Oclgrind: .* 0 failed'
if [ -n "$simulator" ]; then
    status=0
    LD_PRELOAD=$lost_log ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
        "$program" kernel check product.cl --seconds 0 >out 2>err || status=$?
    check 'a log that cannot be read: fails' [ "$status" -eq 1 ]
    check 'a log that cannot be read: says so' has_line out \
        'whether Oclgrind saw a race is unknown: its log .*/clmlp-races-.* could not be read: Too many open files'
fi
# shellcheck disable=SC2016 # of Python
check 'right: the report' python3 -c 'import json
r = json.load(open("report.json"))
assert r["passed"] and r["device"] and r["file"] == "product.cl"
assert len(r["checks"]) > 30 and all(c["passed"] for c in r["checks"])
assert {s["system"] for s in r["speeds"]} >= {"yours", "clblast"}'

# all of them, or three that CLMLP_SAMPLE, a number, chooses
place=0 sample=${CLMLP_SAMPLE:-all}
for file in "$root"/examples/kernels/*.cl; do
    place=$((place + 1))
    [ "$sample" = all ] || [ $(((place + sample) % 7)) -lt 3 ] || continue
    succeeds kernel check "$file" --seconds 0 --quiet
    check "$file: all passed" has_line out ' passed, 0 failed'
done

# ---- wrong ones: kernels in tests/kernels, one of a kind ----

# Whether the first failure in out names the kernel and an element, and puts its message and its command into
# message and again.
# refused FILE KERNEL
refused() {
    check "$1: refused" [ "$status" -eq 1 ]
    check "$1: blamed" has_line out "your kernel .$2. in .*$1"
    grep -m1 'your kernel ' out >message || true
    sed -n 's/^ *again: //p' out | head -n 1 >again
    check "$1: an element" has_line message "$3"
    check "$1: a command" has_line again '^clmlp kernel check .* --only .* --shape ".*" --seed 1'
}

# wrong FILE KERNEL ELEMENT [varies]: refused, and its command fails alike.
wrong() {
    run kernel check "$root/tests/kernels/$1" --seconds 0
    refused "$@"
    mv message first
    status=0
    (
        # shellcheck disable=SC2317 # called by eval
        clmlp() { "$program" "$@"; }
        eval "$(cat again)"
    ) >out 2>err || status=$?
    refused "$@"
    # what was in memory before may be any number; VARIES: so may the element be, and the run that shows it
    shown='s/ is [^;]*;/ is …;/'
    [ "${4-}" != varies ] || shown='s/\.cl: .*/.cl/'
    sed "$shown" first >first.shown
    sed "$shown" message >message.shown
    check "$1: the command fails in the same way" cmp -s first.shown message.shown
}

wrong off_by_one.cl product 'Y\[0,0\] is '
wrong wrong_stride.cl product 'Y\[0,1\] is '
wrong no_tail.cl product 'Y\[0,0\] is '
wrong nan_lost.cl linear_forward 'Y\[0,0\] is 0; nan is right'
wrong written_outside.cl update 'writes outside of v: .* at v\[1\], which is beyond it'
wrong transposed.cl linear_backward_params 'dW\[0,1\] is '
wrong half_precision.cl softmax 'P\[0,0\] is '
wrong uninitialised.cl product 'Y\[0,0\] is ' varies
wrong race.cl product 'Y\[0,0\] is ' varies
[ -z "$simulator" ] || wrong missing_barrier.cl product 'Y\[.*\] is .*; Oclgrind reports: Read-write data race .* at line 12 ' varies

# ---- what a file may have ----

cat >syntax.cl <<'END'
__kernel void product(int B)
{
    B = ;
}
END
refuses 'syntax.cl does not build' check syntax.cl --seconds 0
check 'syntax: the log names the line' has_line err 'syntax.cl:3'
echo '__kernel void product(int B, __global float *Y) { Y[0] = B; }' >arguments.cl
refuses 'takes 2 arguments, not 6; declare it as' check arguments.cl
echo '__kernel void product(int B, int I, int O, float X, __global float *W, __global float *Y) { Y[0] = X; }' >kind.cl
refuses 'something else as its argument number 4, which must be float \*X' check kind.cl
echo '__kernel void prodcut(__global float *Y) { Y[0] = 1; }' >name.cl
refuses 'no kernel that can be checked, but one that is called .prodcut.' check name.cl
{
    cat product.cl
    echo '__kernel void helper(__global float *Y) { Y[0] = 1; }'
} >two.cl
succeeds kernel check two.cl --only product --shape 'B=1 I=1 O=1'
check 'a kernel without an entry is named' has_line err 'the kernel .helper. in two.cl is not checked'
run kernel check two.cl --only softmax
check 'a kernel that is not there' has_line err 'two.cl has no kernel called .softmax.'
check 'is wrong usage' [ "$status" -eq 2 ]
run kernel check two.cl --only product --shape 'B=1 C=2'
check 'a shape of another operation' [ "$status" -eq 2 ]
run kernel check two.cl --shape 'B=1 I=1 O=1'
check 'a shape needs a kernel' has_line err 'it needs the kernel, as in --only product'
sed 's/__kernel void/__attribute__((reqd_work_group_size(4, 2, 3))) &/' product.cl >group.cl
refuses 'its reqd_work_group_size is 4 x 2 x 3, but it is launched in two dimensions' check group.cl
{ echo '#define PRODUCT_TILE_ROWS -1'; cat product.cl; } >tile.cl
refuses 'PRODUCT_TILE_ROWS is -1; it must be at least 1' check tile.cl
sed 's/sum = 0.0f/sum = ZERO/' product.cl >"with space's.cl"
succeeds kernel check "with space's.cl" --build '-DZERO=0.0f' --only product --shape 'B=2 I=3 O=4'
run kernel check "with space's.cl" --build '-DZERO=1.0f' --seconds 0
# shellcheck disable=SC1003 # a quote in quotes
check 'the command quotes what it must' has_line out "again: clmlp kernel check 'with space'\\\\''s.cl' --device [0-9:]* --build -DZERO=1.0f"
cat >far.cl <<'END'
__kernel void update(int n, float rate, float momentum, __global const float *g, __global float *W,
                     __global float *v)
{
    if (get_global_id(0) == 0)
        for (long i = 0; i < 1000000000; i += 1000)
            W[i << 8] = 1;
}
END
run kernel check far.cl --seconds 0
check 'a kernel that ends the process: fails' [ "$status" -eq 1 ]
check 'it is blamed, by its file and with a command' has_line err 'your kernels in far.cl: .*again: clmlp kernel check far.cl'
finish
