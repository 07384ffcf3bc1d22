#!/bin/sh
# Tables and their options on the command line: training, evaluation and prediction from CSV and LIBSVM.
#
#   test_tables.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# fails CODE PATTERN ARGUMENT...
fails() {
    code=$1 pattern=$2
    shift 2
    run "$@"
    check "clmlp $*: fails" [ "$status" -eq "$code" ]
    check "clmlp $*: says $pattern" has_line err "^clmlp: [a-z ]*: .*$pattern"
}

# Rows of three classes, far apart: table FORMAT ROWS.
table() {
    awk -v format="$1" -v rows="$2" '
    BEGIN {
        srand(1)
        split("ant bee cat", names)
        if (format == "csv")
            print "kind,first,second,third"
        for (r = 0; r < rows; r++) {
            kind = r % 3
            line = format == "csv" ? names[kind + 1] : kind
            for (i = 0; i < 3; i++) {
                value = sprintf("%.4f", (i == kind ? 2 : 0) + 0.2 * rand())
                line = line (format == "csv" ? "," value : " " i + 1 ":" value)
            }
            print line
        }
    }'
}

table csv 90 >train.csv
table libsvm 90 >train.libsvm
train='train --backend reference --epochs 8 --batch 10 --hidden 8 --lr 0.5 --val 9 --quiet'

# shellcheck disable=SC2086 # words
{
    succeeds $train --data train.csv --label kind --out csv
    succeeds $train --data train.libsvm --out libsvm
}
check 'CSV and LIBSVM: the same run' sh -c 'cut -d , -f 1-6 csv/history.csv >a; cut -d , -f 1-6 libsvm/history.csv >b; cmp -s a b'
check 'CSV and LIBSVM: something is learnt' sh -c 'tail -n 1 a | cut -d , -f 4 | grep -q ^1'

# A file with only some classes is read with the model's classes.
sed -n '1p;/^cat/p' train.csv >cats.csv
succeeds eval csv/model.safetensors --data cats.csv --label kind --split train --backend reference
check 'eval: all cats' has_line out '^  2 cat  *30  *100\.00'
succeeds predict csv/model.safetensors --data cats.csv --label 0 --split train --backend reference
check 'predict: cats' [ "$(grep -c '^[0-9]*,2,cat,' out)" -eq 30 ]
for file in p.json p.npy p.csv; do
    succeeds predict csv --data cats.csv --label kind --split train --backend reference --out $file
done
check 'predict --out F.json: classes' [ "$(grep -c '"class_name": "cat"' p.json)" -eq 30 ]
check 'predict --out F.json: rows' has_line p.json '"row": 29'
head -c 80 p.npy | grep -a -q 'f4.*(30, 3)' && shape=right || shape=wrong
check 'predict --out F.npy: float32 (30, 3)' [ "$shape $(wc -c <p.npy)" = "right $((128 + 30 * 3 * 4))" ]
check 'predict --out F.csv: rows' [ "$(grep -c '^[0-9]*,2,cat,' p.csv)" -eq 30 ]
sed 's/^cat/cow/' cats.csv >cows.csv
fails 1 'cows.csv: line 2: the label cow is not one of the 3 classes of the training set \(ant, bee, cat\)' \
    eval csv/model.safetensors --data cows.csv --label kind --split train --backend reference
printf '2 3:1\n' >short.libsvm
succeeds eval libsvm/model.safetensors --data short.libsvm --split train --backend reference
printf '2 4:1\n' >long.libsvm
fails 1 'line 1: index 4 is above the 3 features' \
    eval libsvm/model.safetensors --data long.libsvm --split train --backend reference

# Rows to predict need no label, and each keeps its number; arrays have no names to match columns by.
awk -F , 'BEGIN { OFS = "," } { print (NR > 1 ? 1000 + NR : "id"), $0 }' train.csv >numbered.csv
# shellcheck disable=SC2086 # words
succeeds $train --data numbered.csv --label kind --out numbered
check 'a column like an identifier is named' has_line err 'column "id" holds a different whole number in each row, as an identifier does, .*; see --ignore$'
cut -d , -f 1,3- numbered.csv | head -n 7 >new.csv
succeeds predict numbered --data new.csv
check 'predict: rows without a label' [ "$(cut -d , -f 1,3 out | tail -n 6 | tr '\n' ' ')" = '0,ant 1,bee 2,cat 3,ant 4,bee 5,cat ' ]
succeeds data convert --data train.csv --label kind --to npy --out arrays
fails 1 'the model takes 4 features \(id, first, second, third\) to 3 classes, but arrays has 3 features' predict numbered --data arrays --split train
# shellcheck disable=SC2086 # words
succeeds $train --data numbered.csv --label kind --ignore id --out ignored
succeeds predict ignored --data new.csv --id id
check 'predict --id: the name of each row' [ "$(cut -d , -f 2 out | head -n 3 | tr '\n' ' ')" = 'name 1002 1003 ' ]

# A model keeps the words for missing values; categories that it does not know are counted.
printf 'town,size,kind\nOslo,-,cat\nBergen,4,bee\nOslo,5,cat\nBergen,3,bee\n' >towns.csv
succeeds train --data towns.csv --label kind --missing-words - --backend reference --quiet --out towns
succeeds predict towns --data towns.csv --backend reference
check 'nothing is noted of the same table' is_empty err
printf 'town,size\nOslo,-\nRome,4\nBern,5\n' >others.csv
succeeds predict towns --data others.csv --backend reference
check 'unknown categories' has_line err 'others\.csv: column "town": 2 of 3 rows have a category that the training data did not have \(the first in line 3: "Rome"\); '
printf 'town,size\n' >nothing.csv
fails 1 'nothing\.csv: is an empty set: there is no row after the header' predict towns --data nothing.csv --backend reference
printf 'town,size\nOslo,large\n' >large.csv
fails 1 'line 2, column "size": "large" is no number, .*; correct it, or say that it means a missing value; see --missing-words$' predict towns --data large.csv --backend reference

# What the options say of the labels is followed, whatever the training data called them.
mkdir photos
awk -F , 'BEGIN { OFS = "," } { print $0, (NR > 1 ? "bee" : "truth") }' train.csv >truth.csv
succeeds eval csv --data truth.csv --label truth --split train --backend reference
check 'eval --label: the column that is asked for' has_line out '^  1 bee  *90 '
fails 1 'no column is called nosuch; its columns are ' eval csv --data truth.csv --label nosuch --split train --backend reference
fails 1 'column "first" is an input that was trained on, and cannot hold the labels; see --label$' eval csv --data truth.csv --label first --split train --backend reference
succeeds eval csv --data train.csv --label kind --ignore first --split train --backend reference
check 'eval --ignore: the columns stay' has_line err 'train\.csv: the columns are those that the model was trained on, whatever is asked for here; see --ignore, --only and --categorical$'
fails 1 '--init: photos holds no model\.safetensors, so it is no run; name a run' train --data train.csv --label kind --init photos --backend reference
succeeds train --data train.csv --label kind --init csv --standardize none --epochs 1 --lr 1e-9 --backend reference --quiet
check 'train --init --standardize none: what it does' has_line err 'note: --standardize none leaves the inputs as the net of --init was trained on them$'
awk -F , 'BEGIN { OFS = "," } NR > 1 { $3 = 255 * $3 } { print }' train.csv >scaled.csv
succeeds train --data train.csv --label kind --test scaled.csv --backend reference --quiet
check 'train --test: another scale' has_line err 'note: train\.csv: values of the test set go from .* and went from '

sed 's/^ant/0/; s/^bee/1/; s/^cat/2/' train.csv >coded.csv
succeeds eval csv --data coded.csv --label kind --split train --backend reference
check 'eval: labels that are numbers' has_line err 'coded\.csv: its labels are numbers, and taken as indices, from 0, of the classes ant, bee, cat$'
printf 'a\0,\0b\0\n\0001\0,\0002\0\n\0' >wide.csv
fails 1 'wide\.csv: is text in UTF-16 without a byte order mark, which is not read; write it as UTF-8' data info --data wide.csv

succeeds data convert --data train.csv --label kind --to npz --out coded.npz
succeeds eval csv --data coded.npz --split train --backend reference
check 'eval: labels of arrays are numbers anyway' lacks_line err 'taken as indices'

# What is written elsewhere is named: guessed labels, names of rows, dates whose day is not known.
awk 'BEGIN { print "id,when,size,kind"; for (i = 0; i < 40; i++) print "r" i "," i % 28 + 1 "." i % 12 + 1 ".2024," i % 3 "," (i % 2 ? "cat" : "bee") }' >dates.csv
succeeds data convert --data dates.csv --id id --to npy --out dates
check 'convert: the labels' has_line err 'note: labels are taken from column "kind", the last; see --label$'
check 'convert: names of rows' has_line err 'note: npy has no place for the names of rows; they are left out$'
check 'convert: dates' has_line err 'column "when" seems to hold dates, such as 1\.1\.2024, .*; write them as 2024-01-31$'
sort train.csv | sed '/^kind/d; 1i kind,first,second,third' >sorted.csv
succeeds train --data sorted.csv --label kind --val 0.2 --epochs 1 --backend reference --quiet
check 'a sorted table: how to hold rows out' has_line err 'There are no validation rows of 2 of 3 classes, .*\. See --val-by$'
fails 2 '--val 20%: a share is written as in 0\.1, for 10 %' train --data train.csv --val 20%
fails 2 'it takes options only, not train\.csv; a data set is named as in --data train\.csv$' train train.csv

# The first command that a newcomer types: no option but the table, which is sorted, and small.
# shellcheck disable=SC2086 # words
{
    sort train.csv | sed '/^kind/d; 1i kind,first,second,third' | awk -F , 'BEGIN { OFS = "," } { print $2, 1000 * $3, $4, $1 }' |
        sed '1s/.*/first,second,third,kind/' >first.csv
    succeeds train --data first.csv --label kind --backend reference --quiet
    check 'all defaults: learned' has_line out '^train +loss [0-9.]+, accuracy (9[5-9]|100)\.'
    check 'all defaults: no warning' lacks_line err 'warning'
}

# A table that was written keeps the names of columns and classes, whatever classes another part has.
printf 'town,"size, m2",kind\nOslo,3,cat\nBergen,NA,bee\nOslo,5,dog\n' >names.csv
succeeds data convert --data names.csv --label kind --to csv --out written.csv
check 'convert: names of columns and classes' [ "$(cat written.csv)" = 'label,"town = Bergen","town = Oslo","size, m2","size, m2 is missing"
cat,0,1,3,0
bee,1,0,4,1
dog,0,1,5,0' ]
check 'convert: nothing is lost' is_empty err
succeeds data convert --data cats.csv --label kind --to csv --out cats-written.csv
check 'convert: a part with one class' [ "$(cut -d , -f 1 cats-written.csv | sort -u | tr '\n' ' ')" = 'cat label ' ]
awk -F , 'BEGIN { OFS = "," } { print $0, (NR > 1 ? NR : "weight") }' train.csv >weighed.csv
succeeds data convert --data weighed.csv --label kind --weight weight --to csv --out unweighed.csv
check 'convert: weights are left out with a word' has_line err 'note: csv has no place for the weights of rows; they are left out$'

# Columns of any scale, and one that never changes: standardised, the net learns from them.
awk -F , 'BEGIN { OFS = "," } NR > 1 { $2 = $2 / 1000; $3 = 50000 + 3000 * $3; $4 = 10 + $4 } { print $0 "," (NR > 1 ? 7 : "never") }' train.csv >scales.csv
# shellcheck disable=SC2086 # words
{
    succeeds $train --data scales.csv --label kind --standardize feature --out scales
    check 'columns of any scale: learned' sh -c 'tail -n 1 scales/history.csv | cut -d , -f 4 | grep -q ^1'
    succeeds ${train% --quiet} --data scales.csv --label kind --standardize feature
    check 'a column that never changes is named' has_line out '^inputs .* each of 4 features .* 81 training rows; 1 never changes, and so is 0$'
    succeeds ${train% --quiet} --data scales.csv --label kind --standardize global
    check 'global: mean and deviation' has_line out '^inputs +standardised by mean [0-9.]+ and deviation [0-9.]+ of all values in 81 training rows$'
    succeeds gradcheck --data scales.csv --label kind --standardize feature --backend reference
}
# Other data on another scale is named, and data on the same is not.
for command in 'eval csv --split train' 'predict csv --split train' 'train --init csv --epochs 1 --lr 0.001 --backend reference --quiet'; do
    # shellcheck disable=SC2086 # words
    {
        succeeds $command --data scaled.csv --label kind
        check "$command: another scale" has_line err 'note: scaled\.csv: values go from .* and went from .* in the training data; '
        succeeds $command --data train.csv --label kind
        check "$command: the same scale" lacks_line err 'training data'
    }
done
succeeds data info --data scales.csv --label kind
check 'data info: no word of columns that train standardises' lacks_line out 'standardise'
# shellcheck disable=SC2086 # words
run ${train% --quiet} --data scales.csv --label kind --standardize none # which diverges
check 'train: columns differ in scale' has_line err 'Features differ in scale: one goes from .* to .*; standardise each feature\. See --standardize$'
printf 'a,b,what\n1,2,u\n3,5,\n4,6,v\n' >gap.csv
succeeds data info --data gap.csv
check 'data info: a row without a label' has_line out '1 of 3 training rows has no label, and a net is not trained on such rows: '
fails 1 'gap.csv: line 3, column "what": the label is missing' data info --data gap.csv --label what

# Options.
sed 's/^\(bee,\)[^,]*/\1NA/' train.csv >gaps.csv
# shellcheck disable=SC2086 # words
{
    fails 1 'line 3, column "first": the value is missing; .*; see --missing$' $train --data gaps.csv --label kind --missing refuse
    succeeds $train --data gaps.csv --label kind
    succeeds $train --data gaps.csv --label kind --missing mean
    succeeds $train --data gaps.csv --label kind --missing zero
    succeeds $train --data train.csv --label -4
    succeeds $train --data train.csv --label kind --header yes --format csv --test cats.csv
    fails 1 'line 1, column 1 \(counted from 0\): "first" is no number' $train --data train.csv --label 0 --header no
    fails 1 'no column is called sort; its columns are kind, first, second, third; see --label$' $train --data train.csv --label sort
    fails 1 '4 columns \(0 to 3' $train --data train.csv --label 4
    fails 1 'column "third", the last, holds ' $train --data train.csv
    fails 1 'is read as libsvm, and a name of the labels is for npy, npz, arff, csv or cifar100 alone; leave it out; see --label$' $train --data train.libsvm --label 0
    fails 2 'it has to be mean, zero or refuse' $train --data train.csv --missing median
    fails 2 'it has to be yes or no' $train --data train.csv --header 1
    fails 2 'it has to be idx, npy, npz, arff, libsvm, csv, cifar100, cifar10 or images' $train --data train.csv --format parquet
}

finish
