#!/usr/bin/env python3
"""Train nets with clmlp and with PyTorch, from the same weights on the same batches, and compare the weights.

    test_pytorch.py PROGRAM [--backend NAME ...] [--only PART]

PyTorch computes in float64. After 200 steps the reference backend must agree with it to 1e-6 (the norm of a tensor's
difference over the norm of the tensor). The other backends compute in float32: they may be GROWTH times as far from
float64 as PyTorch's own float32 is. Exit code 77: there is no PyTorch here.
"""
import argparse
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy
    import torch
except ImportError as missing:
    print(f"SKIP {missing}")
    sys.exit(1 if os.environ.get("CLMLP_REQUIRE_ALL") == "1" else 77)

WIDTHS, ROWS, BATCH, EPOCHS = [12, 16, 8, 4], 40, 8, 40
EPOCH_STEPS = ROWS // BATCH
STEPS = EPOCHS * EPOCH_STEPS
TARGETS = WIDTHS[-1]
TOLERANCE, GROWTH, FLOAT32 = 1e-6, 10, 2.0 ** -24


# ---- the same data and weights for all ----


def make_data(folder):
    random = numpy.random.default_rng(1)
    x = random.standard_normal((2 * ROWS, WIDTHS[0])).astype(numpy.float32)
    y = (x[:, 0] + x[:, 1] > 0) + 2 * (x[:, 2] * x[:, 3] > 0)
    numpy.savez(os.path.join(folder, "data.npz"), x_train=x[:ROWS], y_train=y[:ROWS].astype(numpy.uint8))
    numpy.savez(os.path.join(folder, "val.npz"), x=x[ROWS:], y=y[ROWS:].astype(numpy.uint8))
    numbers = (x @ random.standard_normal((WIDTHS[0], TARGETS)) + x[:, :TARGETS] ** 2).astype(numpy.float32)
    write_table(os.path.join(folder, "numbers.csv"), x[:ROWS], numbers[:ROWS])
    write_table(os.path.join(folder, "marks.csv"), x[:ROWS], (numbers[:ROWS] > 0).astype(numpy.float32))
    data = [torch.from_numpy(part) for part in (x[:ROWS], y[:ROWS].astype(numpy.int64), x[ROWS:],
                                                y[ROWS:].astype(numpy.int64))]
    return data, torch.from_numpy(numbers[:ROWS])


def write_table(path, x, targets):
    """Nine digits are all that a float has."""
    names = [f"x{i}" for i in range(x.shape[1])] + [f"t{i}" for i in range(targets.shape[1])]
    numpy.savetxt(path, numpy.hstack((x, targets)), "%.9g", ",", header=",".join(names), comments="")


def make_weights(case):
    random = numpy.random.default_rng(2)
    tensors = {}
    for layer, (inputs, outputs) in enumerate(zip(case.widths, case.widths[1:])):
        scale = math.sqrt(2 / inputs)
        tensors[f"layers.{layer}.weight"] = (scale * random.standard_normal((outputs, inputs))).astype(numpy.float32)
        tensors[f"layers.{layer}.bias"] = (0.1 * random.standard_normal(outputs)).astype(numpy.float32)
        if case.norm and layer < len(case.widths) - 2:
            tensors[f"layers.{layer}.norm.weight"] = random.uniform(0.5, 1.5, outputs).astype(numpy.float32)
            tensors[f"layers.{layer}.norm.bias"] = (0.1 * random.standard_normal(outputs)).astype(numpy.float32)
        if case.norm == "batch" and layer < len(case.widths) - 2:
            tensors[f"layers.{layer}.norm.running_mean"] = random.standard_normal(outputs).astype(numpy.float32)
            tensors[f"layers.{layer}.norm.running_var"] = random.uniform(0.5, 2, outputs).astype(numpy.float32)
    return tensors


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(tensor.tobytes() for tensor in tensors.values()))


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    return {name: numpy.frombuffer(data[slice(*about["data_offsets"])], numpy.float32).reshape(about["shape"])
            for name, about in header.items() if name.startswith("layers.")}


# ---- PyTorch's side ----


def philox(counter, key):
    """Philox4x32-10 of arrays of 32-bit counters (Salmon and others, 2011), as four arrays."""
    c, k, low = [numpy.asarray(part, numpy.uint64) for part in numpy.broadcast_arrays(*counter)], list(key), 0xffffffff
    for _ in range(10):
        p, q = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = [(q >> numpy.uint64(32)) ^ c[1] ^ numpy.uint64(k[0]), q & numpy.uint64(low),
             (p >> numpy.uint64(32)) ^ c[3] ^ numpy.uint64(k[1]), p & numpy.uint64(low)]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c


def kept(rows, columns, share, step, layer):
    """Which elements dropout leaves: half words of Philox, as src/compute/dropout.h says, with the seed 1."""
    row, column = numpy.arange(rows)[:, None], numpy.arange(columns)[None, :]
    words = numpy.stack(philox((column, row // 8, step, layer << 8 | 11), (1, 0)))
    word = numpy.take_along_axis(words, numpy.broadcast_to(row % 8 // 2, (rows, columns))[None], 0)[0]
    half = numpy.where(row % 2 == 1, word >> numpy.uint64(16), word & numpy.uint64(0xffff))
    return half >= numpy.uint64(math.floor(share * 65536 + 0.5))


def drop(x, share, step, layer):
    return x * torch.from_numpy(kept(*x.shape, share, step, layer)).to(x.dtype) / (1 - share) if share else x


class Net(torch.nn.Module):
    """The step number, which dropout needs, is a member."""

    def __init__(self, case):
        super().__init__()
        self.case, self.step_number = case, 0
        norms = {"batch": torch.nn.BatchNorm1d, "layer": torch.nn.LayerNorm}
        self.linears = torch.nn.ModuleList(map(torch.nn.Linear, case.widths, case.widths[1:]))
        self.norms = torch.nn.ModuleList(norms[case.norm](width) for width in case.widths[1:-1] if case.norm)
        self.activation = ACTIVATIONS[case.activation]()

    def forward(self, x):
        is_dropping = self.training and self.case.drop
        x = drop(x, self.case.drop, self.step_number, 0) if is_dropping else x
        for layer, linear in enumerate(self.linears[:-1]):
            y = linear(x)
            y = self.activation(self.norms[layer](y) if self.case.norm else y)
            y = drop(y, self.case.drop, self.step_number, layer + 1) if is_dropping else y
            x = y + x if self.case.skip and x.shape == y.shape else y
        return self.linears[-1](x)

    def tensors(self):
        """All parameters and running statistics, by their names in clmlp's files."""
        named = {f"layers.{layer}.{name}": getattr(module, name)
                 for layer, module in enumerate(self.linears) for name in ("weight", "bias")}
        for layer, module in enumerate(self.norms):
            for name in ("weight", "bias", "running_mean", "running_var"):
                if hasattr(module, name):
                    named[f"layers.{layer}.norm.{name}"] = getattr(module, name)
        return named


class Lion(torch.optim.Optimizer):
    """Chen et al.: Symbolic discovery of optimization algorithms, 2023."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99)):
        super().__init__(params, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            one, two = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p -= group["lr"] * torch.sign(one * m + (1 - one) * p.grad)
                m.mul_(two).add_(p.grad, alpha=1 - two)


OPTIMISERS = {
    "sgd": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9),
    "nesterov": lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": lambda p, lr: torch.optim.Adam(p, lr),  # its decay is made below, for weights alone
    "nadam": torch.optim.NAdam,
    "lion": Lion,
}

ACTIVATIONS = {
    "relu": torch.nn.ReLU, "leaky-relu": torch.nn.LeakyReLU, "elu": torch.nn.ELU, "gelu": torch.nn.GELU,
    "silu": torch.nn.SiLU, "mish": torch.nn.Mish, "tanh": torch.nn.Tanh, "sigmoid": torch.nn.Sigmoid,
}

LR = torch.optim.lr_scheduler
SCHEDULES = {
    "constant": lambda o, rate: LR.ConstantLR(o, 1),
    "linear": lambda o, rate: LR.LinearLR(o, 1, 0, STEPS),
    "cosine": lambda o, rate: LR.CosineAnnealingLR(o, STEPS),
    "cooldown": lambda o, rate: LR.MultiStepLR(o, [STEPS - STEPS // 10], 0.1),
    "step": lambda o, rate: LR.StepLR(o, 10 * EPOCH_STEPS, 0.1),
    "exponential": lambda o, rate: LR.ExponentialLR(o, 0.9 ** (1 / EPOCH_STEPS)),
    "triangular": lambda o, rate: LR.CyclicLR(o, rate / 10, rate, 2 * EPOCH_STEPS, cycle_momentum=False),
    "one-cycle": lambda o, rate: LR.OneCycleLR(o, rate, STEPS, cycle_momentum=False),
    "plateau": lambda o, rate: LR.ReduceLROnPlateau(o, factor=0.1, patience=2, eps=0),
}


def focal(z, y, gamma):
    entropy = torch.nn.functional.cross_entropy(z, y, reduction="none")
    return ((1 - torch.exp(-entropy)) ** gamma * entropy).mean()


def quantile(z, t, quantiles):
    """The outputs of a target, one for each quantile, lie side by side."""
    q = torch.tensor(quantiles, dtype=z.dtype)
    e = t.unsqueeze(2) - z.view(len(z), -1, len(quantiles))
    return torch.maximum(q * e, (q - 1) * e).mean()


FUNCTIONS = torch.nn.functional
# A loss's options, its function, and the targets of its table: a number of numbers, or marks of 0 and 1
LOSSES = {
    "cross-entropy": ("", FUNCTIONS.cross_entropy, 0),
    "smoothed": ("--label-smoothing 0.1", lambda z, y: FUNCTIONS.cross_entropy(z, y, label_smoothing=0.1), 0),
    "focal": ("--loss focal", lambda z, y: focal(z, y, 2), 0),
    "focal 0.5": ("--loss focal --focal-gamma 0.5", lambda z, y: focal(z, y, 0.5), 0),
    "binary": ("--loss binary", FUNCTIONS.binary_cross_entropy_with_logits, "marks"),
    "squared": ("--loss squared", FUNCTIONS.mse_loss, TARGETS),
    "absolute": ("--loss absolute", FUNCTIONS.l1_loss, TARGETS),
    "huber": ("--loss huber --delta 0.75", lambda z, t: FUNCTIONS.huber_loss(z, t, delta=0.75), TARGETS),
    "quantile": ("--loss quantile --quantiles 0.3", lambda z, t: quantile(z, t, [0.3]), TARGETS),
    "quantiles": ("--loss quantile --quantiles 0.1,0.9", lambda z, t: quantile(z, t, [0.1, 0.9]), TARGETS // 2),
}


class Case:
    def __init__(self, optimiser="sgd", rate=0.02, activation="relu", schedule="constant", loss="cross-entropy", norm="",
                 drop=0, skip=False, **numbers):
        self.optimiser, self.rate, self.activation, self.schedule = optimiser, rate, activation, schedule
        self.loss, self.norm, self.drop, self.skip = loss, norm, drop, skip
        self.widths = [12, 16, 16, 16, 4] if skip else WIDTHS
        self.numbers = numbers  # l1, l2, weight_decay, clip_norm, average, accumulate

    def __str__(self):
        extra = "".join(f" {name}={value:g}" for name, value in self.numbers.items())
        extra += f" norm={self.norm}" * bool(self.norm) + f" drop={self.drop:g}" * bool(self.drop) + " skip" * self.skip
        return f"{self.optimiser} {self.activation} {self.schedule} {self.loss}{extra}"

    def data(self):
        """The options that name the data."""
        targets = LOSSES[self.loss][2]
        if not targets:
            return ["--data", "data.npz", "--val", "val.npz"]
        count, name = (TARGETS, "marks.csv") if targets == "marks" else (targets, "numbers.csv")
        others = ["--ignore", ",".join(f"t{i}" for i in range(count, TARGETS))] if count < TARGETS else []
        return ["--data", name, "--target", ",".join(f"t{i}" for i in range(count)), *others]

    def options(self):
        options = {"optimizer": self.optimiser, "lr": self.rate, "activation": self.activation, "schedule": self.schedule,
                   "l2": 0}  # tables have another default
        if self.schedule == "plateau":
            options["step-epochs"] = 3
        if self.norm or self.drop or self.skip:
            words = f" norm={self.norm or 'none'} drop={self.drop}"
            options["layers"] = f"input drop={self.drop}" + "".join(
                f", {outputs}{words}{' skip' * (self.skip and inputs == outputs)}"
                for inputs, outputs in zip(self.widths, self.widths[1:-1]))
        options.update({name.replace("_", "-"): value for name, value in self.numbers.items()})
        return [word for name, value in options.items() for word in (f"--{name}", str(value))] + LOSSES[self.loss][0].split()


def all_cases():
    rates = {"sgd": 0.02, "nesterov": 0.02, "lion": 0.0005}
    for optimiser in OPTIMISERS:
        yield Case(optimiser, rates.get(optimiser, 0.005))
    for optimiser in ("sgd", "nesterov", "rmsprop", "adam", "adamw", "lion"):
        yield Case(optimiser, rates.get(optimiser, 0.005), l1=1e-3, l2=1e-3, weight_decay=0.1)
    for optimiser in ("sgd", "adam", "lion"):
        yield Case(optimiser, rates.get(optimiser, 0.005), clip_norm=0.3)
    for optimiser in ("sgd", "adam"):
        yield Case(optimiser, rates.get(optimiser, 0.005), average=0.95)
        yield Case(optimiser, rates.get(optimiser, 0.005), accumulate=2, l2=1e-3)
    yield Case("adam", 0.005, "gelu", accumulate=3, clip_norm=0.3, average=0.9)
    yield Case("nesterov", 0.02, l1=1e-3, l2=1e-3, weight_decay=0.1, clip_norm=0.3)
    for activation in ACTIVATIONS:
        yield Case(activation=activation)
        yield Case("adam", 0.005, activation)
    for optimiser in ("sgd", "adam"):
        for norm in ("batch", "layer"):
            yield Case(optimiser, 0.005, norm=norm)
            yield Case(optimiser, 0.005, "gelu", norm=norm, drop=0.2, skip=True)
        yield Case(optimiser, 0.005, drop=0.3)
        yield Case(optimiser, 0.01, skip=True)
    yield Case("sgd", 0.005, "tanh", norm="batch", skip=True, l2=1e-3, weight_decay=0.1)
    for schedule in SCHEDULES:
        yield Case(schedule=schedule)
        yield Case("adam", 0.005, "gelu", schedule)
    for loss in LOSSES:
        yield Case(activation="tanh", loss=loss)
        yield Case("adam", 0.005, "gelu", loss=loss)


def make_net(case, weights, real):
    net = Net(case)
    with torch.no_grad():
        for name, tensor in net.tensors().items():
            tensor.copy_(torch.from_numpy(weights[name]))
    return net.to(real)


def targets_of(case, numbers, real):
    """Numbers have mean 0 and deviation 1 in training."""
    if LOSSES[case.loss][2] == "marks":
        return (numbers > 0).to(real)
    numbers = numbers[:, :LOSSES[case.loss][2]].double()
    return ((numbers - numbers.mean(0)) / numbers.std(0, correction=0)).to(real)


def train_torch(case, weights, data, numbers, real):
    x, y, val_x, val_y = (part.to(real) if part.is_floating_point() else part for part in data)
    if LOSSES[case.loss][2]:
        y = targets_of(case, numbers, real)
    net = make_net(case, weights, real)
    optimiser = OPTIMISERS[case.optimiser](net.parameters(), lr=case.rate)
    scheduler = SCHEDULES[case.schedule](optimiser, case.rate)
    loss_of = LOSSES[case.loss][1]
    matrices = [module.weight for module in net.linears]
    decay = case.numbers.get("weight_decay", 0.01 if case.optimiser == "adamw" else 0)
    step_rows, average, step = BATCH * case.numbers.get("accumulate", 1), None, 0
    if "average" in case.numbers:
        average = torch.optim.swa_utils.AveragedModel(net, avg_fn=lambda mean, value, _: mean + (value - mean) * (
            1 - min(case.numbers["average"], (1 + step) / (10 + step))))
        average.update_parameters(net)  # the first one copies
    for _ in range(EPOCHS):
        for first in range(0, ROWS, step_rows):
            optimiser.zero_grad()
            net.step_number += 1
            loss = loss_of(net(x[first:first + step_rows]), y[first:first + step_rows])
            loss = loss + case.numbers.get("l2", 0) * sum((w * w).sum() for w in matrices)
            loss = loss + case.numbers.get("l1", 0) * sum(w.abs().sum() for w in matrices)
            loss.backward()
            if "clip_norm" in case.numbers:
                torch.nn.utils.clip_grad_norm_(net.parameters(), case.numbers["clip_norm"])
            with torch.no_grad():
                for w in matrices:
                    w *= 1 - optimiser.param_groups[0]["lr"] * decay
            optimiser.step()
            step += 1
            if average:
                average.update_parameters(net)
            if case.schedule != "plateau":
                scheduler.step()
        if case.schedule == "plateau":
            net.eval()
            with torch.no_grad():
                scheduler.step(loss_of(net(val_x), val_y))
            net.train()
    trained = average.module if average else net
    return {name: tensor.detach().double().numpy() for name, tensor in trained.tensors().items()}


# ---- clmlp's side, and the comparison ----


def train_clmlp(program, case, folder, backend):
    out = os.path.join(folder, f"run-{len(os.listdir(folder))}")
    command = [program, "train", *case.data(), "--init", "start.safetensors", "--epochs",
               str(EPOCHS), "--batch", str(BATCH), "--shuffle", "off", "--standardize", "none", "--backend", backend,
               "--quiet", "--out", out, *case.options()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return read_safetensors(os.path.join(out, "model.safetensors"))


def distance(got, right, case):
    """The largest over all tensors. With a case, what a batch normalisation takes no notice of is left out: the gradient
    of a bias before it is rounding alone, which Adam makes as large as any other."""
    ignored = set()
    if case and case.norm == "batch":
        ignored = {f"layers.{layer}.{name}" for layer in range(len(case.widths) - 2)
                   for name in ("bias", "norm.running_mean")}
    return max(numpy.linalg.norm(got[name] - tensor) / numpy.linalg.norm(tensor) for name, tensor in right.items()
               if name not in ignored)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--backend", nargs="+", default=["reference", "blas", "opencl"])
    parser.add_argument("--only", default="", help="cases whose name has this part")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    failures = cases = 0
    with tempfile.TemporaryDirectory() as folder:
        data, numbers = make_data(folder)
        for case in all_cases():
            if arguments.only not in str(case):
                continue
            weights = make_weights(case)
            write_safetensors(os.path.join(folder, "start.safetensors"), weights)
            right = train_torch(case, weights, data, numbers, torch.float64)
            own = distance(train_torch(case, weights, data, numbers, torch.float32), right, case)
            for backend in arguments.backend:
                got = distance(train_clmlp(os.path.abspath(arguments.program), case, folder, backend), right,
                               None if backend == "reference" else case)
                most = TOLERANCE if backend == "reference" else GROWTH * max(own, FLOAT32)
                cases += 1
                failures += not got <= most
                print(f"{'ok  ' if got <= most else 'FAIL'} {backend:<9} {got:.2e} of {most:.2e}  {case}", flush=True)
    print(f"{100 * (cases - failures) // max(cases, 1)}%: Checks: {cases}, Failures: {failures}, Errors: 0")
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
