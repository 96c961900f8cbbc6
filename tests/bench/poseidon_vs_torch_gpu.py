#!/usr/bin/env python3
"""Training speed and memory of poseidon and of PyTorch on one GPU, in turns: forward, backward and momentum update.

Usage: tests/bench/poseidon_vs_torch_gpu.py [--rounds 3] [--nets alexnet,vgg19,googlenet,resnet-50]
                                            [--precisions fp32,tf32,bf16] [--compile] [--plan-cache DIR]

Needs build/bin/poseidon with CUDA, and PyTorch with torchvision. Both train on synthetic data in the GPU's memory;
PyTorch's nets are torchvision's with channels last (bf16: autocast), eager or, with --compile, by torch.compile; poseidon's
AlexNet is Caffe's, which has LRN and groups besides. The runs alternate, and each is a process of its own, so that neither
has the other's memory; figures are medians over the rounds.
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
TORCHVISION_NAMES = {"alexnet": "alexnet", "vgg19": "vgg19", "googlenet": "googlenet", "resnet-50": "resnet50"}
BATCHES = {"alexnet": 256, "vgg19": 32, "googlenet": 128, "resnet-50": 64}
ITERATIONS = 50
WARM_UP = 10


def run_torch(name, precision, compiled):
    """In a process of its own: prints images/s and bytes as JSON."""
    import torch
    import torchvision

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "fp32"
    torch.backends.cudnn.benchmark = True
    options = {"init_weights": False} if name == "googlenet" else {}
    net = getattr(torchvision.models, TORCHVISION_NAMES[name])(weights=None, **options).cuda().train()
    net = net.to(memory_format=torch.channels_last)
    if compiled:
        net = torch.compile(net)
    batch = BATCHES[name]
    images = torch.rand(batch, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device="cuda")
    loss = torch.nn.CrossEntropyLoss()
    solver = torch.optim.SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def total(outputs):
        if not hasattr(outputs, "logits"):
            return loss(outputs, labels)
        return loss(outputs.logits, labels) + 0.3 * (loss(outputs.aux_logits1, labels) + loss(outputs.aux_logits2, labels))

    def train(iterations):
        for _ in range(iterations):
            solver.zero_grad(set_to_none=True)
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bf16"):
                value = total(net(images))
            value.backward()
            solver.step()
        torch.cuda.synchronize()

    train(WARM_UP)
    begin = time.perf_counter()
    train(ITERATIONS)
    print(json.dumps({"images_per_second": batch * ITERATIONS / (time.perf_counter() - begin),
                      "device_memory_bytes": torch.cuda.max_memory_allocated(), "version": torch.__version__,
                      "device": torch.cuda.get_device_name()}))


def result_of(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"poseidon_vs_torch_gpu: {' '.join(command)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def torch_result(name, precision, compiled):
    return result_of([sys.executable, os.path.abspath(__file__), "--one", name, precision, str(int(compiled))])


def poseidon_result(name, precision, plan_cache):
    command = [POSEIDON, "time", os.path.join(ROOT, "config", "nets", name + ".yaml"), "--batch", str(BATCHES[name]),
               "--iterations", str(ITERATIONS), "--device", "cuda", "--precision", precision, "--json"]
    return result_of(command + (["--plan-cache", plan_cache] if plan_cache else []))


def compare(name, precision, arguments):
    theirs, ours = [], []
    for _ in range(arguments.rounds):
        theirs.append(torch_result(name, precision, arguments.compile))
        ours.append(poseidon_result(name, precision, arguments.plan_cache))
    left, right = (statistics.median(run["images_per_second"] for run in runs) for runs in (theirs, ours))
    left_gb, right_gb = (max(run["device_memory_bytes"] for run in runs) / 1e9 for runs in (theirs, ours))
    print(f"{name:<12}{BATCHES[name]:>6}{precision:>10}{left:>12.0f}{right:>12.0f}{right / left:>8.2f}"
          f"{left_gb:>12.2f}{right_gb:>12.2f}", flush=True)
    return theirs[0]


def main():
    if sys.argv[1:2] == ["--one"]:
        run_torch(sys.argv[2], sys.argv[3], sys.argv[4] == "1")
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nets", default=",".join(BATCHES))
    parser.add_argument("--precisions", default="fp32,tf32,bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--plan-cache", default="")
    arguments = parser.parse_args()
    try:
        import torch
        import torchvision
    except ImportError as error:
        sys.exit(f"poseidon_vs_torch_gpu: {error}: needs PyTorch with torchvision")
    if not torch.cuda.is_available():
        sys.exit("poseidon_vs_torch_gpu: PyTorch finds no GPU here")
    print(f"{'net':<12}{'batch':>6}{'precision':>10}{'PyTorch/s':>12}{'poseidon/s':>12}{'ratio':>8}{'PyTorch GB':>12}"
          f"{'poseidon GB':>12}")
    last = None
    for name in arguments.nets.split(","):
        for precision in arguments.precisions.split(","):
            last = compare(name, precision, arguments)
    print(f"{last['device']}, PyTorch {last['version']}, torchvision {torchvision.__version__}, "
          f"{arguments.rounds} rounds, medians")


if __name__ == "__main__":
    main()
