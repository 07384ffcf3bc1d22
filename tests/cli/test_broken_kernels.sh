#!/bin/sh
# Wrong kernels: what doctor, verify and train say about a device that uses them. A run takes a sample of the
# faults (in_sample).
#
#   test_broken_kernels.sh PROGRAM ROOT
# shellcheck disable=SC2317 # each fault is called by its name
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device 'broken kernels'
run data make --out data --rows 200

# a kernel of every device does not build
unbuilt_softmax() {
    printf '\nno kernel\n' >>broken/softmax.cl
    fails 'softmax' train --data data --backend opencl
    fails 'can be trained on' doctor
    check 'doctor: a kernel that does not build is named' has_line out 'verdict: refused\. .*softmax.cl .*does not build'
}

# a row's probabilities do not add up to 1; only this kernel is wrong
unnormalised_softmax() {
    sed 's/exp(z\[c\] - largest) \/ sum/exp(z[c] - largest)/' "$root/kernels/softmax.cl" >broken/softmax.cl
    fails 'can be trained on' doctor
    check 'doctor: what is wrong is named' has_line out 'verdict: refused\. .*softmax'
    check 'doctor: how to see it again' has_line out "again: CLMLP_KERNEL_DIR='$temporary/broken' clmlp verify --device .* --only softmax.* --shape \"B="
}

# rows are mirrored to a wrong place: products do not use this kernel, and are not blamed
mirrored_pictures() {
    sed 's/a.width - 1 - moved_x/a.width - moved_x/' "$root/kernels/augment.cl" >broken/augment.cl
    check 'augment.cl is broken now' [ "$(cmp -s broken/augment.cl "$root/kernels/augment.cl" && echo same)" != same ]
    fails 'can be trained on' doctor --json doctor.json
    check 'doctor: what is shared is wrong' has_line out '^  BAD  shared  *WRONG in .*: gather_augmented  '
    check 'doctor: nothing else is' [ "$(sed -n '/^device/,$p' out | grep -c '^  BAD ')" -eq "$(grep -c '^  BAD  shared ' out)" ]
    check 'doctor: no provider is charged in JSON' has_line doctor.json '"wrong": ""'
    check 'doctor: refused for it' has_line out 'verdict: refused\. gather_augmented, for which there is no other'
    # the smallest failing pictures have a single line
    fails 'checks failed' verify --only gather_augmented
    check 'verify: the smallest picture' has_line out '^    again: .* --shape "N=[0-9]* B=[1-9] 1x1x[12] first=0 flip" --seed 1$'
}

# wrong products for CPU devices: other products are used
wrong_products() {
    sed 's/z + load_some(b + n + j, count)/z/' "$root/kernels/gemm_cpu.cl" >broken/gemm_cpu.cl
    succeeds doctor --json doctor.json
    check 'doctor: usable with the others' has_line out 'verdict: usable with clblast.* native computes wrongly here'
    check 'doctor: what is wrong in JSON' has_line doctor.json '"wrong": "native"'
    check 'doctor: shared is right' has_line out '^  ok   shared  *right in '
    fails 'self-test|native is not used' train --data data --backend opencl --gemm native
    succeeds train --data data --backend opencl --epochs 1 --batch 32
    check 'the wrong provider is named and left out' has_line err 'native is not used on '
}

# products for CPU devices that do not build: a failed check, with the compiler's message; others are tried
unbuilt_products() {
    printf '\nno kernel\n' >>broken/gemm_cpu.cl
    succeeds doctor --json doctor.json
    check 'doctor: what does not build' has_line out '^  BAD  native  *does not build'
    check 'doctor: what the compiler says' has_line out "^ .*error: .*gemm_cpu.cl:[0-9]*:.*'no'"
    check 'doctor: usable with what builds' has_line out 'verdict: usable with clblast. native does not build here$'
    check 'doctor: what does not build in JSON' has_line doctor.json '"not_built": "native"'
    check 'doctor: nothing wrong in JSON' has_line doctor.json '"wrong": ""'
    rm -f verify.json
    fails 'checks failed, 1 of them with an error' verify --only linear_forward --json verify.json
    check "verify: what the compiler says" has_line out "^    error: .*gemm_cpu.cl:[0-9]*:.*'no'"
    check "verify: clblast is tried" has_line out '^[0-9]* checks on .* \(clblast\): [0-9]* passed, 0 failed'
    check "verify's JSON: the error" has_line verify.json "\"error\": \".*gemm_cpu.cl .*error: .*'no'"
    check "verify's JSON: how to see it again" has_line verify.json '"repeat": "CLMLP_KERNEL_DIR=.* clmlp verify --device [0-9:]* --gemm native --seed 1"'
    check "verify's JSON: clblast's checks" has_line verify.json '"provider": "clblast"'
    again=$(sed -n 's/^ *again: .* clmlp verify/verify/p' out | head -n 1)
    eval "fails 'checks failed, 1 of them with an error' $again --json verify.json"
    check "verify's JSON of one provider: the error" has_line verify.json '"error": "'
}

# right up to 16 outputs, wrong from 17 on
wrong_from_17_outputs() {
    sed 's/z + load_some(b + n + j, count)/O >= 17 ? z : z + load_some(b + n + j, count)/' "$root/kernels/gemm_cpu.cl" >broken/gemm_cpu.cl
    fails 'checks failed' verify --gemm native --only linear_forward
    check 'verify: 17 outputs' has_line out '^    again: .* --shape "B=1 I=1 O=17" --seed 1$'
}

# the step has the wrong sign
wrong_step() {
    sed 's/load(gs + (at))/-load(gs + (at))/' "$root/kernels/update.cl" >broken/update.cl
    check 'update.cl is broken now' [ "$(cmp -s broken/update.cl "$root/kernels/update.cl" && echo same)" != same ]
    fails 'checks failed' verify --backend opencl --json verify.json
    check 'verify tells whose kernels they are' has_line out '^its kernels come from .*/broken \(CLMLP_KERNEL_DIR\)'
    check 'so does its JSON' has_line verify.json '"kernels": ".*/broken"'
    check 'verify names the operation' has_line out '^(linear_backward_)?update .*FAILED'
    check "verify's JSON: red" has_line verify.json '"passed": false'
    check "verify's JSON: driver" has_line verify.json '"driver": "'
    check "verify's JSON: how to see it again" has_line verify.json '"repeat": "CLMLP_KERNEL_DIR=.* clmlp verify --device [0-9:]* '
    again=$(sed -n 's/^ *again: .* clmlp verify/verify/p' out | head -n 1)
    eval "fails 'checks failed' $again"
    check 'what verify prints repeats the failure' has_line out '^1 check on .* 0 passed, 1 failed'
}

# Each fault in a copy of the kernels, which the program uses.
run devices
has_native=$(grep -m 1 '\[CPU\]' out || true)
faults=0
for fault in unbuilt_softmax unnormalised_softmax mirrored_pictures wrong_products unbuilt_products \
    wrong_from_17_outputs wrong_step; do
    faults=$((faults + 1))
    in_sample $faults 3 || continue
    case $fault in *products | *outputs) [ "$has_native" ] || continue ;; esac
    rm -rf broken doctor.json verify.json
    cp -R "$root/kernels" broken
    export CLMLP_KERNEL_DIR="$temporary/broken"
    $fault
    unset CLMLP_KERNEL_DIR
done
finish
