#!/usr/bin/env python3
"""What it gives that lower layers go first: real processes over links that `tc tbf` holds to a rate.

Usage: tests/bench/priority_network.py [--rate 10gbit] [--nodes 4] [--compute-ms 75] [--iterations 20] [--rounds 3]

Needs root, iproute2 and build/test-programs/wait_free_backprop, which exchanges VGG19's gradients (batch 32; fully connected layers as
factors) and sleeps instead of computing, so that nodes do not take each other's processors. In turns: all layers with one priority, and
each with its own.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.append(os.path.join(ROOT, "tests", "support"))
from shaped_nodes import Nodes  # noqa: E402

PROGRAM = os.path.join(ROOT, "build", "test-programs", "wait_free_backprop")
WAYS = {"one queue": ["--one-queue"], "by layer": []}


def iteration_ms(nodes, arguments, flags, port):
    """An iteration's time, and what the first layer waits of it."""
    command = [PROGRAM, "--transport", "tcp", "--compute-ms", str(arguments.compute_ms), "--iterations", str(arguments.iterations)]
    ranks = [subprocess.Popen([*nodes.inside(rank, f"bench-{port}", port), *command, *flags], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) for rank in range(arguments.nodes)]
    outputs = [rank.communicate(timeout=600) for rank in ranks]
    for rank, (_, errors) in zip(ranks, outputs):
        if rank.returncode != 0:
            sys.exit(f"priority_network: {errors.strip().splitlines()[-1]}")
    return [float(number) for number in re.findall(r"[\d.]+", outputs[0][0])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", default="10gbit", help="of every link, as tc writes it")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--compute-ms", type=float, default=75, help="of an iteration")
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {name: [] for name in WAYS}
    with Nodes(arguments.nodes, arguments.rate) as nodes:
        for turn in range(arguments.rounds):
            for number, (name, flags) in enumerate(WAYS.items()):
                results[name].append(iteration_ms(nodes, arguments, flags, 20000 + turn * 10 + number))
    for name, times in results.items():
        total, wait = (statistics.median(column) for column in zip(*times))
        print(f"{name:<12}{total:>8.1f} ms an iteration, the first layer waits {wait:.1f}; "
              f"all: {', '.join(f'{time[0]:.1f}' for time in times)}")


if __name__ == "__main__":
    main()
