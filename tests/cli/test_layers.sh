#!/bin/sh
# Layers with norm, dropout and skip on the command line: what is trained, kept and predicted.
#
#   test_layers.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

python3 - <<'END'
import random
random.seed(1)
for name, rows in (("rings.csv", 600), ("other.csv", 150)):
    with open(name, "w") as file:
        file.write("x,y,class\n")
        for i in range(rows):
            x, y = random.uniform(-1, 1), random.uniform(-1, 1)
            file.write(f"{x:.4f},{y:.4f},{'in' if x * x + y * y < 0.5 else 'out'}\n")
END
layers='input drop=0.1, 16 gelu norm=batch drop=0.2, 16 relu norm=layer skip, 16 tanh skip drop=0.1, 2'
quick='train --data rings.csv --test other.csv --val 100 --batch 32 --epochs 4'

# number NAME FILE: the last number of that name in JSON.
number() { sed -n "s/^ *\"$1\": \\([-0-9.e]*\\),*\$/\\1/p" "$2" | tail -n 1; }

# close NUMBER NUMBER: whether the two differ by at most 1e-5.
# shellcheck disable=SC2317 # called by check
close() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d <= 1e-5 && d >= -1e-5) }'; }

# tensors FILE: the names in a safetensors file.
tensors() {
    python3 -c 'import json, struct, sys
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
print("\n".join(sorted(name for name in header if name.startswith("layers"))))' "$1"
}

backends='reference blas'
run devices
[ "$status" -ne 0 ] || backends="$backends opencl"

# shellcheck disable=SC2086 # words
for backend in $backends; do
    succeeds $quick --backend $backend --layers "$layers" --out one-$backend
    check "$backend: the layers are printed" has_line out '^layers    input drop=0\.1, 16 gelu norm=batch drop=0\.2, 16 relu norm=layer skip, 16 tanh drop=0\.1 skip, 2$'
    cp out shown
    check "$backend: planned as used" [ "$(sed -n 's/^memory  *\([0-9]*\) bytes at the peak, \([0-9]*\) planned$/\1/p' shown)" = "$(sed -n 's/^memory  *\([0-9]*\) bytes at the peak, \([0-9]*\) planned$/\2/p' shown)" ]
    succeeds $quick --backend $backend --layers "$layers" --out two-$backend
    check "$backend: the same bits again" cmp one-$backend/model.safetensors two-$backend/model.safetensors
    succeeds $quick --backend $backend --layers "$layers" --shard 600 --resident yes --out resident-$backend
    succeeds $quick --backend $backend --layers "$layers" --shard 600 --resident no --out streamed-$backend
    check "$backend: streamed as resident" cmp resident-$backend/model.safetensors streamed-$backend/model.safetensors
    succeeds $quick --backend $backend --layers "$layers" --seed 2 --init one-$backend/model.safetensors --out more-$backend
    check "$backend: another seed drops others" sh -c "! cmp -s one-$backend/model.safetensors more-$backend/model.safetensors"
    # folded into the weights, batch normalisation gives what training has measured
    succeeds eval one-$backend/model.safetensors --backend $backend --data rings.csv --val 100 --split val --json eval.json
    check "$backend: eval as in training" close "$(number loss eval.json)" "$(number val_loss one-$backend/run.json)"
    # the net goes on from a run with all that its layers have
    succeeds $quick --backend $backend --init one-$backend --out on-$backend
    check "$backend: it goes on with the layers" has_line out '^layers    input drop=0\.1, 16 gelu norm=batch'
    succeeds gradcheck --backend $backend --layers "${layers%, 2}" --samples 10
done

tensors one-blas/model.safetensors >names
check 'the tensors of a batch normalisation' [ "$(grep -c '^layers\.0\.norm\.\(weight\|bias\|running_mean\|running_var\)$' names)" -eq 4 ]
check 'the tensors of a layer normalisation' [ "$(grep -c '^layers\.1\.norm\.' names)" -eq 2 ]
check 'no others' [ "$(wc -l <names)" -eq 14 ]

# shellcheck disable=SC2086 # words
{
    # options for all hidden layers say what the text says
    succeeds $quick --backend blas --hidden 16,16 --norm batch --dropout 0.25 --input-dropout 0.125 --out all
    succeeds $quick --backend blas --layers 'input drop=0.125, 16 norm=batch drop=0.25, 16 drop=0.25 norm=batch' --out each
    check 'options as the text' cmp all/model.safetensors each/model.safetensors
    succeeds $quick --backend blas --layers '16,16,2' --out plain
    check 'run.json: no widths beside the layers' has_line plain/run.json '^ *"hidden": null'
    succeeds $quick --backend blas --hidden 16,16 --out hidden
    check 'a text of widths is a list of widths' cmp plain/model.safetensors hidden/model.safetensors
    check 'a plain net has nothing new in its file' sh -c "! grep -aq 'norm\|drop\|skip' plain/model.safetensors"
    succeeds $quick --backend blas --hidden 16,16 --norm batch --stop-after 1 --out stopped
    succeeds search --data rings.csv --backend blas --epochs 2 --trials 4 --over dropout=0/0.5,norm=none/batch --out found
    check 'a search over both' [ "$(wc -l <found/trials.csv)" -eq 5 ]

    # what is refused
    run $quick --layers 16 --hidden 16
    check 'both lists: wrong usage' [ "$status" -eq 2 ]
    check 'both lists: says it' has_line err '--layers and --hidden both say the hidden layers'
    for both in '--layers 16 --over hidden=8/16' '--hidden 8 --over layers=8/16' '--over layers=8/16,hidden=8/16'; do
        run search --data rings.csv $both
        check "search $both: wrong usage" [ "$status" -eq 2 ]
        check "search $both: says it" has_line err 'layers and hidden both say the hidden layers'
    done
    run $quick --layers '16, 16 gelo'
    check 'a wrong word: wrong usage' [ "$status" -eq 2 ]
    check 'a wrong word: says where' has_line err 'item 2, " 16 gelo": there is no word gelo; did you mean gelu'
    fails 'layer 1 adds its inputs to its outputs .skip., but has 16 inputs and 8 outputs' $quick --backend blas --layers '16, 8 skip'
    fails 'leave --hidden out to go on from it' $quick --backend blas --init all --hidden 16,16
    fails 'that layer of this net has no normalisation' $quick --backend blas --init all/model.safetensors --layers '16 relu, 16 relu'
}

finish
