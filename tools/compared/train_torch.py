#!/usr/bin/env python3
"""Train a net on Fashion-MNIST in PyTorch as fast as it goes on a CPU, and write its weights to a file.

    train_torch.py --out FILE [--data DIR] [--hidden N] [--epochs N] [--batch N] [--rate R] [--threads N] [--seed N]

One hidden layer with batch normalisation and ReLU; AdamW; a one-cycle schedule. It prints the share of test rows whose
class is right, in per cent. The defaults are those with which PyTorch reached 88.3 % soonest. What makes it fast: the
pictures are read without torchvision and kept as bytes or floats in one tensor, a minibatch is one index_select and
not the work of a DataLoader, and the optimiser is the fused one.
"""
import argparse
import gzip
import os

import torch
from torch import nn

HERE = "/usr/share/datasets/fashion-mnist"


def read(path, heading):
    with gzip.open(path) as file:
        return torch.frombuffer(bytearray(file.read()[heading:]), dtype=torch.uint8)


def part(folder, name):
    """The pictures of a part, 0 to 1, and their classes."""
    pictures = read(os.path.join(folder, name + "-images-idx3-ubyte.gz"), 16)
    classes = read(os.path.join(folder, name + "-labels-idx1-ubyte.gz"), 8)
    return pictures.view(-1, 784).float().div_(255), classes.long()


def train(net, pictures, classes, options):
    optimiser = torch.optim.AdamW(net.parameters(), lr=options.rate, fused=True)
    steps = options.epochs * (len(pictures) // options.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=steps)
    loss = nn.CrossEntropyLoss()
    for _ in range(options.epochs):
        order = torch.randperm(len(pictures))
        for rows in order[:len(order) // options.batch * options.batch].view(-1, options.batch):
            optimiser.zero_grad()
            loss(net(pictures.index_select(0, rows)), classes.index_select(0, rows)).backward()
            optimiser.step()
            schedule.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--data", default=HERE)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=0.015)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    net = nn.Sequential(nn.Linear(784, options.hidden), nn.BatchNorm1d(options.hidden), nn.ReLU(),
                        nn.Linear(options.hidden, 10))
    train(net, *part(options.data, "train"), options)
    net.eval()
    pictures, classes = part(options.data, "t10k")
    with torch.no_grad():
        right = (net(pictures).argmax(1) == classes).float().mean().item()
    torch.save(net.state_dict(), options.out)
    print(f"{100 * right:.2f}")


if __name__ == "__main__":
    main()
