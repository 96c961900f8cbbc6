#!/usr/bin/env python3
"""Training speed over slow networks, of poseidon by scheme and of PyTorch DDP: nodes are network namespaces whose links
`tc tbf` holds to a rate, and share this machine's processors and its one GPU.

Usage: tests/bench/poseidon_cluster.py [--net vgg19] [--nodes 4] [--batch 32] [--rates 1gbit,10gbit,40gbit]
                                       [--device cuda] [--precision tf32] [--plan-cache DIR] [--threads 1] [--iterations 10]
                                       [--schemes ...] [--ddp ...] [--timeout S] [--trace PREFIX] [--json FILE]
       tests/bench/poseidon_cluster.py --device cpu --net alexnet --nodes 2 ...
       tests/bench/poseidon_cluster.py --draw FILE.json FIGURE.png

Needs root, iproute2, build/bin/poseidon and, for DDP, PyTorch (backend gloo, the same net). Images/s are of all nodes
together, under bsp, on synthetic data, without the first four iterations. `alone` are as many processes that exchange
nothing, while all of them train. `DDP, fp16` has PyTorch's hook that exchanges halves of floats. On a GPU DDP has
cudnn.benchmark and, but at fp32, channels last. What of the synchronisation is hidden behind computation: (slow - fast)
/ (slow - alone), of the times an iteration takes without and with overlap. Results are kept as they come; a later call
with the same --json adds to them, and takes `alone` from there.
"""

import argparse
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.append(os.path.join(ROOT, "tests", "support"))
from shaped_nodes import Nodes, bits_a_second  # noqa: E402

POSEIDON = os.path.join(os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin")), "poseidon")
SCHEMES = {"ps, no overlap": ["--scheme", "ps", "--no-overlap"], "ps": ["--scheme", "ps"],
           "auto, no overlap": ["--scheme", "auto", "--no-overlap"], "auto": ["--scheme", "auto"]}
WITHOUT_CODEC = list(SCHEMES)
SCHEMES |= {f"{scheme}, {codec}": ["--scheme", scheme, "--codec", codec]
            for scheme in ("ps", "auto") for codec in ("bf16", "4bit", "1bit")}
DDP_HOOKS = {"DDP": "none", "DDP, fp16": "fp16"}
START_UP_S = 120  # until all processes train, plans being looked for
ITERATION_S = {"cuda": 2, "cpu": 60}  # an iteration's computation, generously
WARM_UP = 3  # iterations; reports come after the first one and then after every so many
SETTLING = 7 * WARM_UP  # iterations in which `auto` may still try schemes


def net_file(name):
    return os.path.join(ROOT, "config", "nets", name + ".yaml")


class JobFailed(Exception):
    """What was the matter, in words."""


class Processes:
    """A job's, from when they are entered until they are left; then none is there any more."""

    def __init__(self, commands, folder):
        self.commands = commands
        self.outputs = [os.path.join(folder, f"output{rank}") for rank in range(len(commands))]
        self.processes, self.begins_s = [], []

    def __enter__(self):
        try:
            for command, path in zip(self.commands, self.outputs):
                with open(path, "wb") as output:
                    self.begins_s.append(time.monotonic())
                    self.processes.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def wait(self, limit_s):
        """Until all have ended. Raises JobFailed as soon as one has failed, with what it said: others fail after it."""
        deadline = time.monotonic() + limit_s
        running = {os.pidfd_open(process.pid): rank for rank, process in enumerate(self.processes)}
        try:
            while running:
                ended, _, _ = select.select(list(running), [], [], max(0, deadline - time.monotonic()))
                if not ended:
                    raise JobFailed(f"took over {limit_s:.0f} s")
                for descriptor in ended:
                    os.close(descriptor)
                    self.expect_success(running.pop(descriptor))
        finally:
            for descriptor in running:
                os.close(descriptor)

    def expect_success(self, rank):
        code = self.processes[rank].wait()
        if code != 0:
            with open(self.outputs[rank], encoding="utf-8", errors="replace") as file:
                raise JobFailed(f"rank {rank} ended with {code}: {file.read().strip()[-600:]}")


def training_reports(metrics):
    """Those of the iterations between two, not the last test's, whose images/s are of the whole run."""
    with open(metrics, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    return [event for event in events if event["event"] == "eval" and "learning_rate" in event]


def steady_rate(metrics, settling=0):
    """Of the iterations after the first reports, before which processes come into step."""
    rates = [report["images_per_second"] for report in training_reports(metrics)]
    return statistics.harmonic_mean(rates[2 + settling // WARM_UP:])


def rate_together(runs):
    """Of processes that do not wait for each other, while all of them train; `runs` has when each began, and its metrics."""
    stretches = []  # by process: from, to, images/s
    for begin_s, metrics in runs:
        reports = training_reports(metrics)
        ends = [begin_s + report["time_s"] for report in reports]
        stretches.append(list(zip(ends, ends[1:], [report["images_per_second"] for report in reports[1:]])))
    first_s, last_s = max(own[0][0] for own in stretches), min(own[-1][1] for own in stretches)
    common = [[rate for begin_s, end_s, rate in own if first_s <= begin_s and end_s <= last_s] for own in stretches]
    if not all(common):
        raise JobFailed("the processes did not train at the same time for long enough")
    return sum(statistics.harmonic_mean(rates) for rates in common)


class Jobs:
    """Runs jobs of all nodes, one after another."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder, self.port = arguments, folder, 20000
        described = subprocess.run([POSEIDON, "describe", net_file(arguments.net), "--batch", str(arguments.batch), "--workers",
                                    str(arguments.nodes), "--scheme", "ps", "--json"], check=True, capture_output=True, text=True)
        self.bytes_each_way = json.loads(described.stdout)["bytes"] / 2  # of a node, an iteration; no scheme takes more

    def limit_s(self, iterations, rate=None):
        sending_s = 8 * self.bytes_each_way / bits_a_second(rate) if rate else 0
        return self.arguments.timeout or START_UP_S + iterations * (ITERATION_S[self.arguments.device] + 2 * sending_s)

    def tell(self, what, failure):
        print(f"{what}: {failure}", file=sys.stderr, flush=True)

    def write_solver(self, iterations):
        path = os.path.join(self.folder, f"solver{iterations}.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"net: {os.path.abspath(net_file(self.arguments.net))}\nbase_lr: 0.0001\nlr_policy: fixed\nmomentum: 0.9\n"
                       f"max_iter: {iterations}\ndisplay: {WARM_UP}\nsnapshot_after_train: false\n")
        return path

    def poseidon(self, metrics, iterations, *flags):
        a = self.arguments
        command = [POSEIDON, "train", self.write_solver(iterations), "--data", "synthetic", "--batch", str(a.batch), "--metrics",
                   metrics, *flags]
        if a.device == "cpu":
            return [*command, "--threads", str(a.threads)]
        command += ["--device", a.device, "--precision", a.precision]
        command += ["--plan-cache", a.plan_cache] if a.plan_cache else []
        return command

    def alone(self, iterations):
        metrics = [os.path.join(self.folder, f"alone{rank}.jsonl") for rank in range(self.arguments.nodes)]
        try:
            with Processes([self.poseidon(path, iterations) for path in metrics], self.folder) as processes:
                processes.wait(self.limit_s(iterations))
                return rate_together(list(zip(processes.begins_s, metrics)))
        except JobFailed as failure:
            return self.tell("alone", failure)

    def scheme(self, nodes, name, iterations):
        self.port += 1
        metrics = os.path.join(self.folder, f"job{self.port}.jsonl")
        traced = self.arguments.trace and name == "auto"
        trace = ["--trace", f"{self.arguments.trace}-{nodes.rate or 'full'}.json"] if traced else []
        settling = SETTLING if "auto" in SCHEMES[name] else 0
        command = self.poseidon(metrics, iterations + settling, "--transport", "tcp", *SCHEMES[name], *trace)
        commands = [[*nodes.inside(rank, f"bench-{self.port}", self.port), *command] for rank in range(self.arguments.nodes)]
        try:
            with Processes(commands, self.folder) as processes:
                processes.wait(self.limit_s(iterations + settling, nodes.rate))
            return steady_rate(metrics, settling)
        except JobFailed as failure:
            return self.tell(name, failure)

    def ddp(self, nodes, name, iterations):
        self.port += 1
        result = os.path.join(self.folder, f"ddp{self.port}.json")
        environment = [f"MASTER_ADDR={nodes.addresses[0]}", f"MASTER_PORT={self.port}", f"WORLD_SIZE={self.arguments.nodes}",
                       "GLOO_SOCKET_IFNAME=eth0"]
        a = self.arguments
        environment += [f"OMP_NUM_THREADS={a.threads}"] if a.device == "cpu" else []
        worker = [sys.executable, "-B", os.path.abspath(__file__), "--ddp-worker", a.net, str(a.batch), a.device, a.precision,
                  str(iterations), DDP_HOOKS[name], result]
        commands = [["ip", "netns", "exec", nodes.names[rank], "env", *environment, f"RANK={rank}", *worker]
                    for rank in range(a.nodes)]
        try:
            with Processes(commands, self.folder) as processes:
                processes.wait(self.limit_s(iterations, nodes.rate))
        except JobFailed as failure:
            return self.tell(name, failure)
        with open(result, encoding="utf-8") as file:
            return json.load(file)["images_per_second"]


def ddp_worker(net, batch, device, precision, iterations, hook, result):
    import contextlib
    import warnings

    import torch
    sys.path.append(HERE)
    from caffe_net_in_torch import CaffeNet
    warnings.simplefilter("ignore")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
    torch.backends.cudnn.benchmark = True
    torch.distributed.init_process_group("gloo", init_method="env://")
    module = CaffeNet(net_file(net)).to(device)
    images = torch.rand(batch, *module.image_shape, device=device)
    labels = torch.randint(0, module.classes, (batch,), device=device)
    module(images[:2], labels[:2])  # which settles the lazy layers' shapes
    # Which tensor cores want so; without them cuDNN's kernels are made for row-major images.
    row_major = device == "cpu" or precision == "fp32"
    memory_format = torch.contiguous_format if row_major else torch.channels_last
    module, images = module.to(memory_format=memory_format), images.to(memory_format=memory_format)
    model = torch.nn.parallel.DistributedDataParallel(module.train())
    if hook == "fp16":
        from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
        model.register_comm_hook(None, fp16_compress_hook)
    solver = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)

    def step():
        solver.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else contextlib.nullcontext():
            loss = model(images, labels)
        loss.backward()
        solver.step()
        return float(loss.detach())  # waits for the device

    for _ in range(WARM_UP + 1):
        step()
    begin = time.perf_counter()
    for _ in range(iterations - WARM_UP - 1):
        step()
    torch.distributed.barrier()
    nodes = torch.distributed.get_world_size()
    if torch.distributed.get_rank() == 0:
        with open(result, "w", encoding="utf-8") as file:
            json.dump({"images_per_second": nodes * batch * (iterations - WARM_UP - 1) / (time.perf_counter() - begin)}, file)
    torch.distributed.barrier()


class Results:
    """Images/s by rate and scheme, in a file where one is named."""

    def __init__(self, path):
        self.path, self.rows = path, {}
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.rows = json.load(file)

    def alone(self):
        return next((row["alone"] for row in self.rows.values() if row.get("alone")), None)

    def add(self, rate, name, images_per_second):
        row = self.rows.setdefault(rate, {})
        row[name] = images_per_second
        if self.path:
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self.rows, file, indent=1)
        return row


def hidden_share(row, name, alone, images):
    slow, fast = row.get(f"{name}, no overlap"), row.get(name)
    if not (slow and fast and alone):
        return ""
    slow_s, fast_s, alone_s = images / slow, images / fast, images / alone
    return f"{(slow_s - fast_s) / (slow_s - alone_s):.0%}" if slow_s > alone_s else ""


def draw(results, path):
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    colours = {"DDP": "#bbbbbb", "DDP, fp16": "#999999", "ps, no overlap": "#56b4e9", "ps": "#0072b2", "ps, bf16": "#004c7a",
               "ps, 1bit": "#002a44", "auto, no overlap": "#8fd3bd", "auto": "#009e73", "auto, bf16": "#006b4f",
               "auto, 1bit": "#003d2d"}
    figure, axes = pyplot.subplots(figsize=(7, 3.4), layout="constrained")
    at, ticks = 0, {}
    for rate, row in results.items():
        names = [name for name in colours if row.get(name)]
        ticks[at + (len(names) - 1) / 2] = rate.replace("gbit", " Gb/s")
        for name in names:
            axes.barh(at, row[name], 0.9, color=colours[name])
            axes.text(row[name], at, f" {row[name]:.0f}  {'PyTorch ' if name in DDP_HOOKS else ''}{name}", va="center", fontsize=8)
            at += 1
        at += 0.7
    axes.set_yticks(list(ticks), ticks.values())
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(xlabel="images/s of all nodes together")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    if sys.argv[1:2] == ["--ddp-worker"]:
        net, batch, device, precision, iterations, hook, result = sys.argv[2:]
        ddp_worker(net, int(batch), device, precision, int(iterations), hook, result)
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="vgg19", help="one of config/nets")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32, help="images of a node's batch")
    parser.add_argument("--rates", default="1gbit,10gbit,40gbit", help="of every link, as tc writes them; full: not limited")
    parser.add_argument("--device", choices=sorted(ITERATION_S), default="cuda")
    parser.add_argument("--precision", default="tf32", help="on a GPU; processors compute at fp32")
    parser.add_argument("--threads", type=int, default=1, help="that compute on each node's processor")
    parser.add_argument("--plan-cache", default="")
    parser.add_argument("--iterations", type=int, default=1 + 3 * WARM_UP, help="1 + a multiple of 3, and at least 7")
    parser.add_argument("--schemes", default=";".join(WITHOUT_CODEC),
                        help=f"separated by semicolons, of: {'; '.join(SCHEMES)}")
    parser.add_argument("--ddp", default="DDP", help=f"none, or separated by semicolons, of: {'; '.join(DDP_HOOKS)}")
    parser.add_argument("--timeout", type=float, default=0, help="seconds of a job; 0: by its bytes and iterations")
    parser.add_argument("--trace", default="", help="where to keep timelines of auto: PREFIX-RATE.json.RANK")
    parser.add_argument("--json", default="", help="where to keep the results, and where earlier ones are")
    parser.add_argument("--draw", nargs=2, metavar=("JSON", "PNG"), help="only draw results that were kept")
    arguments = parser.parse_args()
    if arguments.draw:
        with open(arguments.draw[0], encoding="utf-8") as file:
            draw(json.load(file), arguments.draw[1])
        return
    schemes = arguments.schemes.split(";")
    theirs = [] if arguments.ddp == "none" else arguments.ddp.split(";")
    for option, names, known in (("--schemes", schemes, SCHEMES), ("--ddp", theirs, DDP_HOOKS)):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"{option}: there is no '{unknown[0]}'; there are {'; '.join(known)}")
    if arguments.iterations < 1 + 2 * WARM_UP or (arguments.iterations - 1) % WARM_UP:
        parser.error("--iterations: must be 1 + a multiple of 3, and at least 7")
    results = Results(arguments.json)
    with tempfile.TemporaryDirectory() as folder:
        jobs = Jobs(arguments, folder)
        alone = results.alone() or jobs.alone(1 + 20 * WARM_UP)
        print(f"{arguments.net}, batch {arguments.batch}, {arguments.nodes} nodes; alone {alone or 0:.0f} images/s", flush=True)
        for rate in arguments.rates.split(","):
            results.add(rate, "alone", alone)
            with Nodes(arguments.nodes, None if rate == "full" else rate) as nodes:
                for name in schemes:
                    row = results.add(rate, name, jobs.scheme(nodes, name, arguments.iterations))
                    print(f"  {rate:<9}{name:<18}{row[name] or 0:>9.1f} images/s  "
                          f"{hidden_share(row, name, alone, arguments.batch * arguments.nodes)}", flush=True)
                for name in theirs:
                    row = results.add(rate, name, jobs.ddp(nodes, name, arguments.iterations))
                    print(f"  {rate:<9}{'PyTorch ' + name:<18}{row[name] or 0:>9.1f} images/s", flush=True)


if __name__ == "__main__":
    main()
