#!/bin/sh
# Runs among other programs: two at once, signals, drivers that die of a damaged cache, limits, full disks.
#
#   test_runs.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
require_device 'runs'

printf 'a,b,label\n1,2,0\n2,3,1\n1,1,0\n' >small.csv
awk 'BEGIN { print "a,b,label"; for (i = 0; i < 4000; i++) print i % 7 "," i % 5 "," i % 2 }' >data.csv

# ---- one run at a time in a directory ----

start "$program" train --data data.csv --backend reference --epochs 1000000 --out taken
await $process has_line out '^ *1  '
first=$process
cp out out.first
fails 'taken: another run is at work in this directory; name another one, .*see --out' train --data small.csv --backend reference --out taken
check 'the second run leaves the directory alone' [ -e taken/.lock ]
kill -TERM "$first"
status=0
wait "$first" || status=$?
check 'the first run is written' [ "$status" -eq 0 ]
check 'its lock is gone' [ ! -e taken/.lock ]
check 'its report is there' [ -s taken/run.json ]
fails 'taken holds a run that was stopped .checkpoint.safetensors.; go on with it by resume' train --data small.csv --backend reference --out taken

start "$program" train --data data.csv --backend reference --epochs 1000000 --out killed
await $process has_line out '^ *1  '
kill -KILL $process
wait $process 2>wait.err || true
check 'a killed run leaves its lock' [ -e killed/.lock ]
succeeds train --data small.csv --backend reference --quiet --out killed

# ---- signals ----

# ends_by SIGNAL NAME ARGUMENT...: after the first epoch
ends_by() {
    signal=$1
    name=$2
    shift 2
    start "$@" train --data data.csv --epochs 1000000 --out "$name"
    await $process has_line out '^ *1  '
    kill "-$signal" $process
    status=0
    wait $process || status=$?
}

# python3 gives the process the usual actions: a shell takes SIGQUIT's from its background processes, and nohup
# SIGHUP's
usual='import os, signal, sys
for number in (signal.SIGQUIT, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])'
ends_by HUP hung python3 -c "$usual" "$program"
check 'SIGHUP: done' [ "$status" -eq 0 ]
check 'SIGHUP: the run is written' [ -s hung/run.json ]
ends_by QUIT quit prlimit --core=0:0 python3 -c "$usual" "$program"
check 'SIGQUIT ends the program' [ "$status" -eq 131 ]
check 'SIGQUIT: nothing is kept' [ ! -e quit/run.json ]
rm -rf quit

# SIGQUIT stays ignored if it was; one interrupt then still writes the run
ignored='import os, signal, sys
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])'
start python3 -c "$ignored" "$program" train --data data.csv --epochs 1000000 --out ignoring
await $process has_line out '^ *1  '
kill -QUIT $process
kill -HUP $process
lines=$(wc -l <out)
# shellcheck disable=SC2317 # called through await
has_gone_on() { [ "$(wc -l <out)" -gt $((lines + 2)) ]; }
await $process has_gone_on
check 'SIGQUIT and SIGHUP are ignored, as after nohup' kill -INT $process
status=0
wait $process || status=$?
check 'an interrupt after SIGQUIT: done' [ "$status" -eq 0 ]
check 'an interrupt after SIGQUIT: the run is written' [ -s ignoring/run.json ]

# the reader of the table ends by the same interrupt
mkfifo table
# shellcheck disable=SC2217 # it only holds the pipe open
sleep 1000 <table &
reader=$!
: >err
"$program" train --data data.csv --backend reference --epochs 1000000 --out piped >table 2>err &
process=$!
# shellcheck disable=SC2317 # called through await
is_locked() { [ -e piped/.lock ]; }
await $process is_locked
kill -INT $process
await $process has_line err 'stopping after this step'
kill -KILL $reader
wait $reader 2>wait.err || true
status=0
wait $process || status=$?
check 'an interrupt without a reader: no signal ends it' [ "$status" -eq 1 ]
check 'an interrupt without a reader: it says so' has_line err 'standard output could not be written|stopped in the first epoch'

# ---- before the end of the first epoch ----

awk 'BEGIN { for (i = 0; i < 60000; i++) print i % 7 "," i % 5 "," i % 2 }' >long.csv
start "$program" train --data long.csv --backend reference --hidden 500,500 --batch 1 --out early
# shellcheck disable=SC2317 # called through await
has_begun() { has_line out '^  at the peak'; }
await $process has_begun
kill -TERM $process
status=0
wait $process || status=$?
check 'SIGTERM in the first epoch: exit 1' [ "$status" -eq 1 ]
check 'SIGTERM in the first epoch: a sentence' has_line err '^clmlp: train: stopped in the first epoch, as asked: there is no net yet; go on with: clmlp train --resume early$'
check 'SIGTERM in the first epoch: a checkpoint, and no run' [ -s early/checkpoint.safetensors -a ! -e early/run.json ]

start "$program" train --data long.csv --backend reference --hidden 500,500 --batch 1
await $process has_begun
kill -TERM $process
status=0
wait $process || status=$?
check 'SIGTERM in the first epoch without --out: exit 1' [ "$status" -eq 1 ]
check 'SIGTERM in the first epoch without --out: a sentence' has_line err '^clmlp: train: stopped before the end of the first epoch, as asked; nothing is kept'

# ---- a driver's cache of kernels ----

shared=$POCL_CACHE_DIR
export POCL_CACHE_DIR="$temporary/kernels"
mkdir kernels
succeeds train --data small.csv --hidden 4 --epochs 1 --gemm native --quiet
if [ "$(find kernels -name '*.so' | grep -c .)" -eq 0 ]; then
    echo 'SKIP damaged caches: the device is none of PoCL'
else
    cp -r kernels whole
    # damaged HOW NAME
    damaged() {
        rm -rf kernels
        cp -r whole kernels
        [ "$2" = '*.so' ] || find kernels -name '*.so' -delete
        find kernels -name "$2" >list
        while read -r file; do
            case $1 in
            short) head -c 1000 "$file" >part ;;
            empty) : >part ;;
            garbage) head -c 5000 "$program" | tr '\000-\377' '\001-\377\000' >part ;;
            esac
            cp part "$file"
        done <list
        fails "delete $temporary/kernels" train --data small.csv --hidden 4 --epochs 1 --gemm native --quiet
    }
    for how in short empty garbage; do
        damaged $how '*.so'
        damaged $how program.bc
    done
fi
export POCL_CACHE_DIR=/dev/null/kernels
fails 'PoCL cannot write /dev/null/kernels, its cache of compiled kernels: name another folder in POCL_CACHE_DIR' train --data small.csv
export POCL_CACHE_DIR="$shared"

# ---- limits ----

if ! nm "$program" 2>/dev/null | grep -q __asan_init; then
    # below: too few addresses for any thread of OpenBLAS, then for one alone
    for limit in 150000 200000 250000 300000 400000; do
        status=0
        prlimit --as=$((limit * 1024)) "$program" train --data small.csv --backend blas --quiet >out 2>err || status=$?
        check "ulimit -v $limit: it ends" [ "$status" -le 1 ]
        [ "$status" -eq 0 ] || check "ulimit -v $limit: a sentence" has_line err '^clmlp: train: .*OpenBLAS needs 129 MiB of addresses'
        status=0
        prlimit --as=$((limit * 1024)) "$program" train --data small.csv --backend reference --quiet >out 2>err || status=$?
        check "ulimit -v $limit: without OpenBLAS" [ "$status" -eq 0 ]
    done
fi

# ---- causes ----

for backend in blas opencl; do
    printf 'a,b,label\n3e38,3e38,0\n-3e38,3e38,1\n1,1,0\n' >huge.csv
    fails 'before the first step.*largest input of the net is 3e\+38 .training row 0, feature 0.*standardise the inputs.*see --standardize' train --data huge.csv --standardize none --init he --backend $backend
    fails 'before the first step.*largest initial weight [0-9.]+e\+30.*smaller initial weights; see --init' train --data small.csv --init normal:1e30 --backend $backend
done
fails 'diverged.*lower the learning rate .1e\+30.' train --data small.csv --lr 1e30 --backend blas

# ---- texts of the user ----

long=$(head -c 5000 /dev/zero | tr '\0' p)
run data info --data "$long"
check 'a long path leaves the reason' has_line err 'p\.\.\.p.*: File name too long$'
escape=$(printf 'no\033[31mfile')
run data info --data "$escape"
check 'control characters of a path' has_line err 'no\?\[31mfile is no file'
run train --data small.csv "$escape"
check 'control characters of an operand' has_line err 'options only, not no\?\[31mfile'

# ---- the file that is read ----

succeeds train --data small.csv --backend reference --quiet --out model
cp small.csv table.csv
run predict model --data table.csv --split train --backend reference --out table.csv
check 'predict: the data is not replaced' cmp small.csv table.csv
check 'predict: it says so' has_line err '^clmlp: predict: --out table.csv: it is the file of --data'
run predict model/model.safetensors --data small.csv --split train --backend reference --out model/model.safetensors
check 'predict: the model is not replaced' has_line err '^clmlp: predict: --out model/model.safetensors: it is the MODEL itself'
echo old >rows.csv
succeeds predict model --data small.csv --split train --backend reference --out rows.csv
check 'predict: another file is replaced' has_line rows.csv '^row,class'

# ---- rows and head line ----

succeeds predict model --data data.csv --split train --backend reference --limit 5
check 'predict --limit' [ "$(grep -c . out)" -eq 6 ]
succeeds eval model --data small.csv --test data.csv --backend reference --limit 7
check 'eval --limit' has_line out '^rows +7$'
succeeds train --data small.csv --backend reference --schedule cosine
check 'the head line names the schedule' has_line out '^training .*learning rate 0.01 \(cosine\)'

# ---- optimisers, learning rates, and an early end ----

succeeds train --data data.csv --backend reference --optimizer adamw --schedule one-cycle --warmup 0 --epochs 2
check 'the head line names the rule and its numbers' has_line out \
    '^training .*learning rate 0.001 \(one-cycle\), adamw beta1 0.9 beta2 0.999 epsilon 1e-08 weight-decay 0.01, l2 '
fails 'beta1 0.5 is no number of sgd; .*see --beta1 and --optimizer' train --data small.csv --backend reference --beta1 0.5
fails 'gamma 0.5 changes nothing with the schedule cosine; .*see --gamma and --schedule' train --data small.csv --backend reference --gamma 0.5
fails 'there are no validation rows; .*see --val and --stop-after' train --data small.csv --backend reference --stop-after 2
run train --data small.csv --backend reference --max-time soon
check 'no duration: wrong usage' [ "$status" -eq 2 ]
check 'no duration: it says so' has_line err '^clmlp: train: --max-time soon: it has to be a number above 0 of seconds'

# the labels cannot be learned, so that the loss of the validation rows soon gets no better
succeeds train --data data.csv --backend reference --val 0.25 --epochs 60 --lr 0.1 --stop-after 2 --out best
check 'it stops before the last epoch' has_line err '^clmlp: train: note: stopped after epoch [0-9]+ of 60: no better validation loss for 2 epochs'
succeeds eval best --data data.csv --val 0.25 --split val --backend reference --json score.json
check 'the net of the best epoch is kept' python3 -c 'import json
run, score = json.load(open("best/run.json")), json.load(open("score.json"))
losses = [epoch["val_loss"] for epoch in run["epochs"]]
kept = run["kept_epoch"]
assert losses[kept - 1] == min(losses) and kept == len(losses) - 2, (kept, losses)
assert abs(score["loss"] - losses[kept - 1]) < 1e-6, (score["loss"], losses)'
succeeds train --data data.csv --backend reference --epochs 1000000 --max-time 0.5s
check 'it stops in time' has_line err '^clmlp: train: note: stopped after epoch [0-9]+ of 1000000: there is no time for another one within 0.5s'

# ---- output that cannot be written ----

for arguments in 'train --data small.csv --backend reference' 'data info --data small.csv' devices doctor \
    'eval model --data small.csv --split train --backend reference' 'bench --backend reference --layers 4,3 --batch 2 --seconds 0.01' \
    'predict model --data small.csv --split train --backend reference' 'gradcheck --backend reference' \
    'verify --backend reference --only softmax' 'tune --layers 4,3 --batch 2' '--help' '--version' 'train --help'; do
    status=0
    # shellcheck disable=SC2086 # arguments are words
    "$program" $arguments >/dev/full 2>err || status=$?
    check "clmlp $arguments: a full disk" [ "$status" -eq 1 ]
    check "clmlp $arguments: it says so" has_line err '^clmlp: .*standard output could not be written'
    : >err
    # shellcheck disable=SC2086 # arguments are words
    "$program" $arguments 2>err | true
    check "clmlp $arguments: a pipe without a reader" lacks_line err 'Broken pipe|ended the program'
done
finish
