#!/usr/bin/env python3
"""Export models and compare the predictions of ONNX Runtime, PyTorch, NumPy and the C files with clmlp's.

    test_export.py PROGRAM [--rows N]

All 10,000 test images of Fashion-MNIST (or the first N), and tables with text and missing values: the same class for
each row, and probabilities within 1e-5. Exit code 77: a package is not here.
"""
import argparse
import csv
import ctypes
import datetime
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy
    import onnx
    import onnxruntime
    import torch
except ImportError as missing:
    print(f"SKIP {missing}")
    sys.exit(1 if os.environ.get("CLMLP_REQUIRE_ALL") == "1" else 77)

TOLERANCE = 1e-5
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-O2"]
INT8_BYTES, INT8_POINTS = 120 * 1024, 0.3
checks = failures = 0


def check(what, condition, more=""):
    global checks, failures
    checks += 1
    if not condition:
        failures += 1
        print(f"failed: {what} {more}")


def run(*arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"clmlp {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def compare(what, got, expected, is_class=True):
    """Rows of got and expected (N,C)."""
    got = numpy.asarray(got, numpy.float64)
    difference = numpy.abs(got - expected).max() if got.shape == expected.shape else math.inf
    same = got.shape == expected.shape and (got.argmax(1) == expected.argmax(1)).all()
    print(f"{what:40} {len(expected)} rows, largest difference {difference:.2g}")
    check(what, difference <= TOLERANCE and (same or not is_class), f"{difference}")


def predictions(model, data, *options):
    run("predict", model, "--backend", "blas", "--data", data, "--out", "expected.npy", *options)
    return numpy.load("expected.npy").astype(numpy.float64)


# ---- the formats; each takes features (N,I) or, of a table, columns ----


def by_onnx(model, inputs):
    run("export", model, "--to", "onnx", "--out", "net.onnx", "--force")
    onnx.checker.check_model(onnx.load("net.onnx"), full_check=True)
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    kinds = {"tensor(float)": numpy.float32, "tensor(double)": numpy.float64, "tensor(string)": object}
    fed = {entry.name: inputs[entry.name].astype(kinds[entry.type]) for entry in session.get_inputs()}
    outputs = session.run(None, fed)
    if len(outputs) > 1:
        check("onnx: class", (outputs[1] == outputs[0].argmax(1)).all())
    return outputs[0]


ACTIVATIONS = {
    "none": lambda z: z,
    "relu": lambda z: numpy.maximum(z, 0),
    "leaky-relu": lambda z: numpy.where(z < 0, 0.01 * z, z),
    "elu": lambda z: numpy.where(z < 0, numpy.expm1(numpy.minimum(z, 0)), z),
    "tanh": numpy.tanh,
    "sigmoid": lambda z: 1 / (1 + numpy.exp(-z)),
    "gelu": lambda z: z * numpy.vectorize(math.erfc)(-z / math.sqrt(2)) / 2,
    "silu": lambda z: z / (1 + numpy.exp(-z)),
    "mish": lambda z: z * numpy.tanh(numpy.log1p(numpy.exp(z))),
}


def by_numpy(model, x):
    run("export", model, "--to", "npz", "--out", "net.npz", "--force")
    net = numpy.load("net.npz")
    about = json.loads(net["about.json"])
    y = (x - net["input.mean"]) * net["input.scale"]
    for number, layer in enumerate(about["layers"]):
        z = y @ net[f"layers.{number}.weight"].T + net[f"layers.{number}.bias"]
        if layer["layer_norm"]:
            z = (z - z.mean(1, keepdims=True)) / numpy.sqrt(z.var(1, keepdims=True) + 1e-5)
            z = z * net[f"layers.{number}.norm.weight"] + net[f"layers.{number}.norm.bias"]
        z = ACTIVATIONS[layer["activation"]](z)
        y = z + y if layer["skip"] else z
    if about["end"] == "softmax":
        e = numpy.exp(y - y.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)
    return 1 / (1 + numpy.exp(-y)) if about["end"] == "sigmoid" else y * net["output.deviation"] + net["output.mean"]


def by_torch(model, x):
    run("export", model, "--to", "pytorch", "--out", "torch.safetensors", "--force")
    with open("torch.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    about = header.pop("__metadata__")
    names = {"nn": torch.nn}
    exec(about["classes"], names)
    net = eval(about["module"], names)
    state = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        state[name] = torch.from_numpy(numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).copy())
    net.load_state_dict(state)
    net.eval()
    with torch.no_grad():
        y = net(torch.from_numpy(x.astype(numpy.float32)))
    end = json.loads(about["about"])["end"]
    return (torch.softmax(y, 1) if end == "softmax" else torch.sigmoid(y) if end == "sigmoid" else y).numpy()


def by_c(model, x, *options):
    """The C file as a shared library; x is (N,I) floats."""
    run("export", model, "--to", "c", "--out", "net.c", "--force", *options)
    for compiler in ("gcc", "clang"):
        done = subprocess.run([compiler, *FLAGS, "-ffreestanding", "-c", "net.c", "-o", "net.o"])
        check(f"{compiler} compiles it", done.returncode == 0)
    undefined = subprocess.run(["nm", "-u", "net.o"], capture_output=True, text=True).stdout
    check("it calls nothing", not undefined.strip(), undefined)
    library = os.path.abspath(f"net{checks}.so")
    subprocess.run(["cc", *FLAGS, "-fPIC", "-shared", "net.c", "-o", library], check=True)
    predict = ctypes.CDLL(library).predict
    outputs = len(json.loads(numpy.load("net.npz")["about.json"])["outputs"])
    x, y = numpy.ascontiguousarray(x, numpy.float32), numpy.empty((len(x), outputs), numpy.float32)
    for row in range(len(x)):
        predict(ctypes.c_void_p(x[row].ctypes.data), ctypes.c_void_p(y[row].ctypes.data))
    return y


# ---- nets ----


def read_idx(name):
    with open(os.path.join("/usr/share/datasets/fashion-mnist", name), "rb") as file:
        data = file.read()
    if data[:2] == b"\x1f\x8b":
        data = __import__("gzip").decompress(data)
    return numpy.frombuffer(data, numpy.uint8, offset=8 if "labels" in name else 16)


def images(rows):
    files = os.listdir("/usr/share/datasets/fashion-mnist")
    pick = lambda text: next(name for name in sorted(files) if text in name)
    x = read_idx(pick("t10k-images")).reshape(-1, 784)[:rows].astype(numpy.float32)
    labels = read_idx(pick("t10k-labels"))[:rows]
    run("train", "--backend", "blas", "--data", "fashion-mnist", "--hidden", "128", "--epochs", "2", "--out", "images",
        "--val", "5000", "--calibrate")
    expected = predictions("images", "fashion-mnist")[:rows]
    compare("images: onnx", by_onnx("images", {"x": x}), expected)
    compare("images: numpy", by_numpy("images", x), expected)
    compare("images: pytorch", by_torch("images", x), expected)
    for file in ("net.onnx", "torch.safetensors"):
        run("import", file, "--out", "back.safetensors", "--force")
        compare(f"images: import of {file}", predictions("back.safetensors", "fashion-mnist")[:rows], expected)
    compare("images: c", by_c("images", x), expected)
    eight = by_c("images", x, "--int8")
    size = os.path.getsize("net.o")
    loss = 100 * ((expected.argmax(1) == labels).mean() - (eight.argmax(1) == labels).mean())
    print(f"images: c with int8                      {size} bytes of object file, {loss:+.2f} points of accuracy lost")
    check("int8 is small", size <= INT8_BYTES, size)
    check("int8 is near", abs(loss) <= INT8_POINTS, loss)
    told = run("export", "images", "--to", "c", "--int8", "--out", "net.c", "--force", "--data", "fashion-mnist")
    print(told.strip())
    if rows == 10000:
        check("clmlp measures it so", f"accuracy {(eight.argmax(1) == labels).mean():.4f} " in told, told)


def write_tables():
    random = numpy.random.default_rng(1)
    for name, rows in (("train", 1200), ("test", 400)):
        with open(f"mixed-{name}.csv", "w", newline="") as mixed, open(f"numbers-{name}.csv", "w") as numbers:
            writer = csv.writer(mixed)
            writer.writerow(["age", "city", "Price", "when", "time", "class"])
            numbers.write("a,b,c,t\n")
            for _ in range(rows):
                x, y, z = random.uniform(-1, 1, 3)
                city = random.choice(["Oslo", "Rome", 'say "hi"', "Köln", ""] + (["Paris"] if name == "test" else []))
                writer.writerow(["" if random.random() < 0.2 else f"{40 + 20 * x:.2f}", city,
                                 "NA" if name == "test" and random.random() < 0.1 else f"{y:.4f}",
                                 f"2024-02-{random.integers(1, 28):02d}", f"{1e9 + 50 * z:.2f}",
                                 "in" if x * x + y * y < 0.5 or city == "Rome" or z > 0.8 else "out"])
                numbers.write(f"{x:.4f},{'' if random.random() < 0.2 else round(y, 4)},{z:.4f},{x - y * z:.4f}\n")


def read_columns(name):
    """Each column (N,1): numbers as floats, dates as days, NaN for missing ones; text as it is."""
    with open(name, newline="", encoding="utf-8") as file:
        header, *lines = list(csv.reader(file))
    columns = {}
    for at, column in enumerate(header[:-1]):
        values = [line[at] for line in lines]
        if column == "when":
            values = [(datetime.date.fromisoformat(v) - datetime.date(1970, 1, 1)).days for v in values]
        elif column != "city":
            values = [math.nan if v in ("", "NA") else float(v) for v in values]
        columns[column] = numpy.array(values, object).reshape(-1, 1)
    return columns


def tables():
    write_tables()
    nets = [("mixed", ["9 gelu norm=batch, 9 tanh norm=layer skip, 7 mish, 5 elu, 2"], []),
            ("mixed", ["6 silu, 6 sigmoid skip, 6 leaky-relu, 6 relu, 2"], []),
            ("numbers", ["8 relu"], ["--target", "t", "--loss", "squared"]),
            ("numbers", ["8 tanh"], ["--target", "t", "--loss", "quantile", "--quantiles", "0.1,0.5,0.9"])]
    for number, (name, layers, options) in enumerate(nets):
        model = f"table{number}"
        run("train", "--backend", "blas", "--data", f"{name}-train.csv", "--epochs", "4", "--out", model, "--layers",
            *layers, *options)
        columns = read_columns(f"{name}-test.csv")
        inputs = dict(columns, x=numpy.hstack([columns[c] for c in columns if c != "city"]))
        expected = predictions(model, f"{name}-test.csv")
        compare(f"{model}: onnx", by_onnx(model, inputs), expected, name == "mixed")
        if name == "numbers":
            run("export", model, "--to", "npz", "--out", "net.npz", "--force")
            compare(f"{model}: c", by_c(model, inputs["x"]), expected, False)


def main():
    global program
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=10000)
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        tables()
        images(arguments.rows)
    print(f"{100 * (checks - failures) // checks}%: Checks: {checks}, Failures: {failures}, Errors: 0")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
