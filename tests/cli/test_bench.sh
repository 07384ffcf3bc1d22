#!/bin/sh
# clmlp bench: what it measures, the rows that it writes, and results of several machines in one table. No
# check depends on how fast the machine is.
#
#   test_bench.sh PROGRAM ROOT LOAD
set -eu
load=$(realpath "$3")
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# row SYSTEM BACKEND DEVICE LAYERS BATCH MS LOW HIGH [MORE]: a row of a made-up result; LOW -: without a range.
row() {
    range=
    [ "$7" = - ] || range=", \"ms_p10\": $7, \"ms_p90\": $8"
    printf '{"system": "%s", "backend": "%s", "provider": "auto: native", "device": "%s", "layers": [%s], "batch": %s, "momentum": 0.9, "ms_per_step": %s, "samples_per_s": 1000, "gflops": 12.5%s%s}' \
        "$1" "$2" "$3" "$4" "$5" "$6" "$range" "${9:+, $9}"
}

# rows FILE ROW...
rows() {
    file=$1
    shift
    printf '[' >"$file"
    comma=
    for one; do
        printf '%s%s' "$comma" "$one" >>"$file"
        comma=,
    done
    printf ']' >>"$file"
}

# Python reads the JSON: the number of its rows.
count_rows() { python3 -c 'import json, sys
print(len(json.load(open(sys.argv[1]))))' "$1"; }

# wrong PATTERN ARGUMENT...: wrong usage of bench.
wrong() {
    pattern=$1
    shift
    run bench "$@"
    check "bench $*: wrong usage" [ "$status" -eq 2 ]
    check "bench $*: says $pattern" has_line err "^clmlp: bench: .*$pattern"
}

quick='--seconds 0.001 --backend reference'

# ---- several nets and batches ----

# shellcheck disable=SC2086 # options are words
succeeds bench $quick --layers 8,4,3 --layers 6,3 --layers 8,4,3 --batch 4,2,4 --json bench.json --out bench.csv --plot bench.png
check 'each net and batch once' [ "$(grep -c '^reference  *plain loops ' out)" -eq 4 ]
check 'a heading for each net' [ "$(grep -Ec '^(8-4-3|6-3), momentum 0.9$' out)" -eq 2 ]
check 'a table of 80 columns' lacks_line out '.{81}'
check 'JSON: the same rows' [ "$(count_rows bench.json)" -eq 4 ]
for key in system backend provider device layers activation batch momentum ms_per_step samples_per_s gflops \
    ms_p10 ms_p90 platform driver opencl host processor cores os version openblas clblast date load; do
    check "JSON key $key" [ "$(grep -c "\"$key\": " bench.json)" -eq 4 ]
done
check 'the date' has_line bench.json '"date": "20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"'
check 'the version' has_line bench.json "\"version\": \"$("$program" --version | sed 's/.* //')\""
check 'a picture' [ "$(head -c 4 bench.png | tail -c 3)" = PNG ]
check 'CSV: a heading and the rows' [ "$(wc -l <bench.csv)" -eq 5 ]
wrong 'layers 7: it needs inputs and classes' --layers 8,3 --layers 7
wrong 'a list of whole numbers' --layers 8,3 --layers x
wrong 'batch: it is given twice' --batch 1 --batch 2

# ---- formats ----

# shellcheck disable=SC2086 # options are words
{
    succeeds bench $quick --layers 8,4,3 --batch 4,2 --format json
    check 'JSON on standard output' [ "$(count_rows out)" -eq 2 ]
    succeeds bench $quick --layers 8,4,3 --batch 4,2 --json -
    check '--json -: the same' [ "$(count_rows out)" -eq 2 ]
    succeeds bench $quick --layers 8,4,3 --batch 4 --format csv --out bench.md
    check 'CSV on standard output' [ "$(wc -l <out)" -eq 2 ]
    check 'Markdown in a file' has_line bench.md '^\| 8-4-3, momentum 0.9 \| 4 \| reference \| plain loops \| '
    wrong 'standard output gets csv' $quick --format csv --json -
    wrong 'profile: md has no place for it' $quick --profile --format md
    wrong 'its name has to end with' $quick --out bench.xls
}

# shellcheck disable=SC2016 # no expansion is meant
name='a, "b" | <c> `d` *e*'
# shellcheck disable=SC2016 # no expansion is meant
rows odd.json "$(row clmlp opencl 'a, \"b\" | <c> `d` *e*\u001b[31m\n' 8,3 4 1.5 1.4 1.6)"
succeeds bench --merge odd.json --format csv
check 'CSV that Python reads' [ "$(python3 -c 'import csv, sys
print(next(csv.DictReader(open("out")))["device"])')" = "$name?[31m?" ]
succeeds bench --merge odd.json --format md
# shellcheck disable=SC2016 # no expansion is meant
check 'Markdown: signs are escaped' has_line out '^- opencl: a, "b" \\\| \\<c\\> \\`d\\` \\\*e\\\*\?\\\[31m\?$'
succeeds bench --merge odd.json
check 'a table: no control character' lacks_line out "$(printf '\033')"
succeeds bench --merge odd.json --json again.json
check 'JSON: the device is kept as it was' has_line again.json 'u001[bB]'

# ---- verdicts ----

# Between 64 and 128 the second one becomes the fastest; at 256 nothing is certain.
rows two.json \
    "$(row clmlp opencl fast 8,3 32 1 0.9 1.1)" "$(row clmlp blas slow 8,3 32 2 1.9 2.1)" \
    "$(row clmlp opencl fast 8,3 64 2 1.9 2.1)" "$(row clmlp blas slow 8,3 64 3 2.5 3.5)" \
    "$(row clmlp opencl fast 8,3 128 5 4.5 5.5)" "$(row clmlp blas slow 8,3 128 4 3.9 4.1)" \
    "$(row clmlp opencl fast 8,3 256 8 7 9)" "$(row clmlp blas slow 8,3 256 9 8.5 9.5)" \
    "$(row clmlp opencl fast 8,3 512 8 7 9)"
succeeds bench --merge two.json --plot two.png
check 'the fastest' has_line out '^  batch 32 to 64 +opencl is the fastest, 1.50 to 2.00 times the next$'
check 'the crossover' has_line out '^  crossover +blas overtakes opencl between batch 64 and batch 128$'
check 'the fastest after that' has_line out '^  batch 128 +blas is the fastest, 1.25 times the next$'
check 'ranges that overlap' has_line out '^  batch 256 +not certain: the ranges of opencl and blas overlap$'
check 'one system alone is no verdict' lacks_line out '^  batch .*512'
check 'x blas' has_line out '^opencl +native +32 .* 2\.00$'
check 'merge: a picture' [ "$(head -c 4 two.png | tail -c 3)" = PNG ]
rows touching.json "$(row clmlp opencl a 8,3 32 1 0.9 1.1)" "$(row clmlp blas b 8,3 32 1.2 1.1 1.3)"
succeeds bench --merge touching.json
check 'ranges that touch' has_line out 'not certain: the ranges of opencl and blas overlap$'
rows unknown.json "$(row clmlp opencl a 8,3 32 1 0.9 1.1)" "$(row other torch b 8,3 32 9 -)"
succeeds bench --merge unknown.json
check 'no range is known' has_line out '^  batch 32 +not certain: the ranges of opencl and torch overlap, or$'
check 'a range that is not known' has_line out '^torch +native +32 +9.000 +- '
check 'other systems are named' has_line out '^  torch  *b, other$'

# ---- several machines ----

rows a.json "$(row clmlp opencl card 8,3 32 1 0.9 1.1 '"host": "left"')"
rows b.json "$(row clmlp opencl card 8,3 32 2 1.9 2.1 '"host": "right"')" "$(row clmlp blas cores 8,3 32 4 3.9 4.1 '"host": "right"')"
succeeds bench --merge a.json b.json --json both.json --plot both.png
check 'a name for each host' has_line out '^  opencl A +card on left$'
check 'the other host' has_line out '^  opencl B +card on right$'
check 'the verdict is about hosts' has_line out '^  batch 32 +opencl A is the fastest, 2.00 times'
check 'x blas: of the same host' has_line out '^opencl A +native .* -$'
check 'merged JSON' [ "$(count_rows both.json)" -eq 3 ]
succeeds bench --merge both.json
check 'merged JSON is read again' [ "$(grep -c '^opencl [AB] *native' out)" -eq 2 ]
rows later.json "$(row clmlp opencl card 8,3 32 7 6.9 7.1 '"host": "left"')"
succeeds bench --merge a.json later.json
check 'measured again: the last one counts' has_line out '^opencl +native +32 +7.000 '
check 'measured again: that is said' has_line err 'note: 1 row was measured again by a later one'
rows relu.json "$(row clmlp opencl card 8,3 32 1 0.9 1.1)" \
    "$(row clmlp opencl card 8,3 32 1 0.9 1.1 '"activation": "relu"')" \
    "$(row clmlp opencl card 8,3 32 2 1.9 2.1 '"activation": "gelu"')"
succeeds bench --merge relu.json
check 'rows without an activation are of relu' has_line err 'note: 1 row was measured again by a later one'
check 'the heading of relu' has_line out '^8-3, momentum 0.9$'
check 'the heading of another activation' has_line out '^8-3, gelu, momentum 0.9$'
succeeds bench $quick --layers 8,4,3 --batch 4 --activation mish
check 'the activation is measured' has_line out '^8-4-3, mish, momentum 0.9$'
rows driver.json "$(row clmlp opencl card 8,3 32 1 1 1 '"driver": "1"')" "$(row clmlp opencl card 8,3 32 2 2 2 '"driver": "2"')"
succeeds bench --merge driver.json
check 'systems that differ in the driver alone' has_line out '^  opencl B +card, driver 2$'
wrong 'it is a file of --merge|it is the file of --merge' --merge a.json b.json --json b.json
wrong 'it is the file of --merge' --merge a.json --json a.json
wrong 'layers: it is for a measurement' --merge a.json --layers 8,3
wrong 'as in --merge a.json' a.json
wrong 'it takes options only' all

# ---- files that are wrong ----

# broken PATTERN TEXT: a file with the text is refused with that sentence.
broken() {
    printf '%s' "$2" >broken.json
    fails "$1" bench --merge a.json broken.json
}
good=$(row clmlp opencl card 8,3 32 1 0.9 1.1)
# without KEY: the good row without it. with KEY VALUE: the good row with another value.
without() { printf '%s' "$good" | sed -E "s/\"$1\": (\"[^\"]*\"|\[[^]]*\]|[^,}]*)(, )?//; s/, }/}/"; }
with() { printf '%s' "$good" | sed -E "s/\"$1\": (\"[^\"]*\"|\[[^]]*\]|[^,}]*)/\"$1\": $2/"; }
for key in system backend provider device layers batch momentum ms_per_step samples_per_s gflops; do
    broken "broken.json, row 2: $key is missing" "[$good,$(without $key)]"
    broken "broken.json, row 1: $key is (null|an object), not " "[$(with $key null)]"
    broken "broken.json, row 1: $key is an object, not " "[$(with $key '{}')]"
done
broken 'row 1: batch is 0, not a whole number' "[$(with batch 0)]"
broken 'row 1: batch is 1.5, not' "[$(with batch 1.5)]"
broken 'row 1: batch is 2.14748365e\+09, not' "[$(with batch 2147483648)]"
broken 'row 1: batch is a text, not' "[$(with batch '"32"')]"
broken 'row 1: layers is a list, not a list of 2 to' "[$(with layers '[8]')]"
broken 'row 1: layers is a list' "[$(with layers '[8, 0]')]"
broken 'row 1: layers is a list' "[$(with layers '[8, "3"]')]"
broken 'row 1: ms_per_step is -1, not a number of at least 0' "[$(with ms_per_step -1)]"
broken 'row 1: ms_per_step 5 is not between ms_p10 0.9 and ms_p90 1.1' "[$(with ms_per_step 5)]"
broken 'row 1: ms_p90 is a text' "[$(with ms_p90 '"1"')]"
broken 'row 1: host is a number|row 1: host is 1, not a text' "[$(row clmlp opencl card 8,3 32 1 0.9 1.1 '"host": 1')]"
broken 'row 1: it is a number, not an object' '[1]'
broken 'row 2: it is null, not an object' "[$good,null]"
broken 'broken.json is an object, not a list of rows' '{"device": "card"}'
broken 'broken.json, line 1: it is no JSON' ''
broken 'broken.json, line 1: it is no JSON' '[{"system": '
broken 'broken.json, line 3: it is no JSON' '[

{]'
broken 'it is no JSON' "[$good]]"
broken 'it is no JSON' "[$(with ms_per_step 1e999)]"
broken 'it is no JSON' "[$(with ms_per_step NaN)]"
broken 'it is no JSON' "[$(with device '"\\u0000"')]"
broken 'it is no JSON' "$(awk 'BEGIN { for (i = 0; i < 5000; i++) printf "[" }')"
printf '[{"system": "\377"}]' >broken.json
fails 'broken.json, line 1: it is no JSON' bench --merge broken.json
fails 'absent cannot be opened: No such file' bench --merge a.json "$absent"
mkdir folder
fails 'folder cannot be read: Is a directory' bench --merge folder
echo '[]' >empty.json
fails 'empty.json has no row to show' bench --merge empty.json
awk 'BEGIN { printf "["; for (i = 0; i < 300; i++) printf "%s{\"system\": \"s%d\", \"backend\": \"b\", \"provider\": \"p\", \"device\": \"d\", \"layers\": [8, 3], \"batch\": 1, \"momentum\": 0, \"ms_per_step\": 1, \"samples_per_s\": 1, \"gflops\": 1}", i ? "," : "", i; print "]" }' >many.json
fails 'many.json, row 257: there are more than 256 systems' bench --merge many.json
python3 -c 'import json
rows = json.load(open("many.json"))[:60]
json.dump(rows, open("some.json", "w"))'
succeeds bench --merge some.json
fails 'a picture has room for 48 systems' bench --merge some.json --plot some.png

# ---- an interrupt, and an end without one: finished rows are there ----

# After the first row, 39 are still to come.
slow="--backend reference --seconds 1 --layers 8,4,3 --batch $(seq -s, 1 40)"
# shellcheck disable=SC2086 # options are words
{
    interrupt '^reference  *plain loops ' bench $slow --json stopped.json --out stopped.md --plot stopped.png
    check 'interrupted: what is finished counts' [ "$status" -eq 0 ]
    check 'interrupted: that is said' has_line err 'note: stopping after this step.*finished rows are kept'
    check 'interrupted: rows in JSON' [ "$(count_rows stopped.json)" -ge 1 ]
    check 'interrupted: not all of them' [ "$(count_rows stopped.json)" -lt 40 ]
    check 'interrupted: rows in Markdown' has_line stopped.md '^\| 8-4-3, momentum 0.9 \| 1 '
    check 'interrupted: a picture' [ "$(head -c 4 stopped.png | tail -c 3)" = PNG ]
    start "$program" bench $slow --json killed.json --out killed.csv
    await $process has_line out '^reference  *plain loops +[2-9] '
    kill -KILL $process
    wait $process || true
    check 'killed: rows in JSON' [ "$(count_rows killed.json)" -ge 1 ]
    check 'killed: rows in CSV' [ "$(wc -l <killed.csv)" -ge 2 ]
    start "$program" bench --backend reference --seconds 15 --layers 8,4,3 --batch 1 --format json
    await $process has_line out '^\['
    kill -TERM $process
    status=0
    wait $process || status=$?
    check 'interrupted in the first row: fails' [ "$status" -eq 1 ]
    check 'interrupted in the first row: says so' has_line err 'stopped before the end of the first row'
    check 'interrupted in the first row: JSON' [ "$(count_rows out)" -eq 0 ]
}

# ---- a busy machine; the load is that of a replaced function ----

# loaded LOAD
loaded() {
    status=0
    # shellcheck disable=SC2086 # options are words
    MADE_UP_LOAD=$1 LD_PRELOAD=$load ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0" \
        "$program" bench $quick --layers 8,4,3 --batch 4 --json loaded.json >out 2>err || status=$?
    check "load $1: succeeds" [ "$status" -eq 0 ]
}
loaded 4000
check 'a busy machine is said' has_line err 'note: the machine is busy: its load is 4000.00 on [0-9]+ core'
check 'the load in JSON' has_line loaded.json '"load": 4000'
loaded 0
check 'an idle machine is not' lacks_line err 'busy'
loaded -1
check 'an unknown load' has_line loaded.json '"load": null'
check 'an unknown load is not busy' lacks_line err 'busy'

# ---- devices ----

OCL_ICD_VENDORS="$absent" OPENCL_VENDOR_PATH="$absent" fails 'no OpenCL platform' bench --layers 8,3 --batch 4 --device gpu --json gpu.json
check 'nothing was measured before' [ ! -e gpu.json ]
require_device 'bench on devices'
"$program" devices --json devices.json >out 2>err
address=$(python3 -c 'import json
print(*("%d:%d" % (d["platform"], d["device"]) for d in json.load(open("devices.json")) if d["taken"]))')
name=$(python3 -c 'import json
print(*(d["name"] for d in json.load(open("devices.json")) if d["taken"]))')
few='--layers 8,4,3 --batch 4 --seconds 0.001 --gemm native'
# shellcheck disable=SC2086 # options are words
{
    fails "no OpenCL device is no-such-device; there is .*$address .*see --device" bench $few --device no-such-device --json absent.json
    fails 'no OpenCL device is no-such-device;' bench $few --backend blas,opencl,reference --device "$address,no-such-device" --json absent.json
    check 'a wrong selector: nothing is measured' is_empty out
    check 'a wrong selector: no file' [ ! -e absent.json ]
    fails 'nothing is before a comma' bench $few --device ",$address"
    succeeds bench $few --backend opencl --device "$address, $name,$address" --json device.json
    check 'a device is measured once' [ "$(count_rows device.json)" -eq 1 ]
    check 'the name of a device may have commas' has_line out '^opencl  *native '
    check 'JSON: the driver' lacks_line device.json '"(driver|platform|opencl|clblast)": null'
    check 'JSON: where it is' has_line device.json "\"address\": \"$address\""
    succeeds bench $few --backend opencl,reference --device all --json all.json
    check 'all devices' [ "$(count_rows all.json)" -ge 2 ]
    CLMLP_DEVICE="$address" succeeds bench $few
    check 'CLMLP_DEVICE' has_line out "^  opencl +$address "
    fails 'reference on host.* at batch 2000000000: the benchmark needs .*see --batch' bench --backend reference,opencl --layers 100000,3 --batch 2000000000
    check 'too large: nothing is measured' is_empty out
}
finish
