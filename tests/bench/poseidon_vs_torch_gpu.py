#!/usr/bin/env python3
"""Training speed and memory of poseidon and of PyTorch on one GPU, in turns: forward, backward and momentum update.

Usage: tests/bench/poseidon_vs_torch_gpu.py [--rounds 3] [--nets alexnet,alexnet-owt,vgg19,googlenet,resnet-50]
                                            [--precisions fp32,tf32,bf16] [--torch eager|compile|torchvision]
                                            [--fp32-layouts channels_last,row_major] [--plan-cache DIR] [--json FILE]

Needs build/bin/poseidon with CUDA, and PyTorch. Both train on synthetic data in the GPU's memory, PyTorch with channels
last, cudnn.benchmark and, for bf16, autocast. At fp32, where there are no tensor cores to want channels last, it is measured
in both layouts, and the faster one (by the medians) counts. Its nets are made of the same files (LRN, groups and all), eager or by
torch.compile; `torchvision` takes that library's nets of the same names instead, whose AlexNet has no LRN and no groups, and
whose GoogLeNet has batch normalisation and other kernels. PyTorch's process of a net waits while poseidon's runs, a new one each
time; figures are medians over the rounds, memory is what each takes of the GPU's at its peak.
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
TORCHVISION_NAMES = {"alexnet": "alexnet", "alexnet-owt": "alexnet", "vgg19": "vgg19", "googlenet": "googlenet", "resnet-50": "resnet50"}
BATCHES = {"alexnet": 256, "alexnet-owt": 256, "vgg19": 32, "googlenet": 128, "resnet-50": 64}
DEVICE = "cuda"
ITERATIONS = 50
WARM_UP = 10
CHANNELS_LAST = "channels_last"
LAYOUTS = [CHANNELS_LAST, "row_major"]


def net_file(name):
    return os.path.join(ROOT, "config", "nets", name + ".yaml")


class TorchRun:
    """A net and its solver, in the process that `serve` runs in."""

    def __init__(self, name, kind):
        import torch
        self.torch, self.kind, self.precision, self.layout = torch, kind, None, None
        torch.backends.cudnn.benchmark = True
        self.batch = BATCHES[name]
        shape, classes = (3, 224, 224), 1000
        if kind == "torchvision":
            import torchvision
            options = {"init_weights": False} if name == "googlenet" else {}
            self.net = self.with_loss(getattr(torchvision.models, TORCHVISION_NAMES[name])(weights=None, **options)).to(DEVICE)
        else:
            from caffe_net_in_torch import CaffeNet
            self.net = CaffeNet(net_file(name)).to(DEVICE)
            shape, classes = self.net.image_shape, self.net.classes
            # which settles the lazy layers' shapes
            self.net(torch.rand(2, *shape, device=DEVICE), torch.zeros(2, dtype=torch.long, device=DEVICE))
        self.net = self.net.train()
        self.images = torch.rand(self.batch, *shape, device=DEVICE)
        self.labels = torch.randint(0, classes, (self.batch,), device=DEVICE)
        self.solver = None

    def take(self, precision, layout):
        """From now on, after some iterations in which cuDNN looks for the fastest ways, or torch.compile compiles."""
        if (precision, layout) == (self.precision, self.layout):
            return
        torch = self.torch
        self.precision, self.layout = precision, layout
        memory_format = torch.channels_last if layout == CHANNELS_LAST else torch.contiguous_format
        self.net, self.images = self.net.to(memory_format=memory_format), self.images.to(memory_format=memory_format)
        # Anew, as its momentum lies as the parameters did.
        self.solver = torch.optim.SGD(self.net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
        self.step_net = self.net
        if self.kind == "compile":
            torch._dynamo.reset()
            self.step_net = torch.compile(self.net)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        self.train(WARM_UP)

    def with_loss(self, net):
        cross_entropy = self.torch.nn.functional.cross_entropy

        class WithLoss(self.torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.net = net

            def forward(self, images, labels):
                outputs = self.net(images)
                if not hasattr(outputs, "logits"):
                    return cross_entropy(outputs, labels)
                auxiliary = cross_entropy(outputs.aux_logits1, labels) + cross_entropy(outputs.aux_logits2, labels)
                return cross_entropy(outputs.logits, labels) + 0.3 * auxiliary

        return WithLoss()

    def train(self, iterations):
        for _ in range(iterations):
            self.solver.zero_grad(set_to_none=True)
            with self.torch.autocast(DEVICE, dtype=self.torch.bfloat16, enabled=self.precision == "bf16"):
                loss = self.step_net(self.images, self.labels)
            loss.backward()
            self.solver.step()
        self.torch.cuda.synchronize()

    def measure(self):
        begin = time.perf_counter()
        self.train(ITERATIONS)
        return {"images_per_second": self.batch * ITERATIONS / (time.perf_counter() - begin),
                "layout": self.layout, "device_memory_bytes": self.torch.cuda.max_memory_allocated(), "version": self.torch.__version__,
                "device": self.torch.cuda.get_device_name()}


def serve(name, kind):
    """Reads a precision and a layout a line, and answers each with a measurement as JSON."""
    import torch  # noqa: F401  # while others are measured
    run = None
    for line in sys.stdin:
        run = run or TorchRun(name, kind)
        run.take(*line.split())
        print(json.dumps(run.measure()), flush=True)


class TorchProcess:
    def __init__(self, name, kind):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--serve", name, kind],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, precision, layout):
        print(precision, layout, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("poseidon_vs_torch_gpu: PyTorch's process ended; see above")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def poseidon_result(name, precision, plan_cache):
    command = [POSEIDON, "time", net_file(name), "--batch", str(BATCHES[name]), "--iterations", str(ITERATIONS), "--device",
               "cuda", "--precision", precision, "--json", *(["--plan-cache", plan_cache] if plan_cache else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"poseidon_vs_torch_gpu: {' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def median_speed(runs):
    return statistics.median(run["images_per_second"] for run in runs)


def compare(name, precision, arguments, torch_process):
    by_layout = {layout: [] for layout in (arguments.fp32_layouts if precision == "fp32" else [CHANNELS_LAST])}
    ours = []
    for _ in range(arguments.rounds):
        for layout, runs in by_layout.items():
            runs.append(torch_process.measure(precision, layout))
        ours.append(poseidon_result(name, precision, arguments.plan_cache))
    theirs = max(by_layout.values(), key=median_speed)
    left, right = median_speed(theirs), median_speed(ours)
    left_gb, right_gb = (max(run["device_memory_bytes"] for run in runs) / 1e9 for runs in (theirs, ours))
    print(f"{name:<12}{BATCHES[name]:>6}{precision:>10}{left:>12.0f}{right:>12.0f}{right / left:>8.2f}"
          f"{left_gb:>12.2f}{right_gb:>12.2f}", flush=True)
    return {"net": name, "precision": precision, "torch": theirs, "torch_by_layout": by_layout, "poseidon": ours}


def keep(results, path):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(results, file)


def main():
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nets", default=",".join(BATCHES))
    parser.add_argument("--precisions", default="fp32,tf32,bf16")
    parser.add_argument("--torch", choices=["eager", "compile", "torchvision"], default="eager")
    parser.add_argument("--fp32-layouts", type=lambda text: text.split(","), default=LAYOUTS, help="of PyTorch, by commas")
    parser.add_argument("--plan-cache", default="")
    parser.add_argument("--json", default="", help="where to keep all results, as they come")
    arguments = parser.parse_args()
    if not set(arguments.fp32_layouts) <= set(LAYOUTS):
        parser.error(f"--fp32-layouts: must be of {', '.join(LAYOUTS)}")
    print(f"{'net':<12}{'batch':>6}{'precision':>10}{'PyTorch/s':>12}{'poseidon/s':>12}{'ratio':>8}{'PyTorch GB':>12}"
          f"{'poseidon GB':>12}", flush=True)
    results = []
    torch_processes = {name: TorchProcess(name, arguments.torch) for name in arguments.nets.split(",")}  # they start side by side
    for name, torch_process in torch_processes.items():
        for precision in arguments.precisions.split(","):
            results.append(compare(name, precision, arguments, torch_process))
            keep(results, arguments.json)
        torch_process.close()
    last = results[-1]["torch"][0]
    print(f"{last['device']}, PyTorch {last['version']} ({arguments.torch}), {arguments.rounds} rounds, medians")


if __name__ == "__main__":
    main()
