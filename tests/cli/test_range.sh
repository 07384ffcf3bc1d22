#!/bin/sh
# The range test of the learning rate: its files, its command, its errors, and an interrupt.
#
#   test_range.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

awk 'BEGIN { print "a,b,kind"; for (r = 0; r < 400; r++) printf "%d,%d,%s\n", r * 7 % 11 + r % 2 * 5, r * 3 % 13, r % 2 ? "odd" : "even" }' >rows.csv
test='search --range-test --data rows.csv --backend reference --hidden 16'
# shellcheck disable=SC2086 # words
{
    test="$test --to 1e5"
    succeeds $test --out range
    check 'a table' has_line out '^ +step  learning rate +loss  smoothed$'
    check 'the end' has_line out '^the loss explodes at the learning rate [0-9.e+-]+$'
    check 'a rate' has_line out '^the smoothed loss falls fastest at the learning rate [0-9.e-]+$'
    rate=$(sed -n 's/.*falls fastest at the learning rate //p' out)
    check 'the command' has_line out "^  clmlp train --data rows.csv --backend reference --hidden 16 --lr $rate --out run\$"
    check 'range.csv: its columns' [ "$(head -n 1 range/range.csv)" = step,learning_rate,loss,smoothed_loss ]
    check 'range.csv: at most 100 steps' [ "$(wc -l <range/range.csv)" -le 101 ]
    check 'range.csv: the first rate' has_line range/range.csv '^1,1e-06,'
    check 'range.png: a PNG' sh -c 'head -c 4 range/range.png | grep -q PNG'
    cp range/range.csv first.csv
    succeeds $test --out range --quiet
    check 'the same bits again' cmp -s first.csv range/range.csv
    succeeds train --data rows.csv --backend reference --hidden 16 --lr "$rate" --epochs 5 --quiet
    succeeds ${test% --to *} --from 0.001 --to 0.1 --steps 30 --out short
    check 'range.csv: 30 steps' [ "$(wc -l <short/range.csv)" -eq 31 ]
    check 'range.csv: the last rate' has_line short/range.csv '^30,0\.1,'
    for wrong in '--over lr=0.1..1' '--trials 3' '--metric loss' '--from 1 --to 0.5' '--steps 1' '--calibrate'; do
        run ${test% --to *} $wrong
        check "$wrong is refused" [ "$status" -eq 2 ]
    done
    sed 's/^[1-9][0-9]*,/3e38,/' rows.csv >huge.csv
    fails 'the loss of the first step is no finite number' search --range-test --data huge.csv --backend blas --standardize none --init normal:100 --out nothing
    check 'no first step: no folder' [ ! -e nothing ]
    run search --data rows.csv
    check 'search: --over is needed' [ "$status" -eq 2 ]
    check 'search: or --range-test' has_line err '^clmlp: search: --over is needed, .*or --range-test'
    run search --data rows.csv --over lr=0.1..1 --steps 10
    check '--steps without --range-test is refused' [ "$status" -eq 2 ]
}
finish
