#!/bin/sh
# The program in use: exit codes, sentences, help, and the files it writes.
#
#   test_cli.sh PROGRAM ROOT [briefly]
#
#   briefly  only the reference and one of the other backends
set -eu
brevity=${3:-}
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Wrong usage: exit 2, nothing on stdout, a sentence with the command's name, and where to find help.
# refuses PATTERN COMMAND ARGUMENT...
refuses() {
    pattern=$1
    shift
    run "$@"
    check "clmlp $*: wrong usage" [ "$status" -eq 2 ]
    check "clmlp $*: nothing on stdout" is_empty out
    check "clmlp $*: says $pattern" has_line err "^clmlp: $1: .*$pattern"
    check "clmlp $*: names the help" has_line err "^Try .clmlp $1 --help'\.$"
    check "clmlp $*: two lines" [ "$(wc -l <err)" -eq 2 ]
}

# ---- a small data set: 4 classes of 4 x 4 pictures, a bright row for each class, and noise ----

# octal COUNT SEED images|labels: as escapes for printf.
octal() {
    awk -v count="$1" -v seed="$2" -v what="$3" '
    function number(n) {
        printf "\\%03o\\%03o\\%03o\\%03o", int(n / 16777216) % 256, int(n / 65536) % 256, int(n / 256) % 256, n % 256
    }
    BEGIN {
        srand(seed)
        number(what == "images" ? 2051 : 2049)
        number(count)
        if (what == "images") {
            number(4)
            number(4)
        }
        for (r = 0; r < count; r++)
            if (what == "labels")
                printf "\\%03o", r % 4
            else
                for (i = 0; i < 16; i++)
                    printf "\\%03o", int((int(i / 4) == r % 4 ? 120 : 40) + 90 * rand())
    }'
}

# write_set DIRECTORY
write_set() {
    mkdir "$1"
    # shellcheck disable=SC2059 # the escapes are the format
    for part in train:202:1 t10k:60:2; do
        name=${part%%:*}
        numbers=${part#*:}
        printf "$(octal "${numbers%:*}" "${numbers#*:}" images)" >"$1/$name-images-idx3-ubyte"
        printf "$(octal "${numbers%:*}" "${numbers#*:}" labels)" >"$1/$name-labels-idx1-ubyte"
    done
}

write_set data
mkdir train-only
cp data/train-* train-only

# ---- the program's own options ----

run
check 'no command: wrong usage' [ "$status" -eq 2 ]
check 'no command: a sentence' has_line err '^clmlp: a command is needed'
run trian
check 'an unknown command: wrong usage' [ "$status" -eq 2 ]
check 'an unknown command: what was meant' has_line err '^clmlp: trian: .*did you mean train\?'
run frobnicate
check 'an unknown command: nothing is near' has_line err '^clmlp: frobnicate: there is no such command$'
run --frobnicate
check 'an unknown option: wrong usage' [ "$status" -eq 2 ]
succeeds --version
check 'the version' has_line out '^clmlp [0-9]+\.[0-9]+\.[0-9]+$'
succeeds --help
commands=$(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' out)
for command in devices doctor train eval predict verify gradcheck tune bench data; do
    check "--help names $command" has_line out "^  $command "
done

# ---- every command's help, and what every command must refuse ----

for command in $commands; do
    succeeds "$command" --help
    check "$command --help: stderr is empty" is_empty err
    check "$command --help: usage" has_line out "^Usage: clmlp $command \[OPTION"
    check "$command --help: lines fit" [ "$(awk '{ if (length > most) most = length } END { print most }' out)" -le 100 ]
    check "$command --help: explains every option" [ "$(grep -Ec '^  (-., )?--[a-z0-9]+(=[^ ]*)?$' out)" -eq 0 ]
    succeeds "$command" --version
    check "$command --version" has_line out '^clmlp [0-9]'
    refuses 'there is no such option' "$command" --frobnicate
    refuses '-x: there is no such option' "$command" -x
    refuses '-xy: there is no such option' "$command" -xy
    refuses '--help: it takes no value' "$command" --help=3
    case $command in data | kernel | export | import) continue ;; esac
    refuses '--device: it needs a value' "$command" --device
    refuses '--device: its value is empty' "$command" --device ''
    refuses '--device: it is given twice' "$command" --device auto --device=auto
done

# ---- values, one line each: COMMAND OPTION VALUE PATTERN ----

while read -r command option value pattern; do
    refuses "$option.*$pattern" "$command" "$option" "$value"
done <<'TABLE'
train --epochs 0 whole number
train --epochs -1 whole number
train --epochs +1 whole number
train --epochs 1.5 whole number
train --epochs 1e3 whole number
train --epochs x whole number
train --epochs 99999999999999999999999 whole number
train --batch 0 whole number
train --batch 12x whole number
train --lr 0 above 0
train --lr -0.1 above 0
train --lr nan a number
train --lr inf a number
train --lr 0x1 a number
train --lr 1e999 may be up to 1.8e.308
train --lr 0,1 a number
train --momentum 1 below 1
train --momentum -0.5 at least 0
train --l2 -1 at least 0
train --l2 x a number
train --seed -1 whole number
train --seed 18446744073709551616 whole number
train --hidden 0 a list
train --hidden 3, a list
train --hidden ,3 a list
train --hidden 3,,4 a list
train --hidden 3x4 a list
train --hidden -3 a list
train --shuffle maybe on or off
train --optimizer adma sgd, nesterov, rmsprop, adam, adamw, nadam or lion
train --standardize median none, global or feature
train --init normal: a number
train --init normal:x a number
train --init normal:-1 a number from 0 to 1e.30
train --init uniform:x a number from 0 to 1e.30
train --activation swish relu, leaky-relu, elu, tanh, sigmoid, gelu, silu or mish
gradcheck --activation none relu, leaky-relu
bench --activation rleu relu, leaky-relu
train --backend cuda reference, blas or opencl
train --gemm mkl auto, native, clblast
train --format png idx, npy, npz, arff, libsvm, csv, cifar100, cifar10 or images
train --header maybe yes or no
train --missing median mean, zero or refuse
train --val -1 fraction
train --val 1.5 fraction
train --val-by first last, random or stratified
train --val-seed x whole number
train --val-seed 2 --val-by random or stratified
train --limit 0 whole number
train --epoch 0 whole number
train --hiden 3 did you mean --hidden
train --ba 3 write it out
eval --split all train, val or test
predict --split all train, val or test
bench --layers 3 inputs and classes
tune --layers 3 inputs and classes
tune --batch 10,0 a list
tune --backend blas opencl
tune --gemm native all there are
bench --layers x a list
bench --batch 10,0 a list
bench --momentum 1 below 1
bench --seconds 0 above 0
bench --seconds x a number
TABLE
refuses '--epochs: it needs a value' train --data data --epochs
refuses '--quiet: it takes no value' train --data data --quiet=yes
refuses '--quiet: it is given twice' train --data data --quiet --quiet
refuses '--epochs: it is given twice' train --data data --epochs 3 --epochs 3
refuses '--json: it is given twice' bench --json a.json --json -
refuses '--val-seed is for --val-by' train --data data --val 10 --val-seed 1
refuses '--data is needed' train
refuses '--data: its value is empty' train --data ''
refuses 'it takes options only, not more' train --data data more
refuses '--standardize is for the inputs of a data set' gradcheck --standardize feature
refuses 'a model is needed' eval --data data
refuses '--data is needed' eval model
refuses 'one MODEL, not a and b' eval a b --data data
refuses 'a model is needed' predict --data data
refuses '--out: its value is empty' train --data data --out ''
refuses '--augment: there is no rotate, but flip, shift=' train --data data --augment flip,rotate=3
refuses '--augment: there is no flop; did you mean flip\?' train --data data --augment flop
refuses '--augment: there is no word between commas' train --data data --augment flip,,shift=1
refuses '--augment: there is no word between commas' train --data data --augment ''
refuses '--augment flip: it takes no value' train --data data --augment flip=1
refuses '--augment flip: it is there twice' train --data data --augment flip,shift=1,flip
refuses '--augment shift: it needs a value, as in shift=4' train --data data --augment shift
refuses '--augment cutout: it needs a value, as in cutout=8' train --data data --augment cutout=
refuses '--augment shift 1.5: .*whole number' train --data data --augment shift=1.5
refuses '--augment cutout 0: .*at least 1' train --data data --augment cutout=0
refuses '--augment mixup 0: .*above 0' train --data data --augment mixup=0
refuses '--augment noise -1: .*above 0' train --data data --augment noise=-1
refuses '--augment noise x: .*number' train --data data --augment noise=x
refuses 'it takes options only' devices all
refuses 'it takes options only' bench all

# ---- backends and devices that exist ----

# Whether BACKEND exists. If not, prints a named skip; under CLMLP_REQUIRE_ALL=1 that is a failure.
has_backend() {
    run train --data data --backend "$1" --epochs 1 --quiet
    if [ "$status" -eq 0 ]; then
        return 0
    fi
    if [ "${CLMLP_REQUIRE_ALL:-0}" = 1 ]; then
        failed "$1: $(cat err)"
    else
        printf 'SKIP cli on %s: %s\n' "$1" "$(head -n 1 err)"
        passed
    fi
    return 1
}

backends=
tried=0
for backend in reference blas opencl; do
    tried=$((tried + 1))
    [ "$brevity" != briefly ] || [ $backend = reference ] || in_sample $tried 1 || continue
    if has_backend $backend; then
        backends="$backends $backend"
    fi
done

# ---- a run, from training to prediction ----

train='train --data data --hidden 13,7 --epochs 12 --batch 20 --val 22'

for backend in $backends; do
    # shellcheck disable=SC2086 # words
    succeeds $train --backend "$backend" --out "run-$backend"
    check "$backend: stderr is no terminal, and empty" is_empty err
    check "$backend: no escape sequences" [ "$(tr -d -c '\033\r' <out | wc -c)" -eq 0 ]
    check "$backend: the header" has_line out '180 training, 22 validation, 60 test rows of 16 bytes, 4 classes'
    check "$backend: the parameters" has_line out '16-13-7-4, 351 parameters'
    check "$backend: eleven epochs" [ "$(grep -Ec '^ +[0-9]+ +0\.1 +[0-9]+\.[0-9]{4,} ' out)" -eq 11 ]
    check "$backend: and one that cools down" [ "$(grep -Ec '^ +12 +0\.01 +[0-9]+\.[0-9]{4,} ' out)" -eq 1 ]
    memory=$(sed -n 's/^memory  *\([0-9]*\) bytes at the peak, \([0-9]*\) planned$/\1 \2/p' out)
    check "$backend: memory is printed" [ -n "$memory" ]
    check "$backend: memory as planned, $memory" [ "${memory% *}" = "${memory#* }" ]
    check "$backend: learned" [ "$(sed -n 's/^test .*accuracy \([0-9]*\)\..*/\1/p' out)" -ge 90 ]
    for file in model.safetensors run.json history.csv curves.png; do
        check "$backend: $file" [ -s "run-$backend/$file" ]
    done
    check "$backend: nothing else" [ "$(find "run-$backend" -type f | wc -l)" -eq 4 ]
    check "$backend: run.json holds the command line" has_line "run-$backend/run.json" '"--epochs"'
    score=$(sed -n 's/^test  *loss \([0-9.]*\), accuracy \([0-9.]*\) .*/\1 \2/p' out)

    model=run-$backend/model.safetensors
    succeeds eval "$model" --data data --backend "$backend"
    evaluated="$(sed -n 's/^loss  *//p' out) $(sed -n 's/^accuracy  *\([0-9.]*\).*/\1/p' out)"
    check "$backend: eval says $evaluated, train said $score" [ "$evaluated" = "$score" ]
    succeeds eval "run-$backend" --data data --backend "$backend"
    check "$backend: eval finds the model in the run directory" has_line out "^loss  *${score% *}$"
    # the confusion matrix: four lines whose counts are the 60 rows
    counted=$(awk '/^Confusion/ { on = 1 } /^class/ { on = 0 } on && NF == 5 { for (i = 2; i <= 5; i++) n += $i } END { print n }' out)
    check "$backend: the confusion matrix counts $counted of 60" [ "$counted" = 60 ]

    succeeds predict "$model" --data data --backend "$backend" --out "$backend.csv"
    check "$backend: a heading and 60 rows" [ "$(wc -l <"$backend.csv")" -eq 61 ]
    check "$backend: the heading" has_line "$backend.csv" '^row,class,p0,p1,p2,p3$'
    accuracy=$(awk -F, 'NR > 1 {
        best = 0
        sum = 0
        for (c = 0; c < 4; c++) {
            sum += $(3 + c)
            if ($(3 + c) > $(3 + best))
                best = c
        }
        if (best != $2 || sum < 0.99999 || sum > 1.00001 || $1 != NR - 2)
            wrong++
        right += $2 == (NR - 2) % 4
    } END { if (wrong) print wrong " rows make no sense"; else printf "%.2f", 100 * right / (NR - 1) }' "$backend.csv")
    check "$backend: predict is right for $accuracy, train said $score" [ "$accuracy" = "${score#* }" ]
    run predict "$model" --data data --backend "$backend"
    check "$backend: on stdout the same" cmp -s out "$backend.csv"
    succeeds eval "$model" --data data --backend "$backend" --split val --val 22
    check "$backend: eval --split val" has_line out '^rows +22$'

    # standardised inputs and random validation rows: eval uses the same
    # shellcheck disable=SC2086 # words
    succeeds $train --backend "$backend" --standardize feature --val-by stratified --val-seed 3 --out "std-$backend"
    check "$backend: says how rows are held out" has_line out '180 training, 22 validation \(stratified, seed 3\)'
    check "$backend: says what inputs are brought to" has_line out '^inputs +standardised, each of 16 features by its mean and deviation in 180 training rows$'
    validation=$(tail -n 1 "std-$backend/history.csv" | cut -d , -f 5)
    succeeds eval "std-$backend/model.safetensors" --data data --backend "$backend" --split val --val 22 --val-by stratified --val-seed 3
    check "$backend: eval has the rows of training, $validation" [ "$(printf '%.5f' "$validation")" = "$(sed -n 's/^loss  *//p' out)" ]
    succeeds eval "std-$backend/model.safetensors" --data data --backend "$backend" --split val --val 22 --val-by stratified --val-seed 4
    check "$backend: another seed has others" [ "$(printf '%.5f' "$validation")" != "$(sed -n 's/^loss  *//p' out)" ]
    fails 'but nothing says how many; give a number of rows, .*; see --val$' train --data data --backend "$backend" --val-by random

    # shellcheck disable=SC2086 # words
    fails 'holds a run already' $train --backend "$backend" --out "run-$backend"
    fails 'larger than the training set of 202; take smaller ones; see --batch$' train --data data --backend "$backend" --batch 500 --out "too-$backend"
    check "$backend: nothing is left of it" [ ! -e "too-$backend" ]
    fails 'diverged|no longer a number' train --data data --backend "$backend" --lr 1e30 --out "nan-$backend"
    check "$backend: no run of NaN" [ ! -e "nan-$backend" ]
    mkdir "nan-$backend"
    fails 'diverged|no longer a number' train --data data --backend "$backend" --lr 1e30 --out "nan-$backend/"
    check "$backend: a directory that was there before stays" [ -d "nan-$backend" ]
    fails 'diverged|no longer a number' train --data data --backend "$backend" --lr 1e30 --out "new-$backend/../nan-$backend"
    check "$backend: by whatever way it is named" [ -d "nan-$backend" ]
done

# The same seed gives the same bits, another seed others. Without --out nothing is written: a note says so.
# shellcheck disable=SC2086 # words
{
    succeeds $train --backend reference --out again
    check 'the same bits' cmp -s again/model.safetensors run-reference/model.safetensors
    succeeds $train --backend reference --seed 2 --out other
    check 'other bits' [ "$(cmp -s other/model.safetensors run-reference/model.safetensors && echo same)" != same ]
    succeeds $train --backend reference
    check 'a note without --out' has_line err '^clmlp: train: note: without --out'
    succeeds $train --backend reference --quiet
    check '--quiet: one line' [ "$(wc -l <out)" -eq 1 ]
    check '--quiet: the result' has_line out '^test +loss [0-9.]+, accuracy'
    check '--quiet: no note' is_empty err
}
# A file of settings: its values count unless the command line gives others.
# shellcheck disable=SC2086 # words
{
    printf '\357\273\277# as above\r\ndata = "data"\nhidden=13,7 # two\nepochs = 12\nbatch = 20\nval = 22\nout = of-file\n' >settings
    succeeds train --config settings --backend reference
    check '--config: the same bits' cmp -s of-file/model.safetensors run-reference/model.safetensors
    for line in '"epochs": 12' '"init": "he"' '"standardize": "none"' '"limit": null' '"val": 22' '"val-by": "last"' \
        '"val-seed": 1' '"resident": "auto"' '"shard": null' '"memory": null' '"augmentation": {' '"learning_rate": 0.1' \
        '"data": "data"' '"backend": "reference"' '"hidden": \['; do
        check "run.json holds $line" has_line of-file/run.json "^    $line"
    done
    succeeds $train --backend reference --config settings --out by-both
    check '--config: of what both say the same' cmp -s by-both/model.safetensors run-reference/model.safetensors
    succeeds train --epochs 1 --config settings --out less --backend reference
    check '--config: the command line comes first' has_line less/run.json '^    "epochs": 1,'
    check '--config: before it and after it' has_line less/run.json '^    "batch": 20,'
    refuses '--config: it is given twice' train --config settings --config settings
    printf 'data = data\n\nlr = 0\n' >wrong
    refuses '--config wrong, line 3: lr 0: it has to be above 0' train --config wrong
    refuses '--config wrong, line 3: lr 0: it has to be above 0' train --lr 1 --config wrong
    echo 'hiden = 3' >wrong
    refuses 'wrong, line 1: hiden: there is no such setting; did you mean hidden' train --config wrong
    printf 'lr = 1\nlr = 1\n' >wrong
    refuses 'wrong, line 2: lr: line 1 has it already' train --config wrong
    echo 'quiet' >wrong
    refuses 'wrong, line 1: it has to be a name, = and a value' train --config wrong
    fails '--config nowhere: cannot be opened: No such file' train --config nowhere
    fails '--config data: is not a regular file' train --config data
    printf 'lr = 1\n\000\n' >wrong
    fails '--config wrong, line 2: a byte is 0' train --config wrong
    head -c 2000000 /dev/zero >wrong
    fails '--config wrong: has 2000000 bytes' train --config wrong
}
# ---- activations ----

# shellcheck disable=SC2086 # words
{
    succeeds $train --backend reference --activation gelu --out run-gelu
    check 'the header names the activation' has_line out '16-13-7-4, 351 parameters, gelu$'
    check 'run.json: activation' has_line run-gelu/run.json '"activation": "gelu"'
    check 'run.json: initial weights' has_line run-gelu/run.json '"init": "he"'
    trained=$(sed -n 's/^test  *loss \([0-9.]*\),.*/\1/p' out)
    for backend in $backends; do
        succeeds eval run-gelu --data data --backend "$backend"
        evaluated=$(sed -n 's/^loss  *//p' out)
        check "$backend: eval of gelu says $evaluated, train said $trained" \
            awk "BEGIN { d = $evaluated - $trained; exit !(d * d <= 1e-9) }"
    done
    sed 's/gelu/silu/g' run-gelu/model.safetensors >silu.safetensors
    succeeds eval silu.safetensors --data data --backend reference
    check 'the same weights with another activation have another loss' lacks_line out "^loss  *$trained$"
    sed 's/gelu/gelo/g' run-gelu/model.safetensors >gelo.safetensors
    fails 'its activation is gelo; this version knows none, relu, ' eval gelo.safetensors --data data --backend reference
    succeeds predict run-gelu --data data --backend reference --out gelu.csv
    check 'predict: the rows' [ "$(wc -l <gelu.csv)" -eq 61 ]
    succeeds train --data data --backend reference --init run-gelu --epochs 1
    check '--init RUN: the activation of the run' has_line out '16-13-7-4, 351 parameters, gelu$'
    succeeds train --data data --backend reference --init run-gelu --activation gelu --epochs 1 --quiet
    fails '--activation tanh: the net of --init run-gelu has gelu; leave --activation out' \
        train --data data --backend reference --init run-gelu --activation tanh
    for activation in tanh sigmoid; do
        succeeds $train --backend reference --activation $activation --out "run-$activation"
        check "$activation: Xavier's weights" has_line "run-$activation/run.json" '"init": "xavier"'
    done
    succeeds $train --backend reference --activation tanh --init he --out run-he
    check 'tanh: but He'"'"'s, if asked for' has_line run-he/run.json '"init": "he"'
    for init in lecun orthogonal uniform:0.3; do
        succeeds $train --backend reference --init $init --quiet
    done
    for backend in $backends; do
        succeeds gradcheck --backend "$backend" --activation mish --init orthogonal
    done
}

succeeds train --data train-only --backend reference --epochs 1 --hidden none
check 'no test set: the training set is spoken of' has_line out '^train +loss'
succeeds train --data train-only --backend reference --epochs 1 --test data --quiet
check '--test' has_line out '^test .* of 60 rows'
succeeds train --data data --backend reference --epochs 1 --augment flip,shift=1,cutout=2,mixup=0.2,noise=0.05
check 'train: says how rows are changed' has_line out '^augment   flip, shift 1, cutout 2, mixup 0.2, noise 0.05$'
succeeds train --data data --backend reference --epochs 1
check 'train: or that they are not' [ "$(grep -c '^augment' out)" -eq 0 ]
fails 'a shift of 4 pixels leaves nothing of pictures of 4 x 4.*below 4' \
    train --data data --backend reference --augment shift=4
fails 'at most 4' train --data data --backend reference --augment cutout=5
succeeds train --data data --backend reference --epochs 1 --limit 50 --batch 50 --shuffle off --quiet \
    --init run-reference/model.safetensors --hidden 13,7
fails 'no such|cannot be opened' train --data data --backend reference --init nowhere.safetensors
fails 'nowhere' train --data nowhere
fails 'nowhere' eval nowhere --data data
fails 'no test set' eval run-reference/model.safetensors --data train-only --backend reference
fails 'no validation part' eval run-reference/model.safetensors --data data --split val --backend reference
head -c 100 run-reference/model.safetensors >cut.safetensors
fails 'cut' eval cut.safetensors --data data --backend reference
mkdir wide
cp data/* wide
head -c 500 data/train-images-idx3-ubyte >wide/train-images-idx3-ubyte
fails 'wide' train --data wide --backend reference

# ---- CIFAR-10 as an archive, and a pickle that would run a program ----

mkdir cifar-10-batches-bin
head -c $((130 * 3073)) /dev/zero >cifar-10-batches-bin/data_batch_1.bin
tar -czf pictures cifar-10-batches-bin
for data in cifar-10-batches-bin pictures; do
    succeeds train --data $data --backend reference --hidden none --epochs 1 --batch 64 --quiet --out of-$data
    cut -d, -f 1-4 of-$data/history.csv >of-$data/losses
done
check 'an archive trains as its folder does' cmp -s of-pictures/losses of-cifar-10-batches-bin/losses
fails 'a name of the labels is for .*cifar100 alone; leave it out; see --label$' train --data pictures --label coarse --backend reference
printf '\200\002cos\nsystem\nU\012touch evil\205R.' >pickled
fails 'GLOBAL os.system is not allowed here' train --data pickled --backend reference
check 'what a pickle would run did not run' [ ! -e evil ]

# ---- Ctrl-C: the running step is finished, the run is written ----

start "$program" train --data data --backend reference --epochs 1000000 --out stopped
await $process has_line out '^ *1  '
kill -INT $process
status=0
wait $process || status=$?
check 'Ctrl-C: done' [ "$status" -eq 0 ]
check 'Ctrl-C: a note' has_line err '^clmlp: train: note: stopping after this step'
check 'Ctrl-C: says when' has_line err '^clmlp: train: note: stopped (after|in) epoch [0-9]+ of 1000000'
check 'Ctrl-C: says how to go on' has_line err '^clmlp: train: note: go on with: clmlp train --resume stopped$'
check 'Ctrl-C: the test' has_line out '^test +loss'
for file in model.safetensors run.json history.csv curves.png checkpoint.safetensors; do
    check "Ctrl-C: $file" [ -s "stopped/$file" ]
done
succeeds eval stopped/model.safetensors --data data --backend reference

# ---- a full disk ----

# fills_up ARGUMENT...: exit 1 and a sentence if stdout is full.
fills_up() {
    status=0
    "$program" "$@" >/dev/full 2>err || status=$?
    : >out
    check "clmlp $* on a full disk: fails" [ "$status" -eq 1 ]
    check "clmlp $* on a full disk: says so" has_line err '^clmlp: .*(No space left|write failed)'
}

if [ -c /dev/full ]; then
    fills_up --help
    fills_up train --help
    fills_up --version
    fills_up train --data data --backend reference --epochs 1 --quiet
    fills_up eval run-reference/model.safetensors --data data --backend reference
    fills_up predict run-reference/model.safetensors --data data --backend reference
    fails 'No space left' predict run-reference/model.safetensors --data data --backend reference --out /dev/full
    fails 'No space left' bench --layers 16,4 --batch 10 --seconds 0.01 --backend reference --json /dev/full
fi

# ---- devices, without a platform and with one ----

vendors=${OCL_ICD_VENDORS-}
export OCL_ICD_VENDORS="$absent" OPENCL_VENDOR_PATH="$absent"
fails 'no OpenCL platform' devices
fails "no OpenCL platform: $absent .OCL_ICD_VENDORS or .* names no driver .*unset that" doctor --json doctor.json
check 'doctor without a driver: what to install' has_line out 'remedy: unset OCL_ICD_VENDORS .*pocl-opencl-icd'
check 'doctor without a driver: no device in JSON' [ "$(cat doctor.json)" = '[]' ]
fails 'no OpenCL platform' doctor --json -
check 'doctor without a driver: JSON alone' [ "$(cat out)" = '[]' ]
check 'doctor without a driver: what is wrong, beside JSON' has_line err "$absent does not exist.*pocl-opencl-icd"
rm -f verify.json
fails 'no OpenCL platform' verify --seed 7 --json verify.json
check 'verify without a driver: the error in JSON' has_line verify.json '"error": "no OpenCL platform'
check 'verify without a driver: not passed in JSON' has_line verify.json '"passed": false'
check 'verify without a driver: no checks in JSON' has_line verify.json '"checks": \[\]'
mkdir vendors
echo libnosuchdriver.so.1 >vendors/broken.icd
OCL_ICD_VENDORS="$temporary/vendors" fails 'no OpenCL platform' doctor
check 'doctor: a driver that does not load' has_line out 'BAD  .*broken.icd: libnosuchdriver.so.1 does not load: '
fails 'no OpenCL platform' train --data data --backend opencl
fails 'no OpenCL platform' bench --layers 16,4 --batch 10 --backend opencl
succeeds bench --layers 16,8,4 --batch 10,20 --seconds 0.01 --json bench.json --plot bench.png
check 'bench: a picture' [ "$(head -c 4 bench.png | tail -c 3)" = PNG ]
check 'bench: who is fastest' has_line out '^  batch (10|20|10 to 20)  .*(is the fastest|not certain)'
check 'bench: what is missing is named' has_line err '^clmlp: bench: note: left out: no OpenCL platform'
check 'bench: the reference is timed' [ "$(grep -c '^reference ' out)" -eq 2 ]
check 'bench: JSON rows' [ "$(grep -c '"ms_per_step"' bench.json)" -ge 2 ]
for key in system backend provider device layers batch momentum ms_per_step samples_per_s gflops; do
    check "bench: JSON key $key" has_line bench.json "\"$key\": "
done
fails 'no-such-directory' bench --layers 16,4 --batch 10 --seconds 0.01 --backend reference --plot no-such-directory/b.png
unset OCL_ICD_VENDORS OPENCL_VENDOR_PATH
[ -z "$vendors" ] || export OCL_ICD_VENDORS="$vendors"

case $backends in
*opencl*)
    succeeds devices --json devices.json
    check 'devices: one is taken' [ "$(grep -c '^\*' out)" -eq 1 ]
    check 'devices: JSON' has_line devices.json '"taken": true'
    succeeds devices --json -
    check 'devices --json -: the JSON alone' cmp -s out devices.json
    CLMLP_DEVICE=auto succeeds devices
    check 'devices: auto asks for none' has_line out '^ *taken .*no device that auto prefers to it does$'
    succeeds devices --device "$(sed -n 's/^\* \([0-9:]*\) .*/\1/p' out)"
    check 'devices: one that was asked for' has_line out '^ *taken .*is what was asked for$'
    fails 'takes none' devices --device no-such-device
    fails 'means none of the devices' doctor --device no-such-device
    # doctor tries all devices even if the default names none
    CLMLP_DEVICE=no-such-device succeeds doctor --json doctor.json
    check 'doctor: a default that means no device is told of' has_line err 'doctor: note: CLMLP_DEVICE=no-such-device means none'
    check 'doctor: the driver' has_line out '^  ok  .* loads and offers '
    check 'doctor: a verdict a device' [ "$(grep -c '^device ' out)" -eq "$(grep -c '^  verdict: ' out)" ]
    check 'doctor: a remedy a device' [ "$(grep -c '^device ' out)" -eq "$(grep -c '^  remedy: ' out)" ]
    check 'doctor: the count' has_line out '^[1-9][0-9]* of [0-9]* devices? can be trained on$'
    # PoCL has no device without a folder to write to
    home=$HOME cache=$XDG_CACHE_HOME kernels=$POCL_CACHE_DIR
    unset XDG_CACHE_HOME POCL_CACHE_DIR
    export HOME=/proc
    run doctor
    if grep -q 'Portable Computing Language.*: no device' out; then
        check 'doctor: a folder for PoCL' has_line out 'remedy: .*POCL_CACHE_DIR'
    fi
    export HOME="$home" XDG_CACHE_HOME="$cache" POCL_CACHE_DIR="$kernels"
    if grep -q '^  --   clblast-tuned  not tried: ' out; then
        check 'doctor: what was not tried is no part of the verdict' has_line out 'that was tried; not tried: clblast-tuned$'
        check 'doctor: what was not tried in JSON' has_line doctor.json '"not_tried": "clblast-tuned"'
    fi
    for key in device driver platform version checks operation shape error_over_bound passed verdict left_out \
        not_tried not_built extent seed findings section severity what remedy; do
        check "doctor: JSON key $key" has_line doctor.json "\"$key\": "
    done
    fails 'no-such-device' train --data data --device no-such-device
    status=0
    CLMLP_DEVICE=no-such-device "$program" train --data data >out 2>err || status=$?
    check 'CLMLP_DEVICE is used' [ "$status" -eq 1 ]
    check 'CLMLP_DEVICE is named' has_line err 'no OpenCL device is no-such-device; .*; see --device \(or CLMLP_DEVICE\); .clmlp devices. lists'
    CLMLP_KERNEL_DIR=no-such-folder "$program" doctor >out 2>err || true
    check 'doctor: a folder of kernels that is none' has_line out 'remedy: .*unset CLMLP_KERNEL_DIR'
    status=0
    CLMLP_DEVICE=no-such-device "$program" devices >out 2>err || status=$?
    check 'devices: CLMLP_DEVICE is named' has_line err 'devices: CLMLP_DEVICE=no-such-device takes none'
    unset XDG_CACHE_HOME POCL_CACHE_DIR
    export HOME=/proc
    run devices
    if [ "$(grep -c ^ err)" -eq 1 ] && grep -q 'have no device' err; then
        check 'devices: who tells what is missing' has_line err 'clmlp doctor'
    fi
    export HOME="$home" XDG_CACHE_HOME="$cache" POCL_CACHE_DIR="$kernels"
    succeeds bench --layers 16,8,4 --batch 10 --seconds 0.01 --backend opencl
    check 'bench: a row' has_line out '^opencl '
    check 'bench: the choice is named' has_line out '^opencl  *(native|clblast|tiled)'
    succeeds bench --layers 16,8,4 --batch 10 --seconds 0.01 --backend opencl --profile --json profile.json
    check 'bench: a kernel of the profile' has_line out '^    (softmax_xent|head) '
    check 'bench: peaks' has_line out '^    peaks measured now: [0-9.]+ GFLOP/s'
    check 'bench: the profile in JSON' has_line profile.json '"peak_gbytes_per_s": '
    succeeds bench --layers 16,8,4 --batch 10 --seconds 0.01 --backend opencl --gemm native
    check 'bench --gemm native: our own products' has_line out '^opencl  *(native|tiled) '
    succeeds bench --layers 16,8,4 --batch 10 --seconds 0.01 --backend opencl --gemm tiled
    check 'bench --gemm tiled: on any device' has_line out '^opencl  *tiled '
    succeeds tune --layers 16,8,4 --batch 10 --json tune.json
    check 'tune: a row a product and provider' [ "$(grep -c '^forward ' out)" -ge 2 ]
    check 'tune: all are right' [ "$(grep -c WRONG out)" -eq 0 ]
    check 'tune: the winner of each product' [ "$(grep -Ec '^(forward|backward_input|update) .* ([0-9.]+ x [a-z]|the only one).* [0-9]+ %$' out)" -eq 5 ]
    check 'tune: names its file' has_line out "kept in $XDG_CACHE_HOME/clmlp/gemm-[0-9a-f]*\.json"
    for key in product provider batch inputs outputs error_over_bound passed ms gflops; do
        check "tune: JSON key $key" has_line tune.json "\"$key\": "
    done
    for file in "$XDG_CACHE_HOME"/clmlp/*; do echo broken >"$file"; done
    succeeds bench --layers 16,8,4 --batch 10 --seconds 0.01 --backend opencl
    check 'a damaged file of choices is named' has_line err '^clmlp: bench: note: .*is damaged'
    ;;
esac

# ---- checks ----

case $commands in
*verify*)
    # all checks only if all cases are asked for: .ci/verify makes them each time
    extent='--only update' checks_least=40
    if [ "${CLMLP_SAMPLE:-}" = all ] && [ "$brevity" != briefly ]; then extent='' checks_least=200; fi
    for backend in $backends; do
        # shellcheck disable=SC2086 # words
        succeeds verify --backend "$backend" --json verify.json $extent
        check "$backend: verify's JSON" has_line verify.json '"passed": true'
        check "$backend: verify's JSON: extent" has_line verify.json '"extent": "standard"'
        check "$backend: verify's JSON: seed" has_line verify.json '"seed": 1,'
        check "$backend: verify's JSON: command line" has_line verify.json '^    "--backend",'
        check "$backend: verify: a row a check" [ "$(grep -c '  ok$' out)" -ge $checks_least ]
        succeeds gradcheck --backend "$backend"
        check "$backend: gradcheck's rows" [ "$(grep -c '^layers\..*ok$' out)" -ge 4 ]
    done
    ;;
esac
succeeds verify --backend reference --only softmax --shape 'B=7 C=10' --seed 5
check 'verify --shape: one check' has_line out '^1 check on .* 1 passed, 0 failed'
succeeds verify --backend reference --only linear_forward --quiet
refuses 'it needs the operation' verify --shape 'B=7 C=10'
fails '--json no/such/place.json: cannot be written: No such file' verify --backend reference --json no/such/place.json
check 'verify: that is told before it begins' is_empty out
"$program" verify --backend reference --only softmax --shape 'B=7 C=10' --quiet --json /dev/stdout >redirected
check 'verify --json /dev/stdout into a file' has_line redirected '"passed": true'
fails '--json \.: cannot be written: Is a directory' verify --backend reference --json .
fails '--out no/such/place.csv: cannot be written' predict run-reference --data data --out no/such/place.csv
run verify --backend reference --only softmax --shape 'B=7'
check 'verify --shape: no shape is wrong usage' [ "$status" -eq 2 ]
check 'verify --shape: what it has to be' has_line err 'clmlp: verify: .*is no shape of softmax'
if (ulimit -f 1 && "$program" predict run-reference --data data --backend reference --out limited.csv) 2>err; then
    failed 'a file over the limit of the shell: predict succeeds'
else
    check 'a file over the limit of the shell: a sentence' has_line err 'predict: .*limited.csv.*File too large'
    check 'a file over the limit of the shell: nothing is left' [ "$(find . -name 'limited.csv*' | wc -l)" -eq 0 ]
fi
refuses '--only: it is given twice' verify --backend reference --only softmax --only gather
# after an interrupt, the checks made until then are reported
interrupt '  ok$' verify --full --backend reference --json verify.json
check 'verify, interrupted: exit 1' [ "$status" -eq 1 ]
check 'verify, interrupted: a note' has_line err '^clmlp: verify: note: stopping after this check'
check 'verify, interrupted: it says so' has_line err '^clmlp: verify: interrupted after [0-9]+ checks?, 0 of which failed; the others were not made'
check 'verify, interrupted: the error in JSON' has_line verify.json '"error": "interrupted after '
check 'verify, interrupted: not passed' has_line verify.json '"passed": false'
check 'verify, interrupted: what was checked is there' has_line verify.json '"operation": "gather'
succeeds eval run-reference/model.safetensors --data data --backend reference --gemm native
check 'an option that the backend does not look at is told of' has_line err '^clmlp: eval: note: --gemm is for OpenCL'
CLMLP_DEVICE=gpu succeeds eval run-reference/model.safetensors --data data --backend reference
check 'but not a default' is_empty err
refuses '--only softmin: it has to be gather, .*softmax, .* or training_steps' verify --backend reference --only softmin
refuses 'has to be a whole number' verify --seed -1

finish
