#!/bin/sh
# If the program is killed at any moment, every file under its final name still loads.
#
#   test_kills.sh PROGRAM ROOT [KILLS [SEED]]
#
# Each round starts the program over and over, so that it writes most of the time. After up to half a second
# it kills the program and its children (SIGKILL), and reads every file. Further checks: each writer finishes
# a file, none of its commands fails by itself, and a kill comes during a write. KILLS is at least 6, so that
# each writer has its turn. The long form, with a seed of its own:
#
#   tests/cli/test_kills.sh build/src/cli/clmlp . 250 "$(date +%s)"
set -eu
kills=${3:-12}
seed=${4:-${CLMLP_SAMPLE:-1}}
here=$(realpath "$2")
if [ "${CLMLP_KILLS_WRITER:-}" ]; then
    program=$1 # the script starts itself, in its directory and a process group of its own
else
    # shellcheck source=tests/cli/program.sh
    . "$here/tests/cli/program.sh"
    printf 'seed %s\n' "$seed"
fi

# ---- the writers: each writes until it is killed ----

# write ARGUMENT...: if it fails by itself, says so, and no round begins again. 137 is a kill.
write() {
    code=0
    "$program" "$@" 2>writer.err || code=$?
    [ $code -ne 0 ] || return 0
    [ $code -eq 137 ] || printf '%s: exit %d of clmlp %s: %s\n' "$CLMLP_KILLS_WRITER" $code "$*" "$(cat writer.err)" >>by-itself
    exit 1
}

write_runs() {
    n=0
    while :; do
        n=$((n + 1))
        write train --backend reference --data cifar --hidden 3 --epochs 1 --batch 30 --quiet --out files/run$n
    done
}

write_scores() {
    while :; do
        write eval old/model.safetensors --backend reference --data cifar --json files/scores.json
    done
}

write_data() {
    while :; do
        for format in csv npz libsvm; do
            write data convert --data cifar --to $format --out "files/new.$format" --force
        done
        for format in npy idx cifar10; do
            write data convert --data cifar --to $format --out "files/new.$format" --force
        done
        write data make --rows 12 --out files/made --force
    done
}

# Uses a new width each time, because choices that exist are not written again.
write_choices() {
    n=$((CLMLP_KILLS_ROUND * 2))
    while :; do
        n=$((n + 1))
        write train --data cifar --hidden $n --epochs 1 --batch 30 --quiet
    done
}

if [ "${CLMLP_KILLS_WRITER:-}" ]; then
    "$CLMLP_KILLS_WRITER"
fi

# ---- what must be there afterwards ----

# how mkdtemp and mkstemp end a name
six='[A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9][A-Za-z0-9]'

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
        case $data in
        files/new.libsvm) ;;
        *.$six) continue ;;
        esac
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

# A write that was cut off leaves a file under a name that no program looks for.
has_temporary() {
    find files cache/clmlp -name '.clmlp-??????' -o -name "*.$six" ! -name new.libsvm 2>err | grep -q .
}

# A finished file of this round.
has_finished() {
    find files cache/clmlp -type f -newer round ! -name '.clmlp-??????' ! -path '*/.clmlp-??????/*' ! -path "*.$six/*" \
        \( ! -name "*.$six" -o -name new.libsvm \) 2>err | grep -q .
}

# Stops the writer again and again until it is in a write; this works on a slow machine, too.
until_in_a_write() {
    while kill -STOP "-$leader" 2>err && ! has_temporary && [ ! -e by-itself ]; do
        kill -CONT "-$leader"
        sleep 0.01
    done
}

# ---- rounds ----

export POCL_CACHE_DIR="$temporary/pocl"
mkdir files
"$program" data make --rows 12 --out cifar >out
"$program" train --backend reference --data cifar --hidden 3 --epochs 1 --batch 30 --out old >out
"$program" train --data cifar --hidden 3 --epochs 1 --batch 30 --quiet >out 2>err || true # compiles the kernels
awk -v seed="$seed" -v moments="$kills" 'BEGIN { srand(seed); while (moments--) printf "%.3f\n", 0.02 + rand() / 2 }' >moments

kill=0
in_a_write=0
finished=
# If no kill came during a write, the last one does.
while read -r moment || { [ $in_a_write -eq 0 ] && [ ! -e by-itself ]; }; do
    kill=$((kill + 1))
    case $((kill % 6)) in
    0) writer=write_choices ;;
    1 | 4) writer=write_data ;;
    2) writer=write_scores ;;
    *) writer=write_runs ;;
    esac
    [ "$moment" ] || writer=write_data
    [ $writer != write_choices ] || moment=$(awk -v moment="$moment" 'BEGIN { print 3 * moment }')
    touch round
    CLMLP_KILLS_WRITER=$writer CLMLP_KILLS_ROUND=$kill setsid sh "$here/tests/cli/test_kills.sh" "$program" "$here" \
        >/dev/null 2>&1 </dev/null &
    leader=$!
    await $leader kill -0 "-$leader" # waits until the process group exists
    case $finished in
    *$writer*) ;;
    *) await $leader has_finished ;; # a writer finishes in its first round, even if it is slow
    esac
    if [ "$moment" ]; then sleep "$moment"; else until_in_a_write; fi
    kill -KILL "-$leader" 2>err || true
    wait "$leader" 2>err || true
    ! has_temporary || in_a_write=$((in_a_write + 1))
    ! has_finished || finished="$finished $writer"
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

# ---- whether there was something to kill ----

for writer in write_runs write_scores write_data write_choices; do
    case $finished in
    *$writer*) passed ;;
    *) failed "$writer finished no file" ;;
    esac
done
if [ -e by-itself ]; then
    failed "$(cat by-itself)"
else
    passed
fi
if [ $in_a_write -eq 0 ]; then
    failed 'no kill came while a file was written'
else
    passed
fi
finish
