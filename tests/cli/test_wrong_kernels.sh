#!/bin/sh
# Nobody trains with a kernel that is wrong: with a fault in it, a run ends as one of the blas backend does, or is refused.
#
#   test_wrong_kernels.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device 'wrong kernels'
# 500 rows in minibatches of 60: the last one has 20
run data make --out data --rows 100
settings='--data data --hidden 64 --epochs 2 --batch 60 --lr 0.02 --l2 0.001'

# loss OPTION...: of the test rows, into the file loss.
loss() {
    # shellcheck disable=SC2086 # settings are words
    run train $settings "$@"
    sed -n 's/^test  *loss \([0-9.]*\),.*/\1/p' out >loss
}

# right_or_refused WHAT FILE SED OPTION...: trains with kernels/FILE as sed makes it.
right_or_refused() {
    name=$1 file=$2 fault=$3
    shift 3
    rm -rf broken
    cp -R "$root/kernels" broken
    sed "$fault" "$root/kernels/$file" >"broken/$file"
    check "$name: $file is broken now" [ "$(cmp -s "broken/$file" "$root/kernels/$file" && echo same)" != same ]
    loss --backend blas "$@"
    mv loss right
    export CLMLP_KERNEL_DIR="$temporary/broken"
    loss --backend opencl "$@"
    unset CLMLP_KERNEL_DIR
    if [ "$status" -ne 0 ]; then
        check "$name: refused by name" has_line err 'computes wrongly|fails its self-test'
    else
        check "$name: as with blas ($(cat loss), $(cat right))" \
            awk -v got="$(cat loss)" -v right="$(cat right)" \
            'BEGIN { off = got - right; exit !(got != "" && right != "" && off < 1e-4 && off > -1e-4) }'
    fi
}

right_or_refused momentum gemm_cpu.cl 's/momentum \* LOAD(v/0.5f * momentum * LOAD(v/'
right_or_refused 'the last minibatch' gemm_cpu.cl 's/momentum \* LOAD(v/(depth == 20 ? 2 : 1) * momentum * LOAD(v/'
right_or_refused 'the end of the net' head_cpu.cl 's/ \/ sum - target/ \/ sum * 2 - target/'
right_or_refused mirroring augment.cl 's/a.width - 1 - moved_x/a.width - 2 - moved_x/' --augment flip
right_or_refused mixing augment.cl 's/(1.0f - a.share) \* y/(0.9f - a.share) * y/' --augment mixup=0.5
right_or_refused 'the loss of few rows' softmax.cl 's/ \/ sum - target) \/ B/ \/ sum - target) \/ (B == 20 ? 10 : B)/' --gemm clblast
right_or_refused 'momentum behind CLBlast' bias_gradient.cl 's/momentum \* v\[o\]/0.5f * momentum * v[o]/' --gemm clblast

finish
