#!/bin/sh
# Kernels that are wrong: what doctor, verify and train say of a device that computes with them.
#
#   test_broken_kernels.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

run devices
if [ "$status" -ne 0 ]; then
    echo 'SKIP broken kernels: no OpenCL device'
    exit 77
fi
run data make --out data --rows 200

cp -R "$root/kernels" broken
printf '\nno kernel\n' >>broken/softmax.cl
export CLMLP_KERNEL_DIR="$temporary/broken"
fails 'softmax' train --data data --backend opencl
fails 'can be trained on' doctor
check 'doctor: a kernel that does not build is named' has_line out 'verdict: refused\. .*softmax.cl does not build'
# a row's probabilities do not add up to 1: no other kernel does it
sed 's/exp(z\[c\] - largest) \/ sum/exp(z[c] - largest)/' "$root/kernels/softmax.cl" >broken/softmax.cl
fails 'can be trained on' doctor
check 'doctor: what is wrong is named' has_line out 'verdict: refused\. .*softmax'
check 'doctor: how to see it again' has_line out 'again: clmlp verify --device .* --only softmax.* --shape "B='
cp "$root/kernels/softmax.cl" broken
unset CLMLP_KERNEL_DIR

# products that are wrong for CPU devices: the others are used
sed 's/z + load_some(b + n + j, count)/z/' "$root/kernels/gemm_cpu.cl" >broken/gemm_cpu.cl
export CLMLP_KERNEL_DIR="$temporary/broken"
run devices
if grep -q '\[CPU\]' out; then
    succeeds doctor --json doctor.json
    check 'doctor: usable with the others' has_line out 'verdict: usable with clblast.* native computes wrongly here'
    check 'doctor: what is wrong in JSON' has_line doctor.json '"wrong": "native"'
    fails 'self-test|native is not used' train --data data --backend opencl --gemm native
    succeeds train --data data --backend opencl --epochs 1 --batch 32
    check 'the wrong provider is named and left out' has_line err 'native is not used on '
fi
cp "$root/kernels/gemm_cpu.cl" broken
unset CLMLP_KERNEL_DIR
# the sign of the step
sed 's/w\[i\] - /w[i] + /; s/-= /+= /' "$root/kernels/update.cl" >broken/update.cl
check 'update.cl is broken now' [ "$(cmp -s broken/update.cl "$root/kernels/update.cl" && echo same)" != same ]
export CLMLP_KERNEL_DIR="$temporary/broken"
fails 'checks failed' verify --backend opencl --json verify.json
check 'verify names the operation' has_line out '^(linear_backward_)?update .*FAILED'
check "verify's JSON: red" has_line verify.json '"passed": false'
check "verify's JSON: driver" has_line verify.json '"driver": "'
check "verify's JSON: how to see it again" has_line verify.json '"repeat": "clmlp verify --device [0-9:]* '
again=$(sed -n 's/^ *again: clmlp //p' out | head -n 1)
eval "fails 'checks failed' $again"
check 'what verify prints repeats the failure' has_line out '^1 checks on .* 0 passed, 1 failed'
unset CLMLP_KERNEL_DIR

finish
