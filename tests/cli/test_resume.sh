#!/bin/sh
# Runs that are stopped at random moments, by Ctrl-C, by SIGKILL and by a full disk, and go on: the model is that
# of a run without a stop, to the bit. Adam, dropout, batch normalisation, augmentation and streamed data.
#
#   test_resume.sh PROGRAM ROOT FULL_DISK [COUNT [SEED]]
#
# COUNT moments for each way to stop and each backend, by default 1, with SEED, by default that of CLMLP_SAMPLE.
set -eu
full_disk=$(realpath "$3")
count=${4:-1}
seed=${5:-${CLMLP_SAMPLE:-1}}
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
require_device 'resume'

# The next random number from 1 to $1, in drawn.
number=0
draw() {
    number=$((number + 1))
    drawn=$(awk -v seed="$seed" -v n=$number -v most="$1" 'BEGIN {
        s = 12345
        text = seed " " n
        for (i = 1; i <= length(text); i++)
            s = (s * 131 + index(" 0123456789abcdefghijklmnopqrstuvwxyz", substr(text, i, 1))) % 2147483647
        for (i = 0; i < 3; i++)
            s = s * 48271 % 2147483647
        print s % most + 1 }')
}

"$program" data make --rows 500 --out set >made
arguments='--data set --val 0.2 --hidden 256,48 --optimizer adam --dropout 0.2 --norm batch
    --augment flip,shift=2 --resident no --shard 300 --batch 50 --epochs 8 --seed 3 --quiet'
steps=320 # 2,000 rows in minibatches of 50
stops=0   # of runs that were not complete

# shellcheck disable=SC2317 # called through check
same_model() { cmp -s "whole-$1/model.safetensors" part/model.safetensors; }

# Goes on until the run is complete.
go_on() {
    status=0
    "$program" train --resume part --quiet >out 2>err || status=$?
}

# shellcheck disable=SC2317 # called through await
has_checkpoint() { [ -s part/checkpoint.safetensors ]; }
# shellcheck disable=SC2317 # called through check
is_complete() { [ -s part/run.json ] && ! grep -q '"stopped"' part/run.json; }

# The run in part has been stopped by $2 at a place $3: it goes on to the model of backend $1.
expect_same() {
    if ! is_complete; then
        stops=$((stops + 1))
        go_on
    fi
    check "$1, $2 at $3 (seed $seed): it goes on" is_complete
    check "$1, $2 at $3 (seed $seed): the same bits" same_model "$1"
    check "$1, $2 at $3 (seed $seed): no checkpoint stays" [ ! -e part/checkpoint.safetensors ]
    rm -rf part
}

# Checkpoints differ in their steps: a step is long enough that a pause of milliseconds ends at another one.
pause() {
    draw 800
    moment=0.$(printf '%03d' "$drawn")
    sleep "$moment"
}

for backend in blas opencl; do
    # shellcheck disable=SC2086 # words
    succeeds train $arguments --backend $backend --out whole-$backend
    check "$backend: a run without a stop" [ -s whole-$backend/model.safetensors ]
    i=0
    while [ $i -lt "$count" ]; do
        i=$((i + 1))
        # shellcheck disable=SC2086 # words
        start "$program" train $arguments --backend $backend --checkpoint-every 20 --out part
        await $process has_checkpoint
        pause
        kill -INT $process 2>kill.err || true
        wait $process || true
        expect_same $backend 'an interrupt' "$moment s"

        # shellcheck disable=SC2086 # words
        start "$program" train $arguments --backend $backend --checkpoint-every 3 --out part
        await $process has_checkpoint
        pause
        kill -KILL $process 2>kill.err || true
        wait $process 2>wait.err || true
        expect_same $backend 'SIGKILL' "$moment s"

        draw $((steps / 10))
        # shellcheck disable=SC2086 # words
        FULL_DISK="$PWD/part" FULL_DISK_AFTER=$drawn LD_PRELOAD=$full_disk \
            ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
            "$program" train $arguments --backend $backend --checkpoint-every 10 --out part >out 2>err || true
        check "$backend, full disk: it says so" has_line err 'No space left on device'
        check "$backend, full disk: a checkpoint stays" has_checkpoint
        expect_same $backend 'a full disk' "write $drawn"
    done
done
check "some of the runs were stopped: $stops of $((6 * count))" [ $stops -gt 0 ]
[ "$count" -eq 1 ] || echo "stopped and gone on: $stops of $((6 * count)) runs"
finish
