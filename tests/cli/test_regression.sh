#!/bin/sh
# Numbers to predict on the command line: from a table to predictions in the table's own units.
#
#   test_regression.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Houses: the price is linear in size and rooms, the rent, too, in another unit.
awk 'BEGIN {
    print "size,rooms,garden,garage,price,rent"
    for (i = 0; i < 120; i++) {
        size = 40 + i * 37 % 61
        rooms = 1 + i * 13 % 5
        printf "%d,%d,%d,%d,%d,%.2f\n", size, rooms, (size > 70), (rooms > 2), 250000 + 3000 * size + 9000 * rooms,
               5 + 0.1 * size - rooms / 2
    }
}' >houses.csv
cut -d, -f1-4 houses.csv >new.csv
cut -d, -f1,2,5 houses.csv >prices.csv
train='train --backend blas --hidden 16 --epochs 60 --val 0.25 --val-by random'
eval='eval --backend blas --split train'

# number NAME FILE: the first number of that name in JSON.
number() {
    sed -n "s/^ *\"$1\": \\([^,]*\\),*\$/\\1/p" "$2" | head -n 1
}

# below NUMBER NUMBER: whether the first is the smaller.
# shellcheck disable=SC2317 # called by check
below() {
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'
}

# near NUMBER NUMBER: whether they differ by less than a millionth.
# shellcheck disable=SC2317 # called by check
near() {
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !((d < 0 ? -d : d) <= 1e-6 * (b < 0 ? -b : b)) }'
}

# shellcheck disable=SC2086 # words
{
    # one target, which --target names, or the label of a loss of regression
    succeeds $train --data prices.csv --target price --out price
    check 'train: what the target is' has_line out '^targets   price, as asked$'
    check 'train: the loss' has_line out '^loss      squared$'
    check 'train: columns' has_line out '^epoch +lr  train loss  val loss +val RMSE +val R2 '
    check 'train: the score' has_line out '^val +loss [0-9.]+, RMSE [0-9.]+, MAE [0-9.]+, R2 0\.9[0-9]+ of 30 rows$'
    check 'history.csv: columns' has_line price/history.csv \
        '^epoch,learning_rate,train_loss,val_loss,val_rmse,val_mae,val_r2,seconds,samples_per_s$'
    check 'run.json: the targets' sh -c "tr -d ' \n' <price/run.json | grep -q '\"targets\":\[\"price\"\]'"
    check 'run.json: no accuracy' lacks_line price/run.json accuracy
    succeeds $train --data prices.csv --loss squared --label price --out label
    check 'the same net by its label' cmp -s price/model.safetensors label/model.safetensors
    succeeds $train --data prices.csv --loss squared --out last
    check 'the same net by the last column' cmp -s price/model.safetensors last/model.safetensors

    # eval and predict agree, in own units
    succeeds $eval price --data houses.csv --json eval.json
    check 'eval: RMSE is far below the deviation' below "$(number rmse eval.json)" 20000
    check 'eval: R2' below 0.9 "$(number r2 eval.json)"
    succeeds predict price --backend blas --data houses.csv --out prices-got.csv
    check 'predict: columns' has_line prices-got.csv '^row,price$'
    paste -d, prices-got.csv houses.csv | awk -F, 'NR > 1 { d = $2 - $7; s += d * d; a += d < 0 ? -d : d; n++ }
        END { printf "%.9g %.9g\n", sqrt(s / n), a / n }' >figures
    read -r rmse mae <figures
    check 'predict: the same RMSE' near "$rmse" "$(number rmse eval.json)"
    check 'predict: the same MAE' near "$mae" "$(number mae eval.json)"
    succeeds predict price --backend blas --data new.csv --out new-got.csv
    check 'predict: needs no target' cmp -s new-got.csv prices-got.csv
    fails 'has no column price, which is what the model predicts.*see --target' $eval price --data new.csv
    succeeds eval --backend blas --split val price --data prices.csv --val 0.25 --val-by random --json val.json
    check 'eval: the loss of training' near "$(number loss val.json)" \
        "$(sed -n 's/^ *"val_loss": \([^,]*\),*$/\1/p' price/run.json | tail -n 1)"

    # going on from a run keeps the unit
    succeeds train --backend blas --val 0.25 --val-by random --data prices.csv --target price --init price --lr 1e-9 --epochs 1 --out on
    succeeds $eval on --data houses.csv --json on.json
    check 'init: the unit stays' below "$(number rmse on.json)" "$(awk -v r="$rmse" 'BEGIN { print 1.001 * r }')"

    # streamed rows have the bits of resident ones
    succeeds $train --data prices.csv --target price --shard 40 --resident no --batch 10 --out streamed
    succeeds $train --data prices.csv --target price --shard 40 --resident yes --batch 10 --out resident
    check 'streamed: the same bits' cmp -s streamed/model.safetensors resident/model.safetensors

    # several targets, and quantiles
    succeeds $train --data houses.csv --ignore garden,garage --target rent,price --out two
    succeeds predict two --backend blas --data houses.csv --out two.csv
    check 'two targets: columns' has_line two.csv '^row,rent,price$'
    succeeds $eval two --data houses.csv
    check 'two targets: each is told' has_line out '^rent +[0-9.]+ +[0-9.]+ +0\.9'
    succeeds $train --data prices.csv --target price --loss quantile --quantiles 0.1,0.5,0.9 --out quantiles
    check 'quantiles: the loss' has_line out '^loss      quantile of 0\.1, 0\.5, 0\.9$'
    succeeds predict quantiles --backend blas --data houses.csv --out quantiles.csv
    check 'quantiles: columns' has_line quantiles.csv '^row,price_q0\.1,price_q0\.5,price_q0\.9$'
    # shellcheck disable=SC2016 # of awk
    check 'quantiles never cross' awk -F, 'NR > 1 && ($2 > $3 || $3 > $4) { exit 1 }' quantiles.csv
    succeeds $eval quantiles --data houses.csv
    check 'quantiles: coverage' has_line out '^coverage +[0-9.]+ %'
    for loss in absolute huber; do
        succeeds $train --data prices.csv --target price --loss $loss --stop-after 50 --stop-by rmse
        check "$loss learns" has_line out '^val .* R2 0\.9'
    done

    # several labels of a row
    succeeds $train --data houses.csv --ignore price,rent --target garden,garage --loss binary --lr 0.1 --out tags
    check 'binary: accuracy and exact match' has_line out '^val +loss [0-9.]+, accuracy [0-9.]+ % of 30 rows$'
    succeeds $eval tags --data houses.csv --json tags.json
    check 'binary: each label' has_line out '^garage +[0-9.]+ %$'
    check 'binary: most are right' below 0.9 "$(number accuracy tags.json)"
    succeeds predict tags --backend blas --data houses.csv --out tags.csv
    # shellcheck disable=SC2016 # of awk
    check 'binary: probabilities' awk -F, 'NR > 1 && ($2 < 0 || $2 > 1 || $3 < 0 || $3 > 1) { exit 1 }' tags.csv

    # losses of classes
    succeeds $train --data houses.csv --label garden --ignore price,rent --loss focal --focal-gamma 1 --out focal
    check 'focal: the loss' has_line out '^loss      focal with gamma 1$'
    succeeds $eval focal --data houses.csv
    succeeds $train --data houses.csv --label garden --label-smoothing 0.1
    check 'smoothing: the loss' has_line out '^loss      cross-entropy with smoothing 0\.1$'

    # what makes no sense
    fails 'with the loss squared; see --label and --loss' $train --data prices.csv
    sed '3s/[0-9]*$/dear/' prices.csv >text.csv
    fails 'line 3, column "price": "dear" is no number, and the column holds targets.*see --target and --loss' \
        $train --data text.csv --target price
    sed '3s/[0-9]*$//' prices.csv >missing.csv
    fails 'line 3, column "price": the target is missing' $train --data missing.csv --target price
    fails 'row 0 .counted from 0. is 379000, but the loss binary takes targets that are 0 or 1' $train --data prices.csv --target price --loss binary
    fails 'predicts classes by the loss focal' $train --data prices.csv --target price --loss focal
    fails 'targets and labels are both named' $train --data prices.csv --target price --label rooms
    fails 'no classes that could have weights' $train --data prices.csv --target price --class-weight balanced
    fails 'mixup mixes rows and their classes' $train --data prices.csv --target price --augment mixup=0.2
    fails 'has no such score to stop by' $train --data prices.csv --target price --stop-after 2 --stop-by accuracy
    fails 'rising numbers between 0 and 1' $train --data prices.csv --loss quantile --quantiles 0.5,0.1
    fails 'changes nothing with the loss squared' $train --data prices.csv --loss squared --quantiles 0.5
    run data convert --data prices.csv --target price --to csv --out converted.csv
    check 'convert: refused' has_line err 'rows have targets, which no format that is written holds.*see --target'
    check 'convert: fails' [ "$status" -eq 1 ]
    fails 'no classes that validation rows could be drawn from' train --data prices.csv --target price --val 0.2 --val-by stratified
}
finish
