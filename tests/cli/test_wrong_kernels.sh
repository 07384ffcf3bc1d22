#!/bin/sh
# No training uses a wrong kernel: a run with a fault in it ends like one of the blas backend, or is refused.
# A run takes a sample of the faults (in_sample).
#
#   test_wrong_kernels.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device 'wrong kernels'
# 500 rows in minibatches of 60: the last one has 20
run data make --out data --rows 100
settings='--data data --hidden 64 --epochs 2 --batch 60 --lr 0.02 --l2 0.001'

# The table has 97 columns of numbers and 12 classes.
awk 'BEGIN {
    for (r = 0; r < 90; r++) {
        for (c = 0; c < 97; c++) printf "%.3f,", sin(r * 13 + c * 7) 
        print r % 12
    }
}' >table.csv
run train --data table.csv --backend blas --hidden 8 --epochs 1 --batch 30 --out trained
[ "$status" -eq 0 ] || failed "a net of the table: $(cat err)"

# Writes a command's losses and accuracies, or a prediction's rows, to the file numbers.
# numbers COMMAND ARGUMENT...
numbers() {
    run "$@"
    if [ "$1" = predict ]; then cat out; else grep -E '^(test|train|loss|accuracy) ' out; fi |
        grep -Eo '[0-9]+(\.[0-9]+)?' >numbers || true
}

# breaks WHAT FILE SED: kernels/FILE, changed by SED, in broken/.
breaks() {
    rm -rf broken
    cp -R "$root/kernels" broken
    sed "$3" "$root/kernels/$2" >"broken/$2"
    check "$1: $2 is broken now" [ "$(cmp -s "broken/$2" "$root/kernels/$2" && echo same)" != same ]
}

faults=0
# right_or_refused_in WHAT FILE SED COMMAND ARGUMENT...: broken kernels give blas's results, or it refuses.
right_or_refused_in() {
    name=$1
    faults=$((faults + 1))
    in_sample $faults 3 || return 0
    breaks "$1" "$2" "$3"
    shift 3
    numbers "$@" --backend blas
    check "$name: blas has numbers" [ "$status" -eq 0 ] && [ -s numbers ]
    mv numbers right
    export CLMLP_KERNEL_DIR="$temporary/broken"
    numbers "$@" --backend opencl
    unset CLMLP_KERNEL_DIR
    if [ "$status" -ne 0 ]; then
        check "$name: refused by name" has_line err 'computes wrongly|fails its self-test'
    else
        # shellcheck disable=SC2016 # of awk
        check "$name: as with blas" \
            awk 'FILENAME == "right" { right[FNR] = $1; count = FNR; next }
                 { off = $1 - right[FNR]; if (off > 2e-4 || off < -2e-4) exit 1 }
                 END { exit !(count && FNR == count) }' right numbers
    fi
}

# right_or_refused WHAT FILE SED OPTION...: the same for training.
right_or_refused() {
    what=$1 file=$2 fault=$3
    shift 3
    # shellcheck disable=SC2086 # settings are words
    right_or_refused_in "$what" "$file" "$fault" train $settings "$@"
}

right_or_refused momentum gemm_cpu.cl 's/VECTOR m = LOAD(ms + at)/VECTOR m = 0.5f * LOAD(ms + at)/'
right_or_refused 'the last minibatch' gemm_cpu.cl 's/VECTOR m = LOAD(ms + at)/VECTOR m = (depth == 20 ? 2 : 1) * LOAD(ms + at)/'
right_or_refused 'the end of the net' head_cpu.cl 's/ \/ sum - target/ \/ sum * 2 - target/'
right_or_refused 'the step of Adam' optimiser.cl 's/v = s.beta2 \* v + s.rest2 \* g \* g; /v = s.beta2 * v + s.rest2 * g;     /' --optimizer adam
right_or_refused 'the step of Nesterov' optimiser.cl 's/(n + s.momentum \* m)/(n + m)/' --optimizer nesterov
right_or_refused 'the penalty of absolute weights' update.cl 's/l1 \* sign(w)/-l1 * sign(w)/' --l1 0.01
right_or_refused 'the gradient that Adam stores' gemm_cpu.cl '/product_gradient(/,/^}/s/VECTOR d = LOAD/VECTOR d = (B == 20 ? 2.0f : 1.0f) * LOAD/' --optimizer adam
right_or_refused mirroring augment.cl 's/a.width - 1 - moved_x/a.width - 2 - moved_x/' --augment flip
right_or_refused mixing augment.cl 's/(1.0f - a.share) \* y/(0.9f - a.share) * y/' --augment mixup=0.5
right_or_refused 'the loss of few rows' softmax.cl 's/ \/ sum) - target) \/ B/ \/ sum) - target) \/ (B == 20 ? 10 : B)/' --gemm clblast
right_or_refused 'momentum after CLBlast' optimiser.cl 's/float m = ms\[at\]/float m = 0.5f * ms[at]/' --gemm clblast
right_or_refused 'the gate at 0' activation.cl 's/of > (type)/of >= (type)/' --gemm clblast
right_or_refused 'the gate at 0 in panels' activation.cl 's/of > (type)/of >= (type)/' --gemm native
right_or_refused 'the slope of tanh' activation.cl 's/(1.0f - (of)) \* (1.0f + (of))/1.0f - (of)/' --activation tanh --init he
right_or_refused 'the saved gate' activation.cl 's/WITHIN(type, z, FAR) \* NORMAL_AT(z)/NORMAL_AT(z)/' --activation gelu
right_or_refused 'far inputs' gather.cl '0,/TO_FLOAT(LOAD(from + i))/s//(begin + i >= 64 ? 0.5f : 1.0f) * &/'
right_or_refused 'right predictions' softmax.cl 's/lane == 0)$/lane == 0 \&\& (corrects[0] += 1.0f) > 0)/'
for command in 'train --hidden 8 --epochs 2 --batch 30' 'eval trained --split train' 'predict trained --split train'; do
    # shellcheck disable=SC2086 # words
    right_or_refused_in "floats: $command" gather.cl 's/TO_FLOAT(LOAD(from + i))/(sizeof *from == 4 ? 0.5f : 1.0f) * &/' $command --data table.csv
done
right_or_refused_in 'floats as they lie' gather.cl '/type \*from/s/n \* I/(is_ordered || sizeof *from == 1 ? n : n ^ 1) * I/' eval trained --data table.csv --split train
right_or_refused_in 'probabilities of 12 classes' softmax.cl 's/p\[c\] = exp/p[c] = (C == 12 ? 0.5f : 1.0f) * exp/' predict trained --data table.csv --split train
right_or_refused_in 'predictions of 12 classes' softmax.cl 's/lane == 0)$/lane == 0 \&\& (corrects[0] += C == 12) >= 0)/' eval trained --data table.csv --split train
finish
