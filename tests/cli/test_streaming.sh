#!/bin/sh
# Data that does not fit: training with limits on memory gives the same results as without.
#
#   test_streaming.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# refuses PATTERN ARGUMENT...: wrong usage of train.
refuses() {
    pattern=$1
    shift
    run train --data set "$@"
    check "train $*: wrong usage" [ "$status" -eq 2 ]
    check "train $*: says $pattern" has_line err "^clmlp: train: .*$pattern"
}

# fails PATTERN ARGUMENT...: training must fail.
fails() {
    pattern=$1
    shift
    run train --hidden 32 --gemm native "$@"
    check "train $*: fails" [ "$status" -eq 1 ]
    check "train $*: says $pattern" has_line err "^clmlp: train: .*$pattern"
}

refuses "it has to be a number of bytes" --memory 12X
refuses "it has to be a number of bytes" --memory 0
refuses "it may be up to 18446744073709551615 bytes" --memory 99999999999G
refuses "it has to be a number of bytes" --device-memory M
refuses "it has to be auto, yes or no" --resident maybe
refuses "it has to be a whole number of at least 1" --shard 0

# 10000 training rows of 3072 bytes: 29.3 MiB
"$program" data make --rows 2000 --seed 3 --out cifar >out
"$program" data convert --data cifar --to npy --out set >out

# train OUT OPTION...
train() {
    directory=$1
    shift
    run train --hidden 32 --gemm native --epochs 1 --batch 100 --lr 0.01 --val 500 --out "$directory" "$@"
    check "train $*: done" [ "$status" -eq 0 ]
}

train limited --data set --memory 20M
check "a limit of 20 MiB: half of it is planned" has_line out "at the peak .* of 10\.0 MiB"
shard=$(sed -n 's/^  two shards of \([0-9]*\) rows.*/\1/p' out)
check "a limit of 20 MiB: its shards" [ "${shard:-0}" -ge 1000 ]
train resident --data set --resident yes --shard "$shard"
check "the same shards, resident" has_line out "^  data set +[0-9.]+ MiB"
check "the same model" cmp limited/model.safetensors resident/model.safetensors
train streamed --data cifar --resident no --shard "$shard"
tail -c 390000 limited/model.safetensors >a
tail -c 390000 streamed/model.safetensors >b
check "the same parameters from rows that are not mapped" cmp a b # they differ in names of classes
rm -rf limited resident
train limited --data set --backend blas --device-memory 10M
shard=$(sed -n 's/^  two shards of \([0-9]*\) rows.*/\1/p' out)
train resident --data set --backend blas --shard "${shard:-1}"
check "blas: the same model" cmp limited/model.safetensors resident/model.safetensors
run eval resident/model.safetensors --gemm native --data set
cp out whole
run eval resident/model.safetensors --gemm native --data set --device-memory 17M
check "eval within a limit" cmp out whole
run eval resident/model.safetensors --gemm native --data set --device-memory 3M
check "eval within a low limit" [ "$status" -eq 0 ]

run train --hidden 32 --gemm native --data set --epochs 1 --device-memory 5000K
check "a minibatch in parts: trains" [ "$status" -eq 0 ]
check "a minibatch in parts: says so" has_line err 'note: steps of 128 rows do not fit .* each takes 2 parts of up to 64 rows'
fails "two minibatches of 128 rows" --data set --norm batch --device-memory 5000K
fails "training with resident data needs .*--device-memory" --data set --resident yes --device-memory 10M
fails "training, without its data, needs .*--device-memory" --data set --device-memory 100K
fails "half of the memory that is allowed is 10.0 MiB; allow more, or convert .*; see --memory; .clmlp data convert --to npy. writes" --data cifar --memory 20M
tar -cf cifar.tar cifar
fails "takes 35.2 MiB of memory, but half of the memory that is allowed is 10.0 MiB" --data cifar.tar --memory 20M

# A file is shortened during training. The first epoch's line shows that training has begun.
start "$program" train --data set --hidden 32 --gemm native --epochs 1000000 --resident no
await $process has_line out "^    1 "
: >set/x_train.npy
status=0
wait $process || status=$?
check "a file that becomes shorter: ends" [ "$status" -eq 1 ]
check "a file that becomes shorter: a sentence" has_line err "^clmlp: train: .* became shorter, or its disk failed, while it was read; run it again"

finish
