#!/bin/sh
# How sure a net is, on the command line: top-k accuracy, calibration, the reliability diagram.
#
#   test_scores.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

overlapping 700 0 7 >train.csv
overlapping 350 3000 7 >test.csv
train='train --data train.csv --test test.csv --backend reference --hidden 16 --epochs 8 --quiet'
# shellcheck disable=SC2086 # words
succeeds $train --out run

# ---- eval ----

on='--data train.csv --test test.csv --backend reference'
# shellcheck disable=SC2086 # words
{
    succeeds eval run $on --json scores.json --reliability drawn.png
    check 'eval: top 5 of more than five classes' has_line out '^top 5     [0-9.]+ %  of the labels are among the 5 largest'
    check 'eval: mean confidence' has_line out '^confidence [0-9.]+ %  mean of the largest probability'
    check 'eval: calibration error' has_line out '^ECE       [0-9.]+ %  expected calibration error, in 15 bins$'
    check 'eval: Brier score' has_line out '^Brier     0\.[0-9]{5}$'
    check 'eval --json: k' sh -c "tr -d ' \n' <scores.json | grep -Eq '\"top\":\{\"k\":5,\"accuracy\":[0-9.]+\}'"
    check 'eval --json: calibration' grep -Eq '"calibration_error": 0\.[0-9]+' scores.json
    check 'eval --json: 15 bins' [ "$(sed -n '/"reliability"/,/\]/p' scores.json | grep -c '"confidence"')" -eq 15 ]
    check 'eval --json: all rows are in a bin' [ "$(sed -n '/"reliability"/,/\]/s/.*"rows": \([0-9]*\).*/\1/p' scores.json | awk '{ sum += $1 } END { print sum }')" -eq 350 ]
    check 'eval --reliability: a PNG' sh -c "head -c 4 drawn.png | grep -q PNG"
    succeeds eval run $on --top-k 7
    check 'eval --top-k: all classes' has_line out '^top 7     100\.00 %'
    succeeds eval run $on --top-k 1
    check 'eval --top-k 1 is the accuracy' [ "$(sed -n 's/^top 1     \([0-9.]*\) .*/\1/p' out)" = "$(sed -n 's/^accuracy  \([0-9.]*\) .*/\1/p' out)" ]
    fails 'top-k 8: the model has only 7 classes' eval run $on --top-k 8
}

# ---- calibrate ----

# shellcheck disable=SC2317 # check calls it
more() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'; }

# shellcheck disable=SC2086 # words
{
    held='--val 0.25 --val-by stratified'
    succeeds $train $held --out plain
    succeeds $train $held --calibrate --out calibrated
    check 'train --calibrate: what it found' has_line out \
        '^calibrated  temperature [0-9.]+: validation loss [0-9.]+ -> [0-9.]+, calibration error [0-9.]+ % -> [0-9.]+ %$'
    before=$(sed -n 's/.*loss \([0-9.]*\) ->.*/\1/p' out)
    after=$(sed -n 's/.*loss [0-9.]* -> \([0-9.]*\),.*/\1/p' out)
    check 'train --calibrate: a smaller loss' more "$before" "$after"
    cp out said
    check 'run.json: the temperature' grep -Eq '"temperature": [0-9.]+' calibrated/run.json
    check 'run.json: without calibration' sh -c '! grep -q temperature plain/run.json'
    check 'model: no temperature without calibration' sh -c '! grep -aq temperature plain/model.safetensors'
    succeeds eval plain $on $held --split val
    check 'eval: the loss before' has_line out "^loss      $before\$"
    sed -n 's/^accuracy/&/p' out >accuracy
    succeeds eval calibrated $on $held --split val --json scores.json
    check 'eval: the loss after' has_line out "^loss      $after\$"
    check 'eval: the same accuracy' grep -qxF "$(cat accuracy)" out
    check 'eval: the temperature' has_line out '^logits    divided by the temperature [0-9.]+, which'
    check 'eval --json: the temperature' grep -Eq '"temperature": [0-9.]+' scores.json
    succeeds eval calibrated $on
    check 'train: the calibrated loss of the test rows' has_line said "^test      loss $(sed -n 's/^loss *//p' out), "
    succeeds predict plain $on --out plain.csv
    succeeds predict calibrated $on --out calibrated.csv
    check 'predict: other probabilities' sh -c '! cmp -s plain.csv calibrated.csv'
    cut -d, -f1-3 plain.csv >a
    cut -d, -f1-3 calibrated.csv >b
    check 'predict: the same classes' cmp -s a b
    fails 'has no validation rows, by which the temperature is chosen; .*see --val and --calibrate' $train --calibrate
    succeeds train --init calibrated --data train.csv --backend reference --epochs 1 --out on
    check 'training goes on without the temperature' sh -c '! grep -aq temperature on/model.safetensors'
}
finish
