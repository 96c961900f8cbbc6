#!/usr/bin/env python3
"""Training speed of poseidon and of PyTorch on the same machine, in turns: forward, backward and momentum update.

Usage: tests/bench/poseidon_vs_torch.py [--threads 2] [--rounds 5] [--nets lenet,cifar10_quick,alexnet]

Needs build/bin/poseidon and Debian's python3-torch. Both train on synthetic data in memory with Caffe's layers (groups,
LRN and all). The runs alternate, so that a noisy machine disturbs both; the figures are medians over the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
POSEIDON = os.path.join(os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin")), "poseidon")


def torch_nets(torch):
    nn = torch.nn

    def lenet():
        return nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2, 2), nn.Conv2d(20, 50, 5), nn.MaxPool2d(2, 2),
                             nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))

    def cifar10_quick():
        def pool(kind):
            return kind(3, 2, ceil_mode=True)
        return nn.Sequential(nn.Conv2d(3, 32, 5, padding=2), pool(nn.MaxPool2d), nn.ReLU(),
                             nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), pool(nn.AvgPool2d),
                             nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), pool(nn.AvgPool2d),
                             nn.Flatten(), nn.Linear(1024, 64), nn.Linear(64, 10))

    def alexnet():
        return nn.Sequential(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5, 1e-4, 0.75, 1), nn.MaxPool2d(3, 2),
                             nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(),
                             nn.LocalResponseNorm(5, 1e-4, 0.75, 1), nn.MaxPool2d(3, 2),
                             nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
                             nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
                             nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                             nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(0.5),
                             nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 1000))

    return {"lenet": (lenet, (1, 28, 28), 10), "cifar10_quick": (cifar10_quick, (3, 32, 32), 10),
            "alexnet": (alexnet, (3, 227, 227), 1000)}


BATCHES = {"lenet": 64, "cifar10_quick": 100, "alexnet": 32}
ITERATIONS = {"lenet": 100, "cifar10_quick": 40, "alexnet": 3}


class TorchRun:
    def __init__(self, torch, name):
        make, shape, classes = torch_nets(torch)[name]
        self.net = make().train()
        self.images = torch.rand(BATCHES[name], *shape)
        self.labels = torch.randint(0, classes, (BATCHES[name],))
        self.loss = torch.nn.CrossEntropyLoss()
        self.solver = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
        self.name = name
        self.run(max(1, ITERATIONS[name] // 5))

    def run(self, iterations):
        for _ in range(iterations):
            self.solver.zero_grad(set_to_none=True)
            self.loss(self.net(self.images), self.labels).backward()
            self.solver.step()

    def images_per_second(self):
        begin = time.perf_counter()
        self.run(ITERATIONS[self.name])
        return BATCHES[self.name] * ITERATIONS[self.name] / (time.perf_counter() - begin)


def poseidon_images_per_second(name, threads):
    command = [POSEIDON, "time", os.path.join(ROOT, "config", "nets", name + ".yaml"), "--batch", str(BATCHES[name]),
               "--iterations", str(ITERATIONS[name]), "--threads", str(threads), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"poseidon_vs_torch: {' '.join(command)}: {result.stderr.strip()}")
    return json.loads(result.stdout)["images_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", default=",".join(BATCHES))
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("poseidon_vs_torch: there is no PyTorch here: apt-get install python3-torch")
    torch.set_num_threads(arguments.threads)
    print(f"PyTorch {torch.__version__}, {arguments.threads} threads, {arguments.rounds} rounds, images/s (medians)")
    print(f"{'net':<16}{'batch':>6}{'PyTorch':>12}{'poseidon':>12}{'ratio':>8}")
    for name in arguments.nets.split(","):
        run = TorchRun(torch, name)
        theirs, ours = [], []
        for _ in range(arguments.rounds):
            theirs.append(run.images_per_second())
            ours.append(poseidon_images_per_second(name, arguments.threads))
        left, right = statistics.median(theirs), statistics.median(ours)
        print(f"{name:<16}{BATCHES[name]:>6}{left:>12.1f}{right:>12.1f}{right / left:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
