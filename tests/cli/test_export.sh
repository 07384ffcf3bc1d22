#!/bin/sh
# Models in other programs' formats: each file predicts as clmlp does.
#
#   test_export.sh PROGRAM ROOT
set -eu
# shellcheck source=tests/cli/program.sh
. "$2/tests/cli/program.sh"

# Tables: numbers and text with missing values; numbers alone, two of which need an offset.
python3 - <<'END'
import random
random.seed(1)
def rows(name, count):
    with open(f"mixed-{name}.csv", "w") as mixed, open(f"plain-{name}.csv", "w") as plain:
        mixed.write("age,city,Price $,for,when,class\n")
        plain.write("x,y,time,t\n")
        for _ in range(count):
            x, y = random.uniform(-1, 1), random.uniform(-1, 1)
            city = random.choice(["Oslo", 'say "hi"', "Köln", "a\\b?", ""])
            kind = "in" if x * x + y * y < 0.5 or city == "Oslo" else "out"
            mixed.write(f"{'' if random.random() < 0.2 else round(x, 4)},\"{city.replace(chr(34), 2 * chr(34))}\",{y:.4f},"
                        f"{random.choice(['yes', 'no', 'maybe'])},2024-01-{random.randint(1, 28):02d},{kind}\n")
            plain.write(f"{x:.4f},{'NA' if random.random() < 0.1 else round(y, 4)},{1e9 + 100 * x:.2f},{x - y * y:.4f}\n")
rows("train", 300)
rows("test", 60)
END

# Writes the rows of a CSV without its last column as C, for the rows of predict: rows CSV HEADER-TYPE
cat >driver.py <<'END'
import csv, datetime, sys
source, table, categories = sys.argv[1], sys.argv[2], "struct predict_row" in open(sys.argv[1]).read()
with open(table, newline="", encoding="utf-8") as file:
    header, *lines = list(csv.reader(file))
def value(text, column):
    if column in ("city", "for"):
        return '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'
    if text in ("", "NA"):
        return "(0.0f / zero)"
    if column == "when":
        return str((datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days)
    return text
print("#include <stdio.h>")
print(f'#include "{source}"')
print("static volatile float zero = 0.0f;\nint main(void)\n{\n    float p[PREDICT_OUTPUTS];\n    int c;")
for line in lines:
    values = ", ".join(value(text, column) for text, column in zip(line[:-1], header))
    kind = "const struct predict_row row" if categories else "const double x[]"
    print(f"    {{\n        {kind} = {{{values}}};\n        predict({'&row' if categories else 'x'}, p);\n"
          '        for (c = 0; c < PREDICT_OUTPUTS; c++)\n            printf("%s%.9g", c ? "," : "", (double)p[c]);\n'
          '        printf("\\n");\n    }')
print("    return 0;\n}")
END

# close FILE FILE TOLERANCE: the numbers of both are the same to the tolerance.
# shellcheck disable=SC2317 # called by check
close() {
    python3 -c 'import sys
a, b = ([[float(n) for n in line.split(",")] for line in open(name)] for name in sys.argv[1:3])
assert len(a) == len(b) and len(a) > 10
for x, y in zip(a, b):
    assert len(x) == len(y)
    for u, v in zip(x, y):
        if not abs(u - v) <= float(sys.argv[3]):
            sys.exit(f"{u} is not {v}")' "$@"
}

# same NAME DATA TOLERANCE: the C file of run NAME predicts as clmlp does.
warnings='-std=c99 -Wall -Wextra -Wconversion -pedantic -Werror -ffreestanding -O2'
same() {
    succeeds export "$1" --to c --out "$1.c" --force
    python3 driver.py "$1.c" "$2" >driver.c
    for compiler in ${CC:-cc} gcc clang; do
        command -v "$compiler" >/dev/null || continue
        # shellcheck disable=SC2086 # words
        check "$1.c: $compiler says nothing" "$compiler" $warnings -c "$1.c" -o object.o
    done
    nm object.o >symbols
    # shellcheck disable=SC2016 # awk's
    check "$1.c calls nothing" [ -z "$(awk '$1 == "U"' symbols)" ]
    ${CC:-cc} -std=c99 driver.c -o driver
    ./driver >answers.csv
    succeeds predict "$1" --backend reference --data "$2" --out expected.npy
    python3 -c 'import struct, sys
data = open("expected.npy", "rb").read()
begin = 10 + struct.unpack("<H", data[8:10])[0]
columns = int(sys.argv[1])
values = struct.unpack(f"<{(len(data) - begin) // 4}f", data[begin:])
for i in range(0, len(values), columns):
    print(",".join(f"{v:.9g}" for v in values[i:i + columns]))' "$(head -n 1 answers.csv | tr ',' '\n' | wc -l)" >expected.csv
    check "$1.c predicts as clmlp" close answers.csv expected.csv "$3"
}

quick='--backend reference --epochs 3 --batch 32 --quiet'
# shellcheck disable=SC2086 # words
{
    succeeds train $quick --data mixed-train.csv --layers '9 gelu norm=batch, 9 tanh norm=layer skip, 7 mish, 5 elu, 2' --out mixed
    succeeds train $quick --data mixed-train.csv --layers '6 silu, 6 sigmoid skip, 6 leaky-relu, 2' --val 60 --calibrate --out other
    succeeds train $quick --data plain-train.csv --target t --loss quantile --quantiles 0.1,0.5,0.9 --hidden 8 --out plain
    succeeds train $quick --data plain-train.csv --target t --loss squared --hidden 8 --out squared
}
same mixed mixed-test.csv 1e-5
same other mixed-test.csv 1e-5
same plain plain-test.csv 1e-5
same squared plain-test.csv 1e-5

# weights of 8 bits
succeeds export mixed --to c --int8 --out mixed8.c --data mixed-test.csv --test mixed-test.csv
check 'the cost of 8 bits is told' has_line out '^int8      accuracy 0\.[0-9]* instead of 0\.[0-9]* on 60 rows: [-+]'
python3 driver.py mixed8.c mixed-test.csv >driver.c
${CC:-cc} -std=c99 driver.c -o driver
./driver >answers8.csv
same mixed mixed-test.csv 1e-5
check 'the C file of 8 bits is near' close answers8.csv answers.csv 0.03
fails 'no-such.csv' export mixed --to c --int8 --out unmeasured.c --data no-such.csv
check 'what cannot be measured is not written' [ ! -e unmeasured.c ]
check 'it has 8 bits' grep -q 'static const int8_t net_W0' mixed8.c
# shellcheck disable=SC2086 # words
check 'without warnings' ${CC:-cc} $warnings -c mixed8.c -o object.o

# NumPy's file and PyTorch's
succeeds export mixed --to npz --out mixed.npz
check 'the arrays of NumPy' python3 -c 'import json, zipfile
file = zipfile.ZipFile("mixed.npz")
about = json.loads(file.read("about.json"))
assert [layer["activation"] for layer in about["layers"]] == ["gelu", "tanh", "mish", "elu", "none"]
assert about["outputs"] == ["in", "out"] and about["end"] == "softmax"
assert about["inputs"]["columns"][1]["categories"] == sorted(["Oslo", "say \"hi\"", "Köln", "a\\b?"], key=str.encode)
header = file.read("layers.1.weight.npy")[:128].decode("latin-1")
assert "(9, 9)" in header and "<f4" in header
assert {"input.mean.npy", "input.scale.npy", "layers.1.norm.weight.npy"} <= set(file.namelist())
assert "layers.0.norm.weight.npy" not in file.namelist()'
succeeds export mixed --to pytorch --out mixed.safetensors
check 'the names of PyTorch' python3 -c 'import json, struct
data = open("mixed.safetensors", "rb").read()
header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
names = set(header) - {"__metadata__"}
assert "class Skip" in header["__metadata__"]["classes"]
assert header["__metadata__"]["module"].startswith("nn.Sequential(\n    nn.BatchNorm1d(")
assert {"0.running_var", "1.weight", "3.net.0.weight", "3.net.1.bias", "4.weight", "8.bias"} <= names, names'

# nets come back
for net in mixed other; do
    for format in onnx pytorch; do
        succeeds export $net --to $format --out back --force
        succeeds import back --out back.safetensors --force
        succeeds predict $net --backend reference --data mixed-test.csv --out expected.csv
        succeeds predict back.safetensors --backend reference --data mixed-test.csv --out again.csv
        sed 's/^\([^,]*\),[^,]*,\([^,]*\),/\1,0,/; 1d' expected.csv >a
        sed 's/^\([^,]*\),[^,]*,\([^,]*\),/\1,0,/; 1d' again.csv >b
        check "$net comes back from $format" close a b 1e-5
        cut -d, -f3 expected.csv >a
        cut -d, -f3 again.csv >b
        check "$net: the same classes" cmp a b
    done
done
for format in onnx pytorch; do
    succeeds export squared --to $format --out back --force
    succeeds import back --out back.safetensors --force
    succeeds predict squared --backend reference --data plain-test.csv --out expected.csv
    succeeds predict back.safetensors --backend reference --data plain-test.csv --out again.csv
    sed 1d expected.csv >a
    sed 1d again.csv >b
    check "regression comes back from $format" close a b 1e-5
done

# refusals
fails 'is there already.*--force' export mixed --to npz --out mixed.npz
succeeds export mixed --to npz --out mixed.npz --force
fails 'have weights of float32' export mixed --to npz --int8 --out new.npz
check 'nothing was written' [ ! -e new.npz ]
run export mixed --to c --out new.c --data mixed-test.csv
check 'data without --int8 is wrong usage' [ "$status" -eq 2 ]
check 'and says why' has_line err 'it is for --int8'
printf 'no net' >text
fails 'neither a safetensors file nor a whole ONNX file' import text --out new.safetensors
check 'nothing was written' [ ! -e new.safetensors ]
fails 'is there already' import back --out back.safetensors
fails 'absent' export absent --to c --out new.c
finish
