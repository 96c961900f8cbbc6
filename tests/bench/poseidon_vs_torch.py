#!/usr/bin/env python3
"""Training speed of poseidon and of PyTorch on the same machine, in turns: forward, backward and momentum update.

Usage: tests/bench/poseidon_vs_torch.py [--threads 2] [--rounds 5] [--nets lenet,resnet-50,...]

Needs build/bin/poseidon, Debian's python3-torch and python3-yaml. Both train the nets of config/nets on synthetic data
in memory, with Caffe's layers (groups, LRN and all). The runs alternate, so that a noisy machine disturbs both; the figures are medians over the rounds.
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


BATCHES = {"lenet": 64, "cifar10_quick": 100, "alexnet": 32, "googlenet": 16, "resnet-50": 16, "vgg19": 8}
ITERATIONS = {"lenet": 100, "cifar10_quick": 40, "alexnet": 3, "googlenet": 3, "resnet-50": 3, "vgg19": 2}


def net_file(name):
    return os.path.join(ROOT, "config", "nets", name + ".yaml")


class TorchRun:
    def __init__(self, torch, name):
        from caffe_net_in_torch import CaffeNet
        self.net = CaffeNet(net_file(name)).train()
        self.images = torch.rand(BATCHES[name], *self.net.image_shape)
        self.labels = torch.randint(0, self.net.classes, (BATCHES[name],))
        self.name = name
        self.net(self.images, self.labels)  # makes the parameters
        self.solver = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
        self.run(max(1, ITERATIONS[name] // 5))

    def run(self, iterations):
        for _ in range(iterations):
            self.solver.zero_grad(set_to_none=True)
            self.net(self.images, self.labels).backward()
            self.solver.step()

    def images_per_second(self):
        begin = time.perf_counter()
        self.run(ITERATIONS[self.name])
        return BATCHES[self.name] * ITERATIONS[self.name] / (time.perf_counter() - begin)


def poseidon_images_per_second(name, threads):
    command = [POSEIDON, "time", net_file(name), "--batch", str(BATCHES[name]), "--iterations", str(ITERATIONS[name]),
               "--threads", str(threads), "--json"]
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
