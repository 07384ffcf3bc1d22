#!/bin/sh
# Classes of uneven size on the command line: weights, measures, and warnings about a net that learned nothing.
#
#   test_weights.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Rows of two classes that overlap, one in 25 ill, with the same numbers each time: people ROWS FIRST.
people() {
    awk -v rows="$1" -v first="$2" '
    function noise(r, k) { r = (r * 7919 + k * 104729 + 17) % 65521; return (r * r % 65521) / 65521 + (r * 31 % 997) / 997 }
    BEGIN {
        print "pulse,heat,state"
        for (r = first; r < first + rows; r++) {
            ill = r % 25 == 24
            printf "%.4f,%.4f,%s\n", noise(r, 1) + 0.5 * ill, noise(r, 2) + 0.5 * ill, ill ? "ill" : "well"
        }
    }'
}

people 1000 0 >train.csv
people 500 3000 >test.csv
train='train --data train.csv --standardize none --init he --schedule cooldown --l2 0 --backend reference --hidden 8 --epochs 12 --lr 0.05 --batch 50'

# measure NAME: the number of that name in JSON of eval.
measure() {
    sed -n "s/^  \"$1\": \\([^,]*\\),*\$/\\1/p" out
}

# more NUMBER NUMBER: whether the first is the larger.
# shellcheck disable=SC2317 # called by check
more() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a > b) }'
}

# shellcheck disable=SC2086 # words
{
    succeeds $train --test test.csv --out plain
    check 'train: one class for all is told of' has_line err \
        '^clmlp: train: warning: the net predicts class 1 \(well\) for all 500 test rows; 96 % of the training rows are of that class: balance the classes.*see --class-weight'
    succeeds $train --test test.csv --class-weight balanced --train-score --out balanced
    check 'train: the weights are printed' has_line out '^weights   balanced: ill 12\.5, well 0\.5208$'
    check 'train: no warning' sh -c "! grep -q warning: err"
    check 'train: columns of the score' has_line out '^epoch .*train acc  score loss  score acc  seconds'
    check 'history.csv has the score' grep -q 'samples_per_s,train_score_loss,train_score_accuracy$' balanced/history.csv
    check 'history.csv has it in each line' sh -c "! grep -vE '^([^,]*,){9}[^,]*\$' balanced/history.csv"
    check 'run.json has the score' [ "$(grep -c '"train_score_accuracy": [0-9.e-]*' balanced/run.json)" -eq 12 ]
    check 'run.json has the setting' grep -q '"class-weight": "balanced"' balanced/run.json
    check 'run.json has the weights' sh -c "tr -d ' \n' <balanced/run.json | grep -q '\"weights\":{\"classes\":\[12.5,0.520833333\],\"of_rows\":false,\"mean\":1.0*}'"
    check 'run.json without weights' grep -q '"weights": null' plain/run.json
    check 'run.json without a score' sh -c "! grep -q train_score_ plain/run.json"
    succeeds $train --class-weight well=1,ill=25 --test test.csv --quiet
    cp out unquoted
    succeeds $train --class-weight '"well"=1,"ill"=25' --test test.csv --quiet
    check 'names in quotes' cmp -s out unquoted
    fails 'class-weight and label-smoothing cannot go together' $train --class-weight balanced --label-smoothing 0.1
    for wrong in 'sick=2 there.is.no.class.sick' '2=1 there.is.no.class.2' 'il=2 did.you.mean.ill' 'ill=-1 finite' 'ill no.class.with.its.weight' 'ill=0,well=0 have.the.weight.0'; do
        fails "${wrong#* }.*see --class-weight" $train --class-weight "${wrong% *}"
    done
}

succeeds eval plain --data train.csv --test test.csv --backend reference
check 'eval: accuracy hides the minority' has_line out '^accuracy  96\.00 %$'
check 'eval: balanced accuracy does not' has_line out '^balanced  50\.00 %  mean recall of the 2 classes$'
check 'eval: macro F1' has_line out '^macro F1  48\.98 %  mean F1 of the 2 classes$'
check 'eval: ROC AUC' has_line out '^ROC AUC   0\.[0-9]{5}  of class 1 against class 0$'
check 'eval: log loss beside that of guessing' has_line out '^log loss  [0-9.]+  0\.16794 by guessing'
check 'eval: one class for all is told of' has_line err '^clmlp: eval: warning: the net predicts class 1 \(well\) for all 500 rows'
succeeds eval plain --data train.csv --test test.csv --backend reference --json -
plain=$(measure balanced_accuracy)
check 'eval --json: recall of the minority' [ "$(grep -c '"recall": 0.0' out)" -eq 1 ]
check 'eval --json: no top 5 of two classes' grep -q '"top5_accuracy": null' out
check 'eval --json: the matrix' sh -c "tr -d ' \n' <out | grep -q '\"confusion\":\[\[0,20\],\[0,480\]\]'"
succeeds eval balanced --data train.csv --test test.csv --backend reference --json scores.json
check 'eval: no warning of one class' sh -c "! grep -q 'predicts class' err"
cp scores.json out
check 'weights: balanced accuracy is higher' more "$(measure balanced_accuracy)" "$plain"

# A part without one of the classes: means leave it out, and nothing is NaN.
{ head -n 1 test.csv; grep well test.csv; } >healthy.csv
succeeds eval balanced --data train.csv --test healthy.csv --backend reference
check 'eval: undefined is said' has_line out '^ROC AUC   undefined, because all rows are of one class$'
check 'eval: classes with rows' has_line out '^balanced  [0-9.]+ %  mean recall of the 1 of 2 classes that have rows$'
check 'eval: a dash for no recall' has_line out '^  0 ill +0 +0\.00 % +- '
check 'eval: no NaN' sh -c "! grep -qi nan out"
succeeds eval balanced --data train.csv --test healthy.csv --backend reference --json -
check 'eval --json: null for what is undefined' [ "$(measure roc_auc)" = null ]

# A test row so large that float32 overflows: its number, the cause, exit 1, and the net is kept.
{ sed -n '1,8p' test.csv; echo '3e38,-3e38,well'; sed -n '9,20p' test.csv; } >huge.csv
# shellcheck disable=SC2086 # words
fails 'the loss of the test rows is no finite number: that of row 7 \(counted from 0\) is .*; its feature 0 .*the trained net is kept in huge' \
    ${train%% --backend*} --backend blas --hidden 8 --epochs 2 --batch 128 --lr 0.05 --test huge.csv --quiet --out huge
check 'the net is kept' [ -s huge/model.safetensors ]
check 'the run is kept' grep -q '"loss": null' huge/run.json
fails 'row 7 ' eval huge --data train.csv --test huge.csv --backend blas

succeeds gradcheck --data train.csv --class-weight balanced --backend blas
finish
