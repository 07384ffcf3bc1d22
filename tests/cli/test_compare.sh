#!/bin/sh
# tools/compare without PyTorch, JAX and NumPy: it says so, and compares with blas only.
#
#   test_compare.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# compare ARGUMENT...: sets out, err and status.
compare() {
    status=0
    python3 "$root/tools/compare" "$@" >out 2>err || status=$?
}

printf '#!/bin/sh\nexec python3 -I -S "$@"\n' >bare-python # without packages beside Python's own library
chmod +x bare-python

compare --clmlp "$program" --python ./bare-python --layers 20,16,5 --batch 8,9 --momentum 0 --rounds 2 --seconds 0.02 --json rows.json
check 'compare: succeeds' [ "$status" -eq 0 ]
check 'compare: PyTorch is left out' grep -q '^PyTorch is not installed' err
check 'compare: JAX is left out' grep -q '^JAX is not installed' err
check 'compare: NumPy is left out' grep -q '^NumPy is not installed' err
check 'compare: a row a batch' [ "$(grep -c '^20-16-5 ' out)" -eq 2 ]
check 'compare: the share of the peak' grep -q '^net .* of peak ' out
check 'compare: JSON' [ "$(grep -c '"fastest": "blas"' rows.json)" -eq 2 ]

compare --clmlp ./no-such-program --python ./bare-python
check 'compare: no program, exit code' [ "$status" -eq 1 ]
check 'compare: no program, sentence' grep -q '^compare: ./no-such-program: there is no such program' err
check 'compare: no program, no traceback' [ "$(wc -l <err)" -eq 1 ]

compare --clmlp "$program" --python ./bare-python --layers 20 --momentum 0 --rounds 1 --seconds 0.02
check 'compare: a failing bench, exit code' [ "$status" -eq 1 ]
check 'compare: a failing bench, sentence' grep -q 'inputs and classes' err

compare --clmlp "$program" --python ./bare-python --training --rounds 1
check 'compare: a training without PyTorch, exit code' [ "$status" -eq 1 ]
check 'compare: a training without PyTorch, sentence' grep -q '^compare: PyTorch is not installed' err

compare --layers 20,0
check 'compare: wrong usage' [ "$status" -eq 2 ]

finish
