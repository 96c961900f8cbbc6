#!/usr/bin/env python3
"""Training speed over a slow network by scheme: nodes are network namespaces whose links `tc tbf` holds to a rate.

Usage: tests/bench/poseidon_network.py [--rates 1gbit] [--nodes 2] [--width 4096] [--layers 3] [--batch 32]
                                       [--iterations 10] [--workers 1] [--net NET.yaml] [--schemes "ps;auto"] [--figure FILE.png]

Needs root, iproute2 and build/bin/poseidon. An MLP of square layers, or the net of a file, trains on synthetic data under bsp, by
`--workers` of a node: `ps` without overlap, `ps` with it (wait-free backprop), `sfb` and `auto`. All nodes share this machine's cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.append(os.path.join(ROOT, "tests", "support"))
from shaped_nodes import Nodes  # noqa: E402

POSEIDON = os.path.join(os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin")), "poseidon")
SCHEMES = {"ps, no overlap": ["--scheme", "ps", "--no-overlap"], "ps": ["--scheme", "ps"], "sfb": ["--scheme", "sfb"],
           "auto": ["--scheme", "auto"]}


def write_net(path, arguments):
    lines = ["name: MLP", "layer:"]
    shape = f"shape: [{arguments.width}, 1, 1], classes: {arguments.width}"
    lines.append(f"  - {{name: data, type: Data, top: [data, label], data_param: {{batch_size: {arguments.batch}, {shape}}}}}")
    bottom = "data"
    for number in range(1, arguments.layers + 1):
        top = f"fc{number}"
        lines.append(f"  - {{name: {top}, type: InnerProduct, bottom: {bottom}, top: {top}, inner_product_param: "
                     f"{{num_output: {arguments.width}, weight_filler: {{type: xavier}}}}}}")
        if number < arguments.layers:
            lines.append(f"  - {{name: relu{number}, type: ReLU, bottom: {top}, top: {top}}}")
        bottom = top
    lines.append(f"  - {{name: loss, type: SoftmaxWithLoss, bottom: [{bottom}, label], top: loss}}")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def write_solver(path, net, iterations):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"net: {net}\nbase_lr: 0.001\nlr_policy: fixed\nmomentum: 0.9\nmax_iter: {iterations}\ndisplay: 0\n")


def train(nodes, solver, flags, folder, port):
    """Images a second of all nodes together."""
    metrics = os.path.join(folder, "metrics.jsonl")
    ranks = []
    for rank in range(len(nodes.names)):
        ranks.append(subprocess.Popen(
            [*nodes.inside(rank, f"bench-{port}", port), POSEIDON, "train", solver, "--data", "synthetic", "--metrics",
             metrics, "--transport", "tcp", *flags], stderr=subprocess.PIPE, text=True))
    for rank in ranks:
        _, errors = rank.communicate(timeout=600)
        if rank.returncode != 0:
            sys.exit(f"poseidon_network: {errors.strip().splitlines()[-1]}")
    with open(metrics, encoding="utf-8") as file:
        end = [json.loads(line) for line in file if '"end"' in line][-1]
    return end["images_per_second"]


def draw(path, figures, title):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6, 3), layout="constrained")
    names = list(figures)
    axes.barh(names, [figures[name] for name in names], color=["#bbbbbb", "#0072b2", "#d55e00", "#009e73"])
    for name in names:
        axes.text(figures[name], name, f" {figures[name]:.1f}", va="center")
    axes.invert_yaxis()
    axes.set(xlabel="images/s of all nodes together", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def measure(rate, arguments):
    """Median images a second by scheme."""
    with tempfile.TemporaryDirectory() as folder, Nodes(arguments.nodes, rate) as nodes:
        net, solver = arguments.net, os.path.join(folder, "solver.yaml")
        if net is None:
            net = os.path.join(folder, "net.yaml")
            write_net(net, arguments)
        write_solver(solver, net, arguments.iterations)
        schemes = {name: SCHEMES[name] for name in arguments.schemes.split(";")}
        speeds = {name: [] for name in schemes}
        for turn in range(arguments.rounds):
            for number, (name, scheme) in enumerate(schemes.items()):
                flags = [*scheme, "--workers", str(arguments.workers), "--batch", str(arguments.batch)]
                speeds[name].append(train(nodes, solver, flags, folder, 20000 + turn * 10 + number))
    return {name: statistics.median(values) for name, values in speeds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", default="1gbit", help="of every link, as tc writes them; full: not limited")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="of each node")
    parser.add_argument("--net", type=os.path.abspath, help="a net's file instead of the MLP")
    parser.add_argument("--schemes", default=";".join(SCHEMES), help="which of them, in this order")
    parser.add_argument("--figure", help="PNG, of the last rate")
    arguments = parser.parse_args()
    if unknown := set(arguments.schemes.split(";")) - set(SCHEMES):
        parser.error(f"--schemes: there is no {' or '.join(sorted(unknown))}, only {'; '.join(SCHEMES)}")
    for rate in arguments.rates.split(","):
        figures = measure(None if rate == "full" else rate, arguments)
        what = f"{arguments.layers} layers of {arguments.width} x {arguments.width}"
        if arguments.net is not None:
            what = os.path.basename(arguments.net).removesuffix(".yaml")
        title = (f"{what}, batch {arguments.batch}, "
                 f"{arguments.nodes} nodes of {arguments.workers} at {rate}" + (" speed" if rate == "full" else ""))
        print(title)
        for name, figure in figures.items():
            print(f"{name:<16}{figure:>10.4g} images/s{figure / next(iter(figures.values())):>8.2f}x", flush=True)
    if arguments.figure:
        draw(arguments.figure, figures, title)


if __name__ == "__main__":
    main()
