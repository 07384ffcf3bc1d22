#!/bin/sh
# Prediction intervals on the command line: calibrated by train, given by predict, measured by eval.
#
#   test_intervals.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Noise that grows with x, from 1 to 31; a second target in another unit. Numbers of a linear congruential
# generator, the same with every awk.
awk 'function next_share() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
BEGIN {
    seed = 12345
    for (i = 0; i < 6000; i++) {
        x = next_share()
        z = next_share()
        noise = -6
        for (j = 0; j < 12; j++)
            noise += next_share()
        y = 100 * x + 50 * z + (1 + 30 * x) * noise
        printf "%.5f,%.5f,%.5f,%.4f\n", x, z, y, 5000 - 2 * y + noise
    }
}' >rows.csv
names=x,z,y,w
(echo $names && head -n 2000 rows.csv) >train.csv
(echo $names && tail -n 4000 rows.csv) >fresh.csv
cut -d, -f1,2 fresh.csv | head -n 21 >new.csv
train='train --backend reference --data train.csv --val-by random --hidden 8 --optimizer adam --lr 0.02 --quiet'
long='--val 0.3 --epochs 4'
eval='eval --backend blas --data fresh.csv --split train'

# number NAME FILE: the first number of that name in JSON.
number() {
    sed -n "s/^ *\"$1\": \\([^,]*\\),*\$/\\1/p" "$2" | head -n 1
}

# between LOW NUMBER HIGH
# shellcheck disable=SC2317 # called by check
between() {
    awk -v a="$1" -v b="$2" -v c="$3" 'BEGIN { exit !(a <= b && b <= c) }'
}

# Coverage of p by n = 600 validation and m = 4000 fresh rows: its mean is from p to p + 1 / (n + 1), and its
# deviation sqrt(p (1 - p) (1 / (n + 2) + 1 / m)): that of the beta distribution, and that of the binomial one.
# Four of them on both sides.
# shellcheck disable=SC2317 # called by check
covers() {
    awk -v p="$1" -v got="$2" 'BEGIN {
        off = 4 * sqrt(p * (1 - p) * (1 / 602 + 1 / 4000))
        exit !(got >= p - off && got <= p + 1 / 601 + off)
    }'
}

# mean_width PREDICTIONS DATA LOW HIGH: of the intervals of y, for rows whose x is from LOW to below HIGH
mean_width() {
    paste -d, "$1" "$2" | awk -F, -v from="$3" -v to="$4" 'NR == 1 {
        for (i = 1; i <= NF; i++)
            place[$i] = i
        next
    }
    $place["x"] >= from && $place["x"] < to { sum += $place["y_high"] - $place["y_low"]; n++ }
    END { print sum / n }'
}

# ---- one net, an ensemble, quantiles ----
# shellcheck disable=SC2086 # options are several words
{
    for kind in errors spread quantiles; do
        case $kind in
        errors) how=--jobs=1 ;;
        spread) how='--ensemble 3' ;;
        quantiles) how='--loss quantile --quantiles 0.1,0.5,0.9' ;;
        esac
        succeeds $train $long --target y,w --calibrate $how --out $kind
        check "train: by the $kind" has_line out \
            "^calibrated  by the $kind of 600 validation rows, for intervals of at most 99\\.8336 %\$"
        check "run.json: by the $kind" grep -q "\"intervals\": \"$kind\"" $kind/run.json
        for p in 0.5 0.9; do
            succeeds $eval $kind --interval $p --json measured.json
            check "$kind: $p of the targets" covers $p "$(number interval_coverage measured.json)"
            check "$kind: a width" between 1 "$(number interval_width measured.json)" 200
        done
        check "$kind: a line for each target" has_line out \
            '^interval  90 %: w within it in [0-9.]+ % of the rows, mean width [0-9.]+$'
        sed -n 's/^interval  /-/p' out >asked
        succeeds $eval $kind
        check "$kind: eval measures 90 % by itself" sh -c 'sed -n "s/^interval  /-/p" out | cmp - asked'
        succeeds predict $kind --backend blas --data fresh.csv --split train --interval 0.9 --out $kind.csv
        inside=$(paste -d, $kind.csv fresh.csv | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) place[$i] = i; next }
            { n += $place["y"] >= $place["y_low"] && $place["y"] <= $place["y_high"] } END { print n / 4000 }')
        [ $kind = quantiles ] || inside=$(paste -d, $kind.csv fresh.csv | awk -F, 'NR > 1 { n += $10 >= $3 && $10 <= $4 }
            END { print n / 4000 }')
        check "predict: the $kind cover, too" covers 0.9 "$inside"
    done
    check 'columns: one net' grep -qx 'row,y,y_low,y_high,w,w_low,w_high' errors.csv
    check 'columns: quantiles' grep -qx \
        'row,y_q0.1,y_q0.5,y_q0.9,y_low,y_high,w_q0.1,w_q0.5,w_q0.9,w_low,w_high' quantiles.csv

    # one net has one width; those of quantiles follow the noise
    near=$(mean_width errors.csv fresh.csv 0 0.2)
    far=$(mean_width errors.csv fresh.csv 0.8 1.1)
    check 'errors: one width' between 0.9999 "$(awk -v a="$near" -v b="$far" 'BEGIN { print a / b }')" 1.0001
    quiet=$(mean_width quantiles.csv fresh.csv 0 0.2)
    loud=$(mean_width quantiles.csv fresh.csv 0.8 1.1)
    check 'quantiles: narrow where there is little noise' between 0 "$quiet" "$(awk -v a="$loud" 'BEGIN { print a / 1.5 }')"

    # nets agree where there is little noise, and differ where they learn noise by heart from few rows
    awk -F, 'BEGIN { print "x,y" } { x = $1 * $1; printf "%.5f,%.4f\n", x, 100 * x + (x > 0.6 ? 60 : 1) * ($3 - 100 * $1 - 50 * $2) / (1 + 30 * $1) }' \
        rows.csv >both.csv
    head -n 1001 both.csv >few-rows.csv
    (echo x,y && tail -n 3000 both.csv) >more-rows.csv
    succeeds train --backend reference --data few-rows.csv --target y --val 600 --val-by random --hidden 32 \
        --optimizer adam --lr 0.03 --batch 64 --epochs 40 --quiet --calibrate --ensemble 3 --out nets
    succeeds predict nets --backend blas --data more-rows.csv --split train --interval 0.9 --out nets.csv
    quiet=$(mean_width nets.csv more-rows.csv 0 0.5)
    loud=$(mean_width nets.csv more-rows.csv 0.7 1.1)
    check 'an ensemble: narrower where there is little noise' between 0 "$quiet" "$(awk -v a="$loud" 'BEGIN { print 0.95 * a }')"
    succeeds eval nets --backend blas --data more-rows.csv --split train --json measured.json
    check 'an ensemble: 0.9 of the targets' covers 0.9 "$(number interval_coverage measured.json)"

    # other formats
    succeeds predict errors --backend blas --data new.csv --interval 0.9 --out new.json
    check 'JSON: bounds' [ "$(grep -c '"[yw]_\(low\|high\)"' new.json)" -eq 80 ]
    succeeds predict errors --backend blas --data new.csv --interval 0.9 --out new.npy
    check 'NPY: bounds' grep -aq "'shape': (20, 6)" new.npy
    succeeds predict errors --backend blas --data new.csv
    check 'no interval, no bounds' has_line out '^row,y,w$'

    # other programs' files do not have them
    succeeds export errors --to npz --out errors.npz
    check 'export: without intervals' has_line err 'the intervals of --calibrate are not in errors\.npz'
    succeeds export errors/model.safetensors --to pytorch --out exported.safetensors
    succeeds import exported.safetensors --out imported.safetensors
    fails 'the model was not calibrated.* train it with --calibrate and --val' \
        predict imported.safetensors --backend blas --data new.csv --interval 0.9

    # training goes on without them
    succeeds $train --target y,w --init errors --val 0.3 --epochs 1 --out on
    check 'no intervals without --calibrate' sh -c '! grep -aq intervals on/model.safetensors'
    fails 'the model was not calibrated' $eval on --interval 0.9
    succeeds $eval on
    check 'eval: no intervals' sh -c '! grep -q interval out'

    # too few rows; what makes no sense
    succeeds $train --target y,w --calibrate --val 8 --epochs 1 --out few
    check 'train: few rows' has_line out 'of 8 validation rows, for intervals of at most 88\.8888 %$'
    fails 'an interval with 0\.9 of the targets needs at least 9 validation rows, and the model was calibrated by 8' \
        predict few --backend blas --data new.csv --interval 0.9
    succeeds predict few --backend blas --data new.csv --interval 0.88
    succeeds $eval few
    check 'eval: none of 90 %' sh -c '! grep -q interval out'
    run predict few --data new.csv --interval 1
    check 'an interval of 1: refused' has_line err '.*--interval'
    fails 'has no validation rows, by which intervals are made; .*see --val and --calibrate' \
        train --backend blas --data train.csv --target y --calibrate --epochs 1 --val 0
    sed 's/,[^,]*$//; 1!s/,-*\([0-9]\)[^,]*$/,c\1/' train.csv >classes.csv
    succeeds train --backend blas --data classes.csv --label y --hidden 2 --epochs 1 --quiet --out classes
    fails 'intervals are of predicted numbers, and this model predicts classes' \
        predict classes --backend blas --data classes.csv --split train --interval 0.9
    awk -F, 'NR == 1 || $1 > 0.5 { print NR == 1 ? "x,z,tag" : $1 "," $2 "," ($3 > 100) }' train.csv >tags.csv
    fails 'the loss binary has neither' train --backend blas --data tags.csv --target tag --loss binary --val 0.2 --calibrate
}
finish
