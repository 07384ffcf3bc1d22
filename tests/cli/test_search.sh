#!/bin/sh
# clmlp search: what it tries, that it goes on where it was stopped, and what it refuses.
#
#   test_search.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

python3 - <<'END'
import random
random.seed(1)
with open("rings.csv", "w") as file:
    file.write("x,y,class\n")
    for i in range(600):
        x, y = random.uniform(-1, 1), random.uniform(-1, 1)
        file.write(f"{x:.4f},{y:.4f},{'in' if x * x + y * y < 0.5 else 'out'}\n")
END
quick='--data rings.csv --backend blas --batch 20 --epochs 4'

# search ARGUMENT...: sets out, err and status.
search() {
    # shellcheck disable=SC2086 # options are words
    run search $quick "$@"
}

# says STATUS PATTERN ARGUMENT...: ends with this exit code and a sentence.
says() {
    code=$1 pattern=$2
    shift 2
    search "$@"
    check "search $*: exit code $code" [ "$status" -eq "$code" ]
    check "search $*: says $pattern" has_line err "^clmlp: search: .*$pattern"
}
refuses() { says 2 "$@"; }
fails_with() { says 1 "$@"; }

# without_seconds FILE.csv
without_seconds() {
    python3 -c 'import csv, sys
for row in csv.DictReader(open(sys.argv[1])):
    row.pop("seconds")
    print(row)' "$1"
}

# ---- random ----

search --over lr=0.001..1,hidden=8/16+8 --trials 5 --out random
check 'random: succeeds' [ "$status" -eq 0 ]
check 'random: a fifth is held out' has_line err 'note: .*0.2 of the training rows, 120, are held out'
check 'random: five runs' [ "$(grep -cE '^ +[1-5] +4 ' out)" -eq 5 ]
check 'random: a row each' [ "$(wc -l <random/trials.csv)" -eq 6 ]
check 'random: + stands for a comma' grep -qE '^[1-5],4,[0-9.e-]+,("16,8"|8),' random/trials.csv
cp random/trials.csv random.csv

# The printed command and best.conf train the best net again, to the same accuracy.
best=$(python3 -c 'import csv
rows = list(csv.DictReader(open("random.csv")))
print(max(rows, key=lambda r: (float(r["val_accuracy"]), -float(r["val_loss"])))["val_accuracy"])')
# val_accuracy RUN: of the last epoch
val_accuracy() {
    python3 -c 'import json, sys
print("%.9g" % json.load(open(sys.argv[1] + "/run.json"))["epochs"][-1]["val_accuracy"])' "$1"
}
command=$(sed -n 's/^  clmlp train /train /p' out)
# shellcheck disable=SC2086 # its values are plain words
run $command
check 'the printed command: succeeds' [ "$status" -eq 0 ]
check 'the printed command: the accuracy of the table' [ "$(val_accuracy run)" = "$best" ]
run train --config random/best.conf --out again
check 'best.conf: the accuracy of the table' [ "$(val_accuracy again)" = "$best" ]

search --over lr=0.001..1,hidden=8/16+8 --trials 5 --out random
check 'nothing is left to do: succeeds' [ "$status" -eq 0 ]
check 'nothing is left to do: nothing is done' cmp -s random/trials.csv random.csv
check 'nothing is left to do: the table of the best' has_line out '^the best of 5 trials with 4 epochs'
search --over lr=0.001..1,hidden=8/16+8 --trials 7 --out random
check 'more trials: those that are there stay' [ "$(head -n 6 random/trials.csv | cmp - random.csv && wc -l <random/trials.csv)" -eq 8 ]

search --over shuffle=on/off,hidden=4/8 --trials 50 --quiet
check 'a small space: succeeds' [ "$status" -eq 0 ]
check 'a small space: all that there are, once each' has_line out '^the best of 4 trials'

# A trial that stops early is done, and its best epoch counts.
search --over lr=0.01/0.3 --trials 2 --stop-after 1 --stop-by accuracy --out early
check 'stopped early: succeeds' [ "$status" -eq 0 ]
check 'stopped early: both trials' [ "$(wc -l <early/trials.csv)" -eq 3 ]
run train --config early/best.conf --out early-run
check 'stopped early: the accuracy of the epoch that is kept' python3 -c 'import csv, json
run = json.load(open("early-run/run.json"))
best = max(csv.DictReader(open("early/trials.csv")), key=lambda r: (float(r["val_accuracy"]), -float(r["val_loss"])))
assert "%.9g" % run["epochs"][run["kept_epoch"] - 1]["val_accuracy"] == best["val_accuracy"]'

# A trial that cannot be trained costs only itself.
search --over lr=0.1/1e30 --trials 2 --out failed
check 'a failed trial: the search succeeds' [ "$status" -eq 0 ]
check 'a failed trial: says why' has_line err 'note: trial [12]: .*diverged'
check 'a failed trial: stands in the table' grep -qE ',1e30,,,[0-9.]+,.*diverged' failed/trials.csv
search --over lr=1e30/1e31 --trials 2
check 'only failed trials: fails' [ "$status" -eq 1 ]
check 'only failed trials: says so' has_line err 'no trial could be trained'

# ---- Hyperband ----

quick='--data rings.csv --backend blas --batch 20 --epochs 9'
search --over lr=0.001..1 --method hyperband --trials 12 --metric loss --out hyper
check 'Hyperband: succeeds' [ "$status" -eq 0 ]
# nine trials for 1 epoch, three for 3, one for 9; then three for 3, one for 9
check 'Hyperband: runs' [ "$(cut -d, -f2 hyper/trials.csv | sort | uniq -c | tr -s ' \n' ' ')" = ' 9 1 6 3 2 9 1 epochs ' ]
check 'Hyperband: the best go on' python3 -c 'import csv
rows = list(csv.DictReader(open("hyper/trials.csv")))
first = sorted(rows[:9], key=lambda r: float(r["val_loss"]))
assert {r["trial"] for r in rows[9:12]} == {r["trial"] for r in first[:3]}
second = sorted(rows[9:12], key=lambda r: float(r["val_loss"]))
assert rows[12]["trial"] == second[0]["trial"] and rows[12]["epochs"] == "9"'
check 'Hyperband: the best of the longest runs' has_line out '^the best of 2 trials with 9 epochs'

# ---- several nets at once ----

# at_once NAME OPTION...: two at a time find the same as one after the other, to the bit.
at_once() {
    name=$1
    shift
    for jobs in 1 2; do
        search --seed 3 --jobs "$jobs" --out "$name-$jobs" "$@"
        check "$name: $jobs at once" [ "$status" -eq 0 ]
        without_seconds "$name-$jobs/trials.csv" | LC_ALL=C sort >"$name-$jobs.txt"
    done
    check "$name: the same losses" cmp "$name-1.txt" "$name-2.txt"
}
quick='--data rings.csv --backend blas --batch 20 --epochs 4'
at_once nets --over lr=0.001..1,hidden=8/16+8 --trials 5
quick='--data rings.csv --backend blas --batch 20 --epochs 9'
at_once rounds --over lr=0.001..1 --method hyperband --trials 12
quick='--data rings.csv --epochs 3 --hidden 33,20'
run devices
if [ "$status" -eq 0 ]; then
    at_once parts --over lr=0.001..1,batch=20/33,optimizer=sgd/adam --trials 6
    search --over lr=0.001..1 --trials 16 --jobs 16
    check 'more nets than cores: done, or refused by name' \
        sh -c "[ $status -eq 0 ] || grep -qE '16 at once .*jobs' err"
fi
quick='--data rings.csv --backend blas --batch 20 --epochs 4'
search --jobs 2 --over lr=0.001..1 --trials 4 --out goes-on
search --jobs 2 --over lr=0.001..1 --trials 6 --out goes-on
check 'at once: goes on' has_line out '^goes on   from 4 runs'
check 'at once: all are there' [ "$(wc -l <goes-on/trials.csv)" -eq 7 ]
refuses 'jobs 0: it has to be' --over lr=0.1..1 --jobs 0

# ---- stopped, killed, and gone on with ----

quick='--data rings.csv --backend reference --batch 1 --epochs 6 --hidden 300,100'
search --over lr=0.001..0.1 --trials 4 --out whole
without_seconds whole/trials.csv >whole.rows
for signal in KILL TERM; do
    # shellcheck disable=SC2086 # options are words
    start "$program" search $quick --over lr=0.001..0.1 --trials 4 --out "$signal"
    await $process has_line "$signal/trials.csv" '^1,6'
    kill -$signal $process
    status=0
    wait $process || status=$?
    check "SIG$signal: not all is done" [ "$(wc -l <"$signal/trials.csv")" -lt 5 ]
    if [ $signal = TERM ]; then
        check 'SIGTERM: what is finished counts' [ "$status" -eq 0 ]
        check 'SIGTERM: says how to go on' has_line err 'stopped, as asked, after [1-3] of 4 runs; the same command goes on'
        check 'SIGTERM: the best so far' has_line out '^train it with'
    fi
    search --over lr=0.001..0.1 --trials 4 --out "$signal"
    check "SIG$signal: goes on" has_line out "^goes on   from [1-3] runs? in $signal"
    without_seconds "$signal/trials.csv" >"$signal.rows"
    check "SIG$signal: ends as a search that was never stopped" cmp -s "$signal.rows" whole.rows
done

# ---- another search in the same folder ----

quick='--data rings.csv --backend blas --batch 20 --epochs 4'
fails_with 'begun with over lr=0.001..1,hidden=8/16\+8, not with lr=0.1..1; ask for the same, or take another --out' \
    --over lr=0.1..1 --out random
fails_with 'begun with momentum unset, not with 0.5' --over lr=0.001..1,hidden=8/16+8 --momentum 0.5 --out random
fails_with 'begun with seed 1, not with 2' --over lr=0.001..1,hidden=8/16+8 --seed 2 --out random
fails_with 'again holds no search, and is not empty' --over lr=0.1..1 --out again
check 'a run is left alone' [ -s again/model.safetensors ]
for damage in '{' '[]' '{"about": {}, "trials": 3, "runs": []}' '{"about": 1}'; do
    mkdir -p damaged
    echo "$damage" >damaged/search.json
    fails_with 'damaged/search.json.*cannot go on from it' --over lr=0.1..1 --out damaged
done
python3 - <<'END'
import json
record = json.load(open("random/search.json"))
for name, change in {"trial": ("trials", 0, {"lr": 3}), "number": ("runs", 0, {"trial": 99}),
                     "loss": ("runs", 1, {"val_loss": "low"}), "epochs": ("runs", 0, {"epochs": -1})}.items():
    import copy, os
    damaged = copy.deepcopy(record)
    damaged[change[0]][change[1]].update(change[2])
    os.mkdir("damaged." + name)
    json.dump(damaged, open(f"damaged.{name}/search.json", "w"))
END
for name in trial number loss epochs; do
    fails_with "damaged.$name/search.json: .*cannot go on from it" --over lr=0.001..1,hidden=8/16+8 --out damaged.$name
done
mkdir locked
exec 9>locked/.lock
echo '{}' >locked/search.json
flock 9
fails_with 'another search writes to it' --over lr=0.1..1 --out locked
exec 9>&-

# ---- wrong usage ----

refuses '--over: lr: it has no range' --over lr
refuses 'lrr: there is no such setting .*did you mean lr\?' --over lrr=1..2
refuses 'data: there is no such setting of the net or its training' --over data=a/b
refuses '1..0: a range goes from a number to a larger one' --over lr=1..0
refuses '0..nan: a range goes' --over lr=0..nan
refuses '1..: a range goes' --over lr=1..
refuses 'lr -1: it has to be above 0' --over lr=-1..2
refuses 'momentum 1: it has to be' --over momentum=0.5..1
refuses 'only numbers have a first and a last one' --over schedule=linear..cosine
refuses 'takes whole numbers only' --over seed=1.5..4
refuses '0.1: it is there twice' --over lr=0.1/0.1
refuses 'lr: it is there twice' --over lr=0.1..1,lr=2..3
refuses 'batch: --batch is given, too' --over batch=4/8
refuses 'schedule sin: it has to be' --over schedule=cosine/sin
refuses 'only trials of equal length can be compared' --over epochs=1..4
refuses 'only trials of equal length can be compared' --over epochs=1..4 --method hyperband
refuses '--init again: a search begins each trial anew' --over lr=0.1..1 --init again
refuses '--init start.safetensors: a search begins each trial anew' --over init=he/start.safetensors
refuses 'over is needed, as in --over lr=' --trials 3
refuses 'trials 0: it has to be' --over lr=0.1..1 --trials 0
search --over lr=0.1..1 --out "$absent/search"
check 'a folder that cannot be made: fails' [ "$status" -eq 1 ]
check 'a folder that cannot be made: says so' has_line err 'absent/search cannot be made'

finish
