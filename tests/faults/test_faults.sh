#!/bin/sh
# Commands of the program, each run over and over while another of its calls fails. It must end with a
# sentence, leak nothing, and leave files as they were.
#
#   test_faults.sh PROGRAM ROOT FAULTS GROUP [OPTION...]
#
# GROUP is host or device; "all" adds what takes long. GROUP may also be a part of a command's line, like
# 'train --backend reference'. OPTIONs are those of tests/faults/faults.c, and --sample: an eighth of the
# places, chosen by CLMLP_SAMPLE; all of them if that is "all". The test tries one call of each place:
#
#   CLMLP_SAMPLE=all meson test -C build-asan --suite faults
#
# All calls, one by one; then, for each name, all its calls from each one on. This takes hours:
#
#   tests/faults/test_faults.sh build-asan/src/cli/clmlp . build-asan/tests/faults/faults all
#   tests/faults/test_faults.sh build-asan/src/cli/clmlp . build-asan/tests/faults/faults all --sites --lasting
set -eu
faults=$(realpath "$3")
group=$4
tolerated=$(realpath "$2/tests/faults/tolerated.txt")
suppressions=$(realpath "$2/tests/lsan.supp")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"
shift 4
export LSAN_OPTIONS="suppressions=$suppressions:print_suppressions=0"
export XDG_CACHE_HOME="$temporary/work/cache"
mkdir work sets vendors
# leaks of other drivers are not listed
cp "${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}"/pocl*.icd vendors 2>/dev/null || true
export OCL_ICD_VENDORS="$temporary/vendors"

# in_group GROUP COMMAND
in_group() {
    case "$group" in
    host | device) [ "$group" = "$1" ] ;;
    all) true ;;
    *) case "$2" in *"$group"*) true ;; *) false ;; esac ;;
    esac
}

# each GROUP ARGUMENT...: runs it in a directory with a copy of sets/.
each() {
    of=$1
    shift
    in_group "$of" "$*" || return 0
    rm -rf work
    cp -a sets work
    # shellcheck disable=SC2086 # options are words
    if (cd work && "$faults" $options --tolerated "$tolerated" --cache cache --varies "$varies" --keeps "$keeps" -- "$@") >log 2>&1; then
        tried=$(sed -n 's/^\([0-9]*\) of .* tried.*/\1/p' log)
        checks=$((checks + ${tried:-0}))
    else
        failed "$*"
        cat log
    fi
    printf '%s: %s\n' "$*" "$(tail -n 1 log)"
}

# if something else cannot be written, the net is kept, and what the run could go on from
keeps='^(new/(below/)?|halfway/)(model.safetensors |checkpoint(-[a-z0-9]*)?.safetensors |$)'
options=$*
case "$options" in
*--sample*)
    sample=${CLMLP_SAMPLE:-0}
    part="--part $sample/8"
    [ "$sample" != all ] || part=
    options="${options%--sample*}$part${options#*--sample}"
    ;;
esac
case " $options " in
*" --sites "*) options="$options --known $temporary/known" ;; # no place is tried twice
esac
varies='^((new/(below/)?|halfway/)(run.json|history.csv|curves.png|checkpoint(-[a-z0-9]*)?.safetensors)|new\.png|times\.)'

# ---- the state before each run: small sets in every format, a model, a run, and earlier outputs ----

prepare() {
    "$program" "$@" >out 2>err || failed "$*: $(cat err)"
}
prepare data make --rows 12 --out sets/cifar
cd sets
prepare data make --rows 5 --seed 2 --out few
for format in idx npy images npz csv libsvm; do
    prepare data convert --data few --to "$format" --out "few.$format"
done
printf 'a,b,label\n1,2,x\n3,,y\n5,6,x\n7,8,y\n' >gaps.csv
tar -czf few.tar.gz few
prepare train --backend reference --data gaps.csv --hidden 3 --epochs 1 --batch 2 --standardize feature --out gaps-run
prepare export gaps-run --to onnx --out net.onnx
prepare export gaps-run --to pytorch --out net.pytorch
printf 'kept' >old.model
python3 -c 'import lzma, zipfile
rows = open("few.csv").read()
lzma.open("few.csv.xz", "wt").write(rows)
zipfile.ZipFile("few.zip", "w").writestr("few.csv", rows)'
prepare train --backend reference --data cifar --hidden 3 --epochs 1 --batch 30 --out old
printf 'backend = reference\ndata = "few.csv"\nhidden = 4\nepochs = 1\n' >old.settings
cp few.csv old.csv
cp -R few.idx old.idx
cp few.npz old.npz
prepare bench --backend reference --layers 8,4,3 --layers 6,3 --batch 4,5 --seconds 0.001 --json rows.json
prepare train --backend reference --data cifar --hidden 3 --epochs 2 --batch 30 --keep-checkpoints 1 --checkpoint-every 1 --out halfway
rm -f halfway/run.json halfway/model.safetensors halfway/curves.png halfway/history.csv
rm -f out err
cd ..

# ---- without a device ----

small='--hidden 3 --epochs 2 --batch 30'
# shellcheck disable=SC2086 # options are words
{
    each host train --backend reference --data cifar $small --val 0.2 --standardize feature --out new
    each host train --backend blas --data cifar $small --augment flip,shift=2,cutout=4,mixup=0.2,noise=0.1 --out new
    each host train --backend reference --data few.npy --hidden 3 --epochs 2 --batch 5 --resident no --shard 10 --class-weight balanced --train-score --out new
    each host train --backend reference --data cifar $small --quiet --out new/below
    each host train --config old.settings --log-json times.log --out new
    each host train --backend blas --data cifar $small --val 0.2 --checkpoint-every 1 --keep-checkpoints 2 --out new
    each host train --resume halfway
    each host train --backend reference --data cifar $small --init old/model.safetensors --quiet
}
each host eval old/model.safetensors --backend reference --data cifar --json scores.json
each host predict old/model.safetensors --backend reference --data cifar
for format in onnx npz pytorch c; do
    each host export gaps-run --to $format --out new.model
done
each host export gaps-run --to c --int8 --out old.model --force --data gaps.csv --split train
each host import net.onnx --out new.model
each host import net.pytorch --out old.model --force
for data in few.idx few.npy few.npz few.csv few.libsvm few.images few.tar.gz few.csv.xz few.zip; do
    each host data info --data $data --json info.json
done
each host data info --data gaps.csv --missing mean
each host data sample --data cifar --rows 4 --augment flip --out new.png
for format in idx npy images cifar10; do
    each host data convert --data few.npz --to $format --out new.set
done
each host data convert --data few --to idx --gzip --out old.idx --force
each host data convert --data cifar --to csv --out old.csv --force
each host data convert --data cifar --to npz --out old.npz --force
each host data convert --data few.csv --to libsvm --out new.libsvm
each host data convert --data few.csv --to idx --out new/below/it
each host data make --rows 3 --out new.cifar
each host data make --rows 3 --out few --force
each host gradcheck --backend reference --samples 2
each host bench --backend reference --layers 8,4,3 --batch 4 --seconds 0.001
each host bench --backend reference --layers 8,3 --batch 4 --seconds 0.001 --format csv
each host bench --merge rows.json --plot new.png
each host bench --merge rows.json --out new.md
each host bench --merge rows.json --format json

# a trial that cannot be trained is told of, and the others go on
plain=$options
options="$options --reports"
each host search --backend reference --data few.npy --hidden 3 --batch 5 --epochs 1 --over lr=0.1/0.2 --trials 2
options=$plain

# ---- with one ----

# the device's own files exist, so that each run makes the same calls
[ "$group" != host ] || finish
require_device faults
small='--hidden 3 --epochs 1 --batch 60'
# shellcheck disable=SC2086 # options are words
for provider in native tiled; do
    each all train --data cifar $small --gemm $provider --quiet --out new
done
# shellcheck disable=SC2086 # options are words
each device train --data cifar $small --gemm clblast --quiet
# shellcheck disable=SC2086 # options are words
{
    each device train --data cifar $small --gemm native --quiet
    each all train --data cifar $small --gemm native --resident no --shard 35 --quiet --out new
    each all train --data cifar $small --gemm auto --quiet
    each all train --data cifar --hidden 3 --epochs 1 --batch 30 --gemm native --augment flip,shift=2,mixup=0.2 --val 5 --out new
}
each device eval old/model.safetensors --gemm native --data cifar
each all predict old/model.safetensors --gemm native --data cifar
each all devices # the JSON list contains the failure
each all bench --backend opencl --gemm native --layers 8,4,3 --batch 4 --seconds 0.001 --profile
each all gradcheck --gemm native --samples 2
each all gradcheck --gemm clblast --samples 2
options="$options --work 1e5" # the checks of large matrices take most of the time
options="$options --reports" # these commands report failures
each all verify --gemm native --json times.json
each all tune --layers 8,4,3 --batch 4 --json times.json
each device doctor --json times.json

finish
