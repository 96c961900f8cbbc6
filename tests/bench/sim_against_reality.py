#!/usr/bin/env python3
"""Whether `bosen sim` tells the truth: the same job on real processes in network namespaces and on a simulated cluster.

Usage: tests/bench/sim_against_reality.py [--nodes 2,4] [--rates 100,1000] [--slowdowns 1,20] [--rounds 3]

Needs root, iproute2 and build/bin/{bosen,mf}. Links are held to each rate (Mb/s) by `tc tbf`. Every real run's own metrics
tell the simulation how long its clocks computed; network and protocol are the simulator's. Prints time a clock, share of
waiting and bytes of both, and exits with 1 where a median differs by more than 15%. With a slowdown every worker sleeps so many
times as long as it has computed, which makes a job that is bound by its network one that is bound by computing, whatever else the
machine does.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN = os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin"))
sys.path.append(os.path.join(ROOT, "tests", "support"))
from shaped_nodes import Nodes  # noqa: E402

FLAGS = {"generate": "1000,2000,20,100000", "rank": "200", "clocks": "60", "clocks-per-epoch": "20", "consistency": "essp",
         "staleness": "1"}
TOLERANCE = 0.15


def measures(path):
    """Milliseconds a clock, share of waiting, megabytes sent a clock."""
    with open(path, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    clocks = [event for event in events if event["event"] == "clock" and event["rank"] == 0]
    end = next(event for event in events if event["event"] == "end")
    span = clocks[-1]["clock"] - clocks[0]["clock"]
    return {"ms a clock": 1e3 * (clocks[-1]["time_s"] - clocks[0]["time_s"]) / span,
            "waiting": end["wait_s"] / (end["wait_s"] + end["compute_s"]),
            "MB a clock": end["bytes_sent"] / end["clocks"] / 1e6}


def run_real(nodes, slowdown, folder, port):
    metrics = os.path.join(folder, "real.jsonl")
    flags = [word for name, value in FLAGS.items() for word in (f"--{name}", value)]
    flags += ["--straggler", ",".join(f"{worker}:{slowdown}" for worker in range(len(nodes.names)))]
    ranks = [subprocess.Popen([*nodes.inside(rank, f"real-{port}", port), os.path.join(BIN, "mf"), *flags, "--transport", "tcp",
                               "--metrics", metrics], stderr=subprocess.PIPE, text=True) for rank in range(len(nodes.names))]
    for rank in ranks:
        _, errors = rank.communicate(timeout=300)
        if rank.returncode != 0:
            sys.exit(f"sim_against_reality: {errors.strip().splitlines()[-1]}")
    return metrics


ECHO = """import socket, sys
listener = socket.create_server((sys.argv[1], 24999))
print(flush=True)
peer = listener.accept()[0]
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while byte := peer.recv(1): peer.send(byte)
"""
ASK = """import socket, sys, time
peer = socket.create_connection((sys.argv[1], 24999))
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
times = []
for _ in range(300):
    begin = time.perf_counter()
    peer.send(b"x")
    peer.recv(1)
    times.append(time.perf_counter() - begin)
print(sorted(times)[150])
"""


def latency_us(nodes):
    """Half of the median TCP round trip of a byte."""
    inside = [["ip", "netns", "exec", name, sys.executable, "-c"] for name in nodes.names]
    address = nodes.addresses[1]
    with subprocess.Popen([*inside[1], ECHO, address], stdout=subprocess.PIPE) as echo:
        echo.stdout.readline()
        asked = subprocess.run([*inside[0], ASK, address], capture_output=True, text=True, check=True)
    return 1e6 * float(asked.stdout) / 2


def run_simulated(nodes, rate, latency, profile, folder):
    spec = {"program": os.path.join(BIN, "mf"), "flags": FLAGS, "nodes": nodes,
            "network": {"bandwidth_mbps": rate, "latency_us": latency},
            "compute": {"distribution": "profile", "profile": profile}}
    path = os.path.join(folder, "spec.yaml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    output = os.path.join(folder, "simulated")
    subprocess.run([os.path.join(BIN, "bosen"), "sim", path, "--output", output], check=True, stderr=subprocess.DEVNULL)
    return os.path.join(output, "metrics.jsonl")


def compare(count, rate, slowdown, rounds, folder):
    """Real and simulated medians by measure."""
    real, simulated = [], []
    with Nodes(count, f"{rate}mbit") as nodes:
        latency = latency_us(nodes)
        for turn in range(rounds):
            metrics = run_real(nodes, slowdown, folder, 21000 + turn)
            real.append(measures(metrics))
            simulated.append(measures(run_simulated(count, rate, latency, metrics, folder)))
    return [{name: statistics.median(run[name] for run in runs) for name in runs[0]} for runs in (real, simulated)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", default="2,4")
    parser.add_argument("--rates", default="100,1000", help="of every link, Mb/s")
    parser.add_argument("--slowdowns", default="1,20", help="how many times as long computing takes")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    good = True
    settings = itertools.product(*(map(int, values.split(",")) for values in (arguments.slowdowns, arguments.nodes, arguments.rates)))
    print("| Slowdown | Nodes | Mb/s | Measure | Real | Simulated | Difference |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for slowdown, count, rate in settings:
            real, simulated = compare(count, rate, slowdown, arguments.rounds, folder)
            for name, value in real.items():
                difference = simulated[name] / value - 1
                good = good and abs(difference) <= TOLERANCE
                print(f"| {slowdown} | {count} | {rate} | {name} | {value:.3g} | {simulated[name]:.3g} | {100 * difference:+.1f}% |",
                      flush=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
