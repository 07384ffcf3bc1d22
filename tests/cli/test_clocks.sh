#!/bin/sh
# A clock that moves in coarse ticks, stands still or goes backward: tune, train, bench and verify give a
# right device the same verdict, and no figure is infinite or NaN.
#
#   test_clocks.sh PROGRAM ROOT CLOCK
set -eu
clock=$(realpath "$3")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

require_device clocks
run data make --out data --rows 60
run train --data data --hidden 16 --epochs 2 --batch 25 --gemm native --out right
[ "$status" -eq 0 ] || failed "without a fault: $(cat err)"

# with_clock FAULT COMMAND ARGUMENT...: must succeed, with finite numbers.
with_clock() {
    fault=$1
    shift
    status=0
    CLOCK_FAULT=$fault LD_PRELOAD=$clock ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
        "$program" "$@" >out 2>err || status=$?
    check "$fault: clmlp $*" [ "$status" -eq 0 ]
    check "$fault: $1: nothing is wrong" lacks_line err 'wrong|not used'
    check "$fault: $1: nothing is WRONG" lacks_line out 'WRONG|BAD'
    check "$fault: $1: numbers" lacks_line out '(^|[^a-z])-?(inf|nan)([^a-z]|$)'
}

faults=0
for fault in 'coarse 1' 'coarse 4' standing backward; do
    faults=$((faults + 1))
    in_sample $faults 2 || continue
    rm -rf "$XDG_CACHE_HOME/clmlp" trained ./*.json
    with_clock "$fault" tune --layers 48,16,10 --batch 20 --json tune.json
    check "$fault: all providers are right" lacks_line tune.json '"passed": false'
    check "$fault: numbers in JSON" lacks_line tune.json '(^|[^a-zA-Z])-?(inf|nan|Infinity|NaN)([^a-zA-Z]|$)'
    check "$fault: no time is negative" lacks_line tune.json '"(ms|gflops)": -'
    with_clock "$fault" train --data data --hidden 16 --epochs 2 --batch 25 --out trained
    check "$fault: train: no rate is negative" lacks_line trained/run.json '"(seconds|samples_per_s)": -'
    check "$fault: train: rates are numbers" lacks_line trained/run.json '"(seconds|samples_per_s)": null'
    with_clock "$fault" train --data data --hidden 16 --epochs 2 --batch 25 --gemm native --out again
    check "$fault: the same net" cmp -s right/model.safetensors again/model.safetensors
    rm -rf again
    with_clock "$fault" bench --layers 48,16,10 --batch 20 --seconds 0.05 --profile --json bench.json
    check "$fault: bench: no figure is negative" lacks_line bench.json '"[a-z_0-9]*": -'
    with_clock "$fault" verify --only softmax --backend opencl
    with_clock "$fault" gradcheck --backend opencl
done
finish
