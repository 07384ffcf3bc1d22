#!/bin/sh
# Recipes: listed, taken, and overruled by options and --config.
#
#   test_recipes.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

succeeds help recipes
for file in "$root"/data/recipes/*.conf; do
    name=${file##*/}
    check "help recipes: ${name%.conf}" has_line out "^${name%.conf}\$"
done
check 'help recipes: its settings' has_line out '^optimizer +='

# 60 rows of two classes.
awk 'BEGIN { print "a,b,kind"; for (r = 0; r < 60; r++) printf "%d,%d,%s\n", r * 7 % 11 + r % 2 * 5, r * 3 % 13, r % 2 ? "odd" : "even" }' >rows.csv
awk 'BEGIN { print "a,b,y"; for (r = 0; r < 60; r++) printf "%d,%d,%.2f\n", r * 7 % 11, r * 3 % 13, r * 7 % 11 / 3 + r * r % 17 }' >numbers.csv
on='--data rows.csv --backend reference'
# shellcheck disable=SC2086 # words
{
    succeeds train --recipe table $on --epochs 3 --quiet --out run
    check 'run.json: the recipe' has_line run/run.json '^ *"recipe": "table"'
    check 'run.json: its optimiser' has_line run/run.json '^ *"optimizer": "adamw"'
    check 'run.json: its rate' has_line run/run.json '^ *"learning_rate": 0\.002'
    check 'the command line comes first' has_line run/run.json '^ *"epochs": 3,'
    succeeds train --recipe regression --data numbers.csv --backend reference --epochs 3 --quiet
    check 'regression: a score of numbers' has_line out 'RMSE'
    printf 'optimizer = nadam\nepochs = 2\nlr = 0.5\n' >own.conf
    succeeds train --lr 0.25 --recipe table --config own.conf $on --quiet --out both
    check '--config comes before the recipe' has_line both/run.json '^ *"optimizer": "nadam"'
    check 'its epochs, too' has_line both/run.json '^ *"epochs": 2,'
    check 'the command line comes before both' has_line both/run.json '^ *"learning_rate": 0\.25'
    check 'the recipe comes last' has_line both/run.json '^ *"weight-decay": 0\.02'
    printf 'recipe = table\nepochs = 1\n' >names.conf
    succeeds train --config names.conf $on --quiet --out named
    check 'a file of settings may name a recipe' has_line named/run.json '^ *"optimizer": "adamw"'
    sed 's/^/  /' "$root/data/recipes/table.conf" >copy.conf
    succeeds train --config copy.conf $on --epochs 3 --quiet --out copied
    check 'a copy of a recipe for --config: the same bits' cmp -s copied/model.safetensors run/model.safetensors
    run train --recipe tabel $on
    check 'an unknown recipe is refused' [ "$status" -eq 2 ]
    check 'and the recipes are named' has_line err '^clmlp: train: --recipe tabel: it has to be cifar10, .* or table$'
    succeeds search --recipe table $on --epochs 1 --over lr=0.001..0.1 --trials 2 --quiet
    check 'search: --over comes before the recipe' has_line out '^  clmlp train .* --optimizer adamw .*--recipe table'
}
finish
