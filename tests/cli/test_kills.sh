#!/bin/sh
# Killed at any moment, the program leaves no file under its name that does not load.
#
#   test_kills.sh PROGRAM ROOT [KILLS [SEED]]
#
# Each round starts the program over and over, so that it writes most of the time, and kills it and what it started
# (SIGKILL) after up to half a second; then every file there is read. The long form, with a seed of its own:
#
#   tests/cli/test_kills.sh build/src/cli/clmlp . 250 "$(date +%s)"
set -eu
kills=${3:-24}
seed=${4:-1}
here=$(realpath "$2")
if [ "${CLMLP_KILLS_WRITER:-}" ]; then
    program=$1 # as this script starts itself, in its directory and in a process group of its own
else
    # shellcheck source=tests/cli/program.sh
    . "$here/tests/cli/program.sh"
    printf 'seed %s\n' "$seed"
fi

# ---- what writes: each until it is killed ----

write_runs() {
    n=0
    while :; do
        n=$((n + 1))
        "$program" train --backend reference --data cifar --hidden 3 --epochs 1 --batch 30 --quiet --out files/run$n
    done
}

write_scores() {
    while :; do
        "$program" eval old/model.safetensors --backend reference --data cifar --json files/scores.json
    done
}

write_data() {
    while :; do
        for format in csv npz libsvm; do
            "$program" data convert --data cifar --to $format --out "files/new.$format" --force
        done
        for format in npy idx cifar10; do
            "$program" data convert --data cifar --to $format --out "files/new.$format" --force
        done
        "$program" data make --rows 12 --out files/made
    done
}

write_choices() {
    n=0
    while :; do
        n=$((n + 1))
        "$program" train --data cifar --hidden $((n % 7 + 2)) --epochs 1 --batch 30 --quiet
    done
}

if [ "${CLMLP_KILLS_WRITER:-}" ]; then
    "$CLMLP_KILLS_WRITER"
fi

# ---- what there has to be afterwards ----

# one_loads WHAT ARGUMENT...
one_loads() {
    what=$1
    shift
    run "$@"
    check "kill $kill: $what loads" [ "$status" -eq 0 ]
}

all_load() {
    for model in files/*/model.safetensors; do
        [ ! -e "$model" ] || one_loads "$model" eval "$model" --backend reference --data cifar
    done
    for data in files/new.* files/made; do
        case $data in *.[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]) continue ;; esac
        [ ! -e "$data" ] || one_loads "$data" data info --data "$data"
    done
    find files cache/clmlp \( -name '*.json' -o -name history.csv \) >list 2>err || true
    if problem=$(python3 -c '
import csv, json, sys
for name in open("list").read().split():
    if name.endswith(".json"):
        json.load(open(name))
    elif len({len(row) for row in csv.reader(open(name))}) != 1:
        raise ValueError(name)' 2>&1); then
        passed
    else
        failed "kill $kill: $problem"
    fi
}

# What the kill cut short lies beside, under a name that nothing looks for.
count_temporaries() {
    find files cache/clmlp -name '.clmlp-??????' -o -name '*.[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]' \
        ! -name new.libsvm 2>err | grep -c . || true
}

# ---- rounds ----

export POCL_CACHE_DIR="$temporary/pocl"
mkdir files
"$program" data make --rows 12 --out cifar >out
"$program" train --backend reference --data cifar --hidden 3 --epochs 1 --batch 30 --out old >out
"$program" train --data cifar --hidden 3 --epochs 1 --batch 30 --quiet >out 2>err || true # compiles the kernels
awk -v seed="$seed" -v kills="$kills" 'BEGIN { srand(seed); while (kills--) printf "%.3f\n", 0.02 + rand() / 2 }' >moments

kill=0
in_a_write=0
while read -r moment; do
    kill=$((kill + 1))
    case $((kill % 6)) in
    0) writer=write_choices ;;
    1 | 4) writer=write_data ;;
    2) writer=write_scores ;;
    *) writer=write_runs ;;
    esac
    [ $writer != write_choices ] || moment=$(awk -v moment="$moment" 'BEGIN { print 3 * moment }')
    CLMLP_KILLS_WRITER=$writer setsid sh "$here/tests/cli/test_kills.sh" "$program" "$here" \
        >/dev/null 2>&1 </dev/null &
    leader=$!
    sleep "$moment"
    kill -KILL "-$leader" 2>err || true
    wait "$leader" 2>err || true
    [ "$(count_temporaries)" -eq 0 ] || in_a_write=$((in_a_write + 1))
    all_load
    if [ $writer = write_choices ]; then
        run train --data cifar --hidden 3 --epochs 1 --batch 30 --quiet
        check "kill $kill: training goes on" [ "$status" -eq 0 ]
        check "kill $kill: with the choices that are there" [ "$(grep -c damaged err)" -eq 0 ]
    fi
    rm -rf files
    mkdir files
    find cache/clmlp -name '*.json.??????' -delete 2>err || true
done <moments
printf '%d kills, %d of them while a file was written\n' "$kill" "$in_a_write"
finish
