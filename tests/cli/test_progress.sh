#!/bin/sh
# What a run tells while it trains: the line on a terminal of any width, and the lines of --log-json.
#
#   test_progress.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

"$program" data make --rows 400 --out set >made
arguments='train --data set --backend blas --hidden 768 --epochs 2'

# ---- on a terminal ----

# shows COLUMNS PATTERN ARGUMENT...
shows() {
    columns=$1
    expected=$2
    shift 2
    status=0
    # shellcheck disable=SC2086 # words
    TERM=${terminal:-xterm} python3 "$root/tests/cli/terminal.py" "$columns" "$expected" "$program" $arguments "$@" >out 2>err || status=$?
    check "$columns columns, $*: $expected" [ $status -eq 0 ]
}
shows 120 '^epoch [12]/2 \[=*>\.*\] +[0-9]+ %  loss [0-9.]+  acc [0-9.]+ %  [0-9]+ samples/s  [0-9]+:[0-9][0-9] left$'
shows 60 '^epoch [12]/2 .* [0-9]+ %  loss [0-9.]+  acc [0-9.]+ %  [0-9]+:[0-9][0-9] left$'
shows 40 '^epoch [12]/2 +[0-9]+ %  loss [0-9.]+  [0-9]+:[0-9][0-9] left$'
shows 18 '^epoch [12]/2 +[0-9]+ %$'
shows 100 '^net 2/2  epoch' --ensemble 2
shows 100 '^epoch' --seed 2
LC_ALL=C shows 100 '^epoch [12]/2 \[='
shows 100 none --quiet
terminal=dumb
shows 100 none
unset terminal

# in a file there is no such line
# shellcheck disable=SC2086 # words
succeeds $arguments
check 'no line that is replaced in a file' lacks_line err '\[K'

# ---- a line of JSON an epoch ----

# shellcheck disable=SC2086 # words
succeeds $arguments --val 0.2 --out run --log-json log
cat >look.py <<'CODE'
import json, sys
lines = [json.loads(line) for line in open("log")]
run = json.load(open("run/run.json"))
figures = [{k: v for k, v in line.items() if k not in ("epochs", "time")} for line in lines]
assert figures[-2:] == run["epochs"], (figures, run["epochs"])
assert len(lines) == int(sys.argv[1]) and all(line["epochs"] == 2 and line["time"].endswith("Z") for line in lines)
CODE
check 'the lines have what run.json has' python3 look.py 2
rm -rf run
# shellcheck disable=SC2086 # words
succeeds $arguments --val 0.2 --out run --log-json log
check 'another run adds its lines' python3 look.py 4
# shellcheck disable=SC2086 # words
succeeds $arguments --quiet --log-json -
check 'to standard output' has_line out '^{"epoch":2,.*"samples_per_s":'
# shellcheck disable=SC2086 # words
fails 'absent/log' $arguments --log-json "$absent/log"
# shellcheck disable=SC2086 # words
succeeds $arguments --log-json /dev/full
check 'a line that cannot be written is told' has_line err '^clmlp: train: note: /dev/full: the line of an epoch was not written: No space left'
finish
