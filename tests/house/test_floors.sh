#!/bin/sh
# No file includes upward; and floors.sh, which checks this, notices made-up files that do.
#
#   test_floors.sh ROOT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(realpath "$1")
# shellcheck source=tests/house/count.sh
. "$here/count.sh"

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cp -R "$root/src" "$root/include" "$temporary"
chmod -R u+w "$temporary"

# rejects FILE INCLUDE: if a new file has this line, floors.sh must fail and name the file.
rejects() {
    put_in "$1" "$2"
    if output=$("$here/floors.sh" "$temporary"); then
        failed "$1 with #include $2 was let through"
    elif [ "$(printf '%s\n' "$output" | grep -c .)" -eq 1 ] && [ "${output#"$1:2:"}" != "$output" ]; then
        passed
    else
        failed "$1 with #include $2 was reported as: $output"
    fi
    rm "$temporary/$1"
}

accepts() {
    put_in "$1" "$2"
    if output=$("$here/floors.sh" "$temporary"); then
        passed
    else
        failed "$1 with #include $2 was rejected: $output"
    fi
    rm "$temporary/$1"
}

put_in() {
    printf '#include <stdio.h>\n#include %s\n' "$2" >"$temporary/$1"
}

if output=$("$here/floors.sh" "$root"); then
    passed
else
    failed "these include upward:
$output"
    finish # the rest would only repeat it
fi

rejects src/base/made_up.c '"data/data.h"'
rejects src/base/made_up.c '"../data/data.h"'
rejects src/base/made_up.c '"base/../data/data.h"'
rejects src/base/made_up.c '"error.h"'
rejects src/data/made_up.h '"train/curves.h"'
rejects src/compute/made_up.c '"nn/network.h"'
rejects src/compute/made_up.c '"compute/opencl/program.h"'
rejects src/compute/made_up.c '<CL/cl.h>'
rejects src/compute/reference/made_up.c '"compute/opencl/program.h"'
rejects src/compute/reference/made_up.c '<CL/cl.h>'
rejects src/compute/reference/made_up.c '<cblas.h>'
rejects src/compute/blas/made_up.c '<clblast_c.h>'
rejects src/compute/opencl/made_up.c '"compute/reference/reference.h"'
rejects src/compute/opencl/made_up.c '<cblas.h>'
rejects src/compute/made_up.c '"prove/operations.h"'
rejects src/prove/made_up.c '"nn/network.h"'
rejects src/prove/made_up.c '"check/plan.h"'
rejects src/nn/made_up.c '"train/curves.h"'
rejects src/nn/made_up.c '"compute/opencl/program.h"'
rejects src/train/made_up.c '"check/verify.h"'
rejects src/train/made_up.c '"bench/bench.h"'
rejects src/bench/made_up.c '"train/curves.h"'
rejects src/compute/made_up.c '"prove/prove.h"'
rejects src/compute/opencl/made_up.c '"tune/tune.h"'
rejects src/prove/made_up.c '"tune/tune.h"'
rejects src/prove/made_up.c '"compute/opencl/gemm/dispatch.h"'
rejects src/prove/made_up.c '<CL/cl.h>'
rejects src/tune/made_up.c '"data/data.h"'
rejects src/tune/made_up.c '"nn/network.h"'
rejects src/tune/made_up.c '<clblast_c.h>'
rejects src/data/made_up.c '"tune/tune.h"'
rejects src/bench/made_up.c '"check/verify.h"'
rejects src/bench/made_up.c '"cli/options.h"'
rejects src/cli/made_up.c '"base/error.h"'
rejects src/cli/made_up.c 'HEADER'
rejects include/made_up.h '"base/error.h"'

accepts src/base/made_up.c '"clmlp.h"'
accepts src/data/made_up.c '"base/error.h"'
accepts src/compute/reference/made_up.c '"compute/backend.h"'
accepts src/compute/opencl/made_up.c '"compute/opencl/program.h"'
accepts src/compute/opencl/made_up.c '<CL/cl.h>'
accepts src/compute/blas/made_up.c '<cblas.h>'
accepts src/train/made_up.c '"nn/network.h"'
accepts src/prove/made_up.c '"compute/providers.h"'
accepts src/tune/made_up.c '"prove/layer.h"'
accepts src/train/made_up.c '"tune/tune.h"'
accepts src/check/made_up.c '"bench/bench.h"'
accepts src/cli/made_up.c '"clmlp.h"'
accepts src/cli/made_up.c '"cli/options.h"'

mkdir "$temporary/src/attic"
printf 'int attic;\n' >"$temporary/src/attic/made_up.c"
if "$here/floors.sh" "$temporary" >/dev/null; then
    failed "a folder on no floor was let through"
else
    passed
fi

finish
