#!/bin/sh
# Ensembles on the command line: nets trained together and alone, their mean, the files of the run.
#
#   test_ensemble.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

overlapping 300 0 3 >train.csv
overlapping 150 3000 3 >test.csv

cat >compare.py <<'END'
"""same ENSEMBLE NET ALONE: exits with 0 if net number NET has the tensors of the model ALONE.
mean ENSEMBLE PREDICTION...: exits with 0 if the first CSV's probabilities are the mean of the others'."""
import csv, json, struct, sys

def tensors(path):
    data = open(path + "/model.safetensors", "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__")
    ranges = {name: about["data_offsets"] for name, about in header.items()}
    return {name: data[8 + size + begin:8 + size + end] for name, (begin, end) in ranges.items()}

def numbers(path):
    return [[float(row[name]) for name in row if name not in ("row", "class", "class_name")]
            for row in csv.DictReader(open(path))]

if sys.argv[1] == "same":
    all_nets, alone = tensors(sys.argv[2]), tensors(sys.argv[4])
    prefix = "" if sys.argv[3] == "0" else "nets." + sys.argv[3] + "."
    names = [name for name in alone if not name.startswith("input.")]
    assert names and all(all_nets[prefix + name] == alone[name] for name in names)
else:
    ensemble, nets = numbers(sys.argv[2]), [numbers(path) for path in sys.argv[3:]]
    for row, values in enumerate(ensemble):
        for c, value in enumerate(values):
            parts = [net[row][c] for net in nets]
            mean = sum(parts) / len(parts)
            # each printed number has 9 digits of a float32: errors of a few 2^-24 of the largest
            assert abs(value - mean) <= 2e-6 * max(1e-3, max(abs(x) for x in parts)), (row, c, value, mean)
END

# ---- each net is the one that is trained alone ----

how='--data train.csv --test test.csv --val 0.2 --hidden 9 --epochs 3 --batch 20 --norm batch --dropout 0.1 --quiet'
# agrees BACKEND JOBS
# shellcheck disable=SC2086 # words
agrees() {
    name=$1-$2
    succeeds train $how --backend "$1" --seed 5 --ensemble 3 --jobs "$2" --out "$name"
    check "$name: the score of the ensemble" has_line out '^test +loss [0-9.]+, accuracy [0-9.]+ % of 150 rows$'
    check "$name: the mean of its nets" has_line out '^ +its nets alone, in the mean: loss'
    for net in 0 1 2; do
        [ -d "alone-$1-$net" ] ||
            succeeds train $how --backend "$1" --seed $((5 + net)) --out "alone-$1-$net"
        check "$name: net $net has the bits of the net alone" python3 compare.py same "$name" $net "alone-$1-$net"
    done
}
agrees reference 1
agrees reference 2
agrees blas 1
run devices
if [ "$status" -eq 0 ]; then
    agrees opencl 1
    agrees opencl 2
fi
check 'one at a time and two: the same file' cmp reference-1/model.safetensors reference-2/model.safetensors

# ---- predictions are means ----

on='--data test.csv --backend reference'
# shellcheck disable=SC2086 # words
{
    for net in 0 1 2; do
        succeeds predict alone-reference-$net $on --out net-$net.csv
    done
    succeeds predict reference-1 $on --out all.csv
    check 'predict: the mean of the probabilities' python3 compare.py mean all.csv net-0.csv net-1.csv net-2.csv
    cp reference-1/model.safetensors moved.safetensors
    succeeds predict moved.safetensors $on --out moved.csv
    check 'the model file alone' cmp moved.csv all.csv
    succeeds eval reference-1 --data train.csv --test test.csv --backend reference --json scores.json
}
check 'eval: nets' has_line out '^nets      3  predictions are their mean$'
check 'eval --json: nets' grep -q '"nets": 3' scores.json
check 'train and eval: one loss' python3 -c 'import json
assert abs(json.load(open("scores.json"))["loss"] - json.load(open("reference-1/run.json"))["test"]["loss"]) < 1e-7'
check 'run.json and history.csv' python3 -c 'import csv, json
run = json.load(open("reference-1/run.json"))
assert run["nets"] == [{"seed": s, "epochs": 3, "kept_epoch": 3} for s in (5, 6, 7)]
assert [(e["net"], e["epoch"]) for e in run["epochs"]] == [(n, e) for n in (1, 2, 3) for e in (1, 2, 3)]
assert [row["net"] for row in csv.DictReader(open("reference-1/history.csv"))] == list("111222333")
alone = [json.load(open("alone-reference-%d/run.json" % n))["test"] for n in range(3)]
for name in ("loss", "accuracy"):
    mean = sum(one[name] for one in alone) / 3
    assert abs(run["test_of_single_nets"][name] - mean) < 1e-6 and run["test"][name] != mean'

# ---- going on, calibration, numbers ----

# shellcheck disable=SC2086 # words
{
    succeeds train --data train.csv --init reference-1 --epochs 1 --batch 20 --quiet --backend reference --out further
    check '--init: all nets' grep -q '"ensemble": 3' further/run.json
    succeeds train $how --backend reference --ensemble 2 --calibrate --out calibrated
    check '--calibrate: a temperature' has_line out '^calibrated  temperature'
    succeeds eval calibrated $on --split train
    check 'eval: that temperature' has_line out '^logits    divided by the temperature'
    cut -d, -f1,2 <train.csv >numbers.csv
    number='--data numbers.csv --target b --hidden 9 --epochs 2 --batch 20 --quiet --backend reference'
    succeeds train $number --ensemble 2 --out number
    for seed in 1 2; do
        succeeds train $number --seed $seed --out number-$seed
        succeeds predict number-$seed --data numbers.csv --backend reference --out number-$seed.csv
    done
    succeeds predict number --data numbers.csv --backend reference --out number.csv
    check 'predict: the mean of numbers' python3 compare.py mean number.csv number-1.csv number-2.csv
}

# ---- what goes wrong ----

refused() {
    name=$1 sentence=$2
    shift 2
    run "$@"
    check "$name: fails" [ "$status" -ne 0 ]
    check "$name: says why" has_line err "$sentence"
}
refused 'no net' 'ensemble' train --data train.csv --ensemble 0
refused 'too many nets' 'ensemble' train --data train.csv --ensemble 65
refused 'export' 'an ensemble of 3 nets' export reference-1 --to npz --out all.npz
refused 'a net diverges' 'net 1 of 2: training diverged' train --data train.csv --ensemble 2 --lr 1e9 --optimizer sgd --jobs 1 --backend reference --epochs 2
sed 's/"nets":"3"/"nets":"7"/' moved.safetensors >missing.safetensors
refused 'a file without all nets' 'net 3 of 7' predict missing.safetensors --data test.csv
sed 's/"nets":"3"/"nets":"x"/' moved.safetensors >damaged.safetensors
refused 'a file with no number of nets' 'it has x nets' predict damaged.safetensors --data test.csv

finish
