#!/bin/sh
# clmlp data in use: exit codes, sentences, and the files that its commands write; then training on these.
#
#   test_data_cli.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Wrong usage of `clmlp data WORD': refuses PATTERN WORD ARGUMENT...
refuses() {
    pattern=$1
    shift
    run data "$@"
    check "data $*: wrong usage" [ "$status" -eq 2 ]
    check "data $*: nothing on stdout" is_empty out
    check "data $*: says $pattern" has_line err "^clmlp: data $1: .*$pattern"
    check "data $*: names the help" has_line err "^Try .clmlp data $1 --help'\.$"
    check "data $*: two lines" [ "$(wc -l <err)" -eq 2 ]
}

# fails PATTERN WORD ARGUMENT...
fails() {
    pattern=$1
    shift
    run data "$@"
    check "data $*: fails" [ "$status" -eq 1 ]
    check "data $*: says $pattern" has_line err "^clmlp: data $1: .*$pattern"
}

# succeeds ARGUMENT...
succeeds() {
    run data "$@"
    check "data $*: succeeds" [ "$status" -eq 0 ]
}

# ---- usage ----

run data
check 'data: wrong usage' [ "$status" -eq 2 ]
check 'data: a sentence' has_line err '^clmlp: data: it needs a command of its own'
run data ifno
check 'data ifno: wrong usage' [ "$status" -eq 2 ]
check 'data ifno: what was meant' has_line err 'did you mean data info\?'
run data frobnicate
check 'data frobnicate: what there is' has_line err 'there are info, sample, convert and make'
for command in info sample convert make; do
    succeeds $command --help
    check "data $command --help: stderr is empty" is_empty err
    check "data $command --help: usage" has_line out "^Usage: clmlp data $command \[OPTION"
    check "data $command --help: lines fit" [ "$(awk '{ if (length > most) most = length } END { print most }' out)" -le 100 ]
    check "data $command --help: explains every option" [ "$(grep -Ec '^  (-., )?--[a-z0-9]+(=[^ ]*)?$' out)" -eq 0 ]
    refuses 'there is no such option' $command --frobnicate
    refuses 'it takes options only, not more' $command more
done
refuses '--data is needed' info
refuses '--data is needed' sample --out x
refuses '--out is needed' sample --data x
refuses '--data is needed' convert --to npz --out x
refuses '--to is needed' convert --data x --out x
refuses '--out is needed' convert --data x --to npz
refuses '--to gif: it has to be idx' convert --data x --out x --to gif
refuses '--split: npz holds training and test set' convert --data x --out x --to npz --split test
refuses '--gzip: it is for idx alone' convert --data x --out x --to npz --gzip
refuses '--split all: it has to be' sample --data x --out x --split all
refuses '--rows 0: it has to be' sample --data x --out x --rows 0
refuses '--out is needed' make
refuses '--rows x: it has to be' make --out x --rows x
refuses '--seed -1: it has to be' make --out x --seed -1
for size in 4 4x 4x0 0x4 x4 4x4x4 4X4 -4x4 ''; do
    refuses "--resize $size: it has to be a width and a height" info --data x --resize "$size"
done
for size in 4x9999 99999999x4; do
    refuses "--resize $size: each number of it may be at most 8192" info --data x --resize "$size"
done
refuses '--channels 2: it has to be 1' info --data x --channels 2

# ---- a synthetic set, in every format and back ----

succeeds make --out made --rows 40 --seed 3
check 'make: stdout is empty' is_empty out
check 'make: seven files' [ "$(find made -type f | wc -l)" -eq 7 ]
succeeds make --out again --rows 40 --seed 3
check 'make: the same bytes' cmp -s made/data_batch_3.bin again/data_batch_3.bin
succeeds make --out other --rows 40
check 'make: another seed' [ "$(cmp -s made/data_batch_3.bin other/data_batch_3.bin && echo same)" != same ]
fails '/dev/null/x' make --out /dev/null/x
refuses '1 to 1000000' make --out x --rows 1000001

for format in idx cifar10 npy npz images; do
    succeeds convert --data made --to $format --out "as-$format"
    check "$format: is there" [ -e "as-$format" ]
    fails 'is there already' convert --data made --to $format --out "as-$format"
done
check 'idx: the names are lost, and that is said' [ "$(for f in idx npz; do run data convert --data made --to $f --out "x-$f"; cat err; done | grep -c 'no place for the names')" -eq 2 ]
for format in csv libsvm; do
    succeeds convert --data made --to $format --out "as-$format"
    check "$format: says which part" has_line err "as-$format holds the training set; write the test set with --split test"
    check "$format: a line a row" [ "$(grep -vc '^label' "as-$format")" -eq 200 ]
    succeeds convert --data made --to $format --out "as-$format" --split test --force
    check "$format: --force" [ "$(grep -vc '^label' "as-$format")" -eq 40 ]
done
for part in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    check "idx: $part" [ -s as-idx/$part-ubyte ]
done
succeeds convert --data as-idx --to cifar10 --out back
for file in data_batch_1.bin data_batch_5.bin test_batch.bin; do
    check "there and back: $file" cmp -s made/$file back/$file
done
succeeds convert --data as-idx --to idx --gzip --out zipped
check 'idx, gzipped' [ "$(gzip -dc <zipped/t10k-labels-idx1-ubyte.gz | cmp - as-idx/t10k-labels-idx1-ubyte && echo same)" = same ]
check 'images: folders' [ "$(find as-images -mindepth 2 -maxdepth 2 -type d | wc -l)" -ge 18 ]
check 'images: pictures' [ "$(find as-images -name '*.png' | wc -l)" -eq 240 ]
fails 'no place for a validation set; write npz, or hold out no rows; see --val$' convert --data made --to idx --out y --val 10
succeeds convert --data made --to npz --out held.npz --val 10
succeeds info --data held.npz
check 'npz: the rows that were held out' has_line out '^rows +190 training, 10 validation, 40 test$'
check 'nothing is left of what failed' [ ! -e y ]
fails 'but those of CIFAR-10 are pictures' convert --data as-images --channels 1 --to cifar10 --out y
succeeds convert --data made --to csv --out /dev/stdout --split test
check 'a pipe' [ "$(wc -l <out)" -eq 41 ]
mkdir mine
echo precious >mine/thesis
fails 'holds other files than' convert --data made --to idx --out mine --force
fails 'holds other files than' convert --data made --to images --out as-images --force
check 'what is mine is there' has_line mine/thesis precious
find . -name '*.??????' -newer made >left
check 'nothing temporary is left' is_empty left

# ---- contents ----

succeeds info --data made
check 'info: rows' has_line out '^rows +200 training, 40 test$'
check 'info: features' has_line out '^features +3072 bytes, pictures of 32x32, 3 channels$'
check 'info: a class' has_line out '^ +3  pattern 3 +[0-9]+ +[0-9]+ +[0-9.]+ %$'
cat made/data_batch_1.bin >>made/test_batch.bin
succeeds info --data made --json info.json
check 'info: leakage' has_line out '^- 40 of 80 test rows \(50.00 %\) are each also a training row \(first: row'
check 'info: JSON, leakage' has_line info.json '"leaked": 40'
for key in data format features element picture classes class_names constant_features warnings train test mean deviation lowest highest class_rows repeated contradicting; do
    check "info: JSON key $key" has_line info.json "\"$key\": "
done
succeeds info --data made --json -
check 'info --json -: the JSON alone' cmp -s out info.json
fails 'nowhere' info --data nowhere

# ---- a sheet ----

succeeds sample --data made --out sheet.png --rows 12
check 'sample: a PNG' [ "$(head -c 4 sheet.png | tail -c 3)" = PNG ]
succeeds sample --data made --out same.png --rows 12
check 'sample: the same rows' cmp -s sheet.png same.png
# the noise is too small to change a byte: bytes come back as they were
succeeds sample --data made --out same.png --rows 12 --augment noise=1e-9
check 'sample --augment: nothing but what was asked for' cmp -s sheet.png same.png
for changes in flip shift=4 cutout=8 mixup=1 noise=0.1; do
    succeeds sample --data made --out changed.png --rows 12 --augment "$changes"
    check "sample --augment $changes: changes them" [ "$(cmp -s sheet.png changed.png && echo same)" != same ]
done
fails 'it has to be below 32' sample --data made --out changed.png --augment shift=32
refuses '--augment: there is no turn' sample --data made --out changed.png --augment turn
succeeds sample --data made --out another.png --rows 12 --seed 2 --split test
check 'sample: other rows' [ "$(cmp -s sheet.png another.png && echo same)" != same ]
fails 'has no validation set' sample --data made --out x.png --split val
fails 'no-such-directory' sample --data made --out no-such-directory/x.png

# ---- a folder of pictures trains ----

run train --data as-images --resize 8x8 --channels 1 --hidden 8 --epochs 1 --batch 20 --val 0.2 --backend reference --out run
check 'train on pictures: succeeds' [ "$status" -eq 0 ]
check 'train on pictures: the header' has_line out 'as-images \(images\): 160 training, 40 validation, 40 test rows of 64 bytes, 10 classes'
run eval run/model.safetensors --data as-images --resize 8x8 --channels 1 --backend reference
check 'eval on pictures: the names of classes' has_line out 'pattern 7'

# ---- rows are predicted by name, without labels, and in the order of their files ----

options='--resize 8x8 --channels 1 --backend reference'
# shellcheck disable=SC2086 # options are words
{
    run predict run --data as-images --val 0.2 --val-by random --split val $options
    check 'predict: the name of each row' [ "$(sed 1d out | grep -c '^[0-9]*,train/pattern [0-9]/[0-9]*\.png,')" -eq 40 ]
    check 'predict: in the order of the file' [ "$(sed 1d out | cut -d, -f1)" = "$(sed 1d out | cut -d, -f1 | sort -n)" ]
    mkdir unsorted
    cp "as-images/train/pattern 3/"*.png unsorted
    run predict run --data unsorted $options
    check 'predict: pictures without classes' [ "$(sed 1d out | wc -l)" -eq "$(find unsorted -name '*.png' | wc -l)" ]
    one=$(find unsorted -name '*.png' | sort | head -n 1)
    run predict run --data "$one" $options
    check 'predict: a single picture' [ "$(sed 1d out | wc -l)" -eq 1 ]
    sed 1d out | cut -d, -f3- >single
    run predict run --data - $options <"$one"
    check 'predict: a picture from standard input' [ "$(sed 1d out | cut -d, -f3-)" = "$(cat single)" ]
    run eval run --data unsorted $options
}
check 'eval: needs labels' has_line err 'unsorted: holds pictures, but no directory for each class'

# ---- a validation set of its own ----

run train --data as-images/train --val as-images/test --resize 8x8 --channels 1 --hidden 8 --epochs 1 --batch 20 --backend reference --quiet --out run-val
check 'train --val PATH: succeeds' [ "$status" -eq 0 ]
check 'train --val PATH: its rows' has_line out '^val .* of 40 rows$'
check 'train --val PATH: the record' has_line run-val/run.json '"val": "as-images/test"'
run train --data as-images/train --val as-images/test --val-by random --resize 8x8 --channels 1 --backend reference
check 'train --val PATH --val-by: refused' has_line err 'leave one of them out; see --val and --val-by$'

# ---- pipes ----

cp as-csv rows
mkfifo pipe
cat rows >pipe &
succeeds info --data pipe
check 'a named pipe' has_line out '^rows +40 training'
run data info --data - <rows
check 'standard input, a file' has_line out '^data +standard input \(csv\)'
tail -n +1 rows | "$program" data info --data - >out 2>err || true
check 'standard input, a pipe' has_line out '^rows +40 training'
fails 'standard input: is a device' info --data - </dev/null

printf 'no picture' >"as-images/train/pattern 1/notes.txt"
fails 'pattern 1/notes.txt: is neither PNG' info --data as-images
run info --data as-idx --resize 8x8
run data info --data as-idx --resize 8x8
check '--resize is for pictures' has_line err 'read as idx, and resizing is for images alone; leave it out; see --resize$'

fails 'nothing-there' info --data twice --json nothing-there/info.json
check 'a JSON that cannot be is told of first' is_empty out

# ---- made twice ----

succeeds make --rows 3 --out twice
fails 'twice: holds data_batch_1.bin already; .*--force' make --rows 3 --seed 2 --out twice
cp twice/data_batch_1.bin before.bin
succeeds make --rows 3 --seed 2 --out twice --force
is_same=yes
cmp -s twice/data_batch_1.bin before.bin || is_same=no
check 'data make --force: another set' [ $is_same = no ]
mkdir beside
echo note >beside/README
succeeds make --rows 3 --out beside
check 'data make: beside other files' [ "$(cat beside/README)" = note ]

finish
