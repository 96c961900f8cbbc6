"""Runs poseidon as a user would, on data made here, and reads what it leaves."""

import json
import pathlib
import random
import re
import struct
import subprocess
import zlib

from apps_support import BIN, BOSEN, TIMEOUT_S, AppTest, Run

POSEIDON = str(BIN / "poseidon")

# Small, and with everything that a snapshot has to keep: statistics, dropout, several fillers.
NET = """\
name: Small
layer:
  - {name: images, type: Data, top: [data, label], include: {phase: TRAIN}, transform_param: {scale: 0.004},
     data_param: {batch_size: 20, shape: [1, 12, 12], classes: 10}}
  - {name: images, type: Data, top: [data, label], include: {phase: TEST}, transform_param: {scale: 0.004},
     data_param: {batch_size: 50, shape: [1, 12, 12], classes: 10}}
  - {name: conv, type: Convolution, bottom: data, top: conv,
     convolution_param: {num_output: 6, kernel_size: 3, weight_filler: {type: msra}}}
  - {name: norm, type: BatchNorm, bottom: conv, top: norm}
  - {name: scale, type: Scale, bottom: norm, top: norm, scale_param: {bias_term: true}}
  - {name: relu, type: ReLU, bottom: norm, top: norm}
  - {name: pool, type: Pooling, bottom: norm, top: pool, pooling_param: {pool: MAX, kernel_size: 2, stride: 2}}
  - {name: ip1, type: InnerProduct, bottom: pool, top: ip1,
     inner_product_param: {num_output: 16, weight_filler: {type: xavier}}}
  - {name: drop, type: Dropout, bottom: ip1, top: ip1, dropout_param: {dropout_ratio: 0.3}}
  - {name: ip2, type: InnerProduct, bottom: ip1, top: ip2,
     inner_product_param: {num_output: 10, weight_filler: {type: gaussian, std: 0.1}}}
  - {name: accuracy, type: Accuracy, bottom: [ip2, label], top: accuracy, include: {phase: TEST}}
  - {name: loss, type: SoftmaxWithLoss, bottom: [ip2, label], top: loss}
"""

# The same without what depends on who sees which images: normalisation and dropout.
PLAIN_NET = "".join(line for line in NET.replace("bottom: norm, top: norm", "bottom: conv, top: norm").splitlines(True)
                    if not re.search("name: (norm|scale|drop),", line))

SOLVER = """\
net: net.yaml
base_lr: 0.05
momentum: 0.9
weight_decay: 0.0005
lr_policy: inv
gamma: 0.001
power: 0.75
max_iter: 40
test_interval: 20
test_initialization: false
display: 1
snapshot: 20
"""


def idx_images(count, seed, side=12, classes=10):
    """Noise with a bright band whose place is the class: IDX files of images and labels."""
    dice = random.Random(seed)
    dim = bytes(value // 4 for value in range(256))
    images, labels = [], []
    band = side * side // classes
    for _ in range(count):
        label = dice.randrange(classes)
        image = bytearray(dice.randbytes(side * side).translate(dim))
        image[label * band:label * band + band // 2] = b"\xc0" * (band // 2)
        images.append(bytes(image))
        labels.append(label)
    return (struct.pack(">IIII", 0x803, count, side, side) + b"".join(images),
            struct.pack(">II", 0x801, count) + bytes(labels))


def png(width, height, pixel):
    """A PNG file of one colour, red, green and blue."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(pixel) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def read_safetensors(path):
    """Name -> (shape, numbers), by the format's description alone."""
    content = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    metadata = header.pop("__metadata__", {})
    data = content[8 + length:]
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = entry["data_offsets"]
        assert entry["dtype"] == "F32" and begin == end, (name, entry)
        tensors[name] = (entry["shape"], struct.unpack(f"<{(stop - begin) // 4}f", data[begin:stop]))
        end = stop
    assert end == len(data)
    return tensors, metadata


class PoseidonTest(AppTest):
    """Every test has a folder with a solver and a net."""

    def setUp(self):
        super().setUp()
        self.net = self.write("net.yaml", NET)
        self.solver = self.write("solver.yaml", SOLVER)

    def poseidon(self, *arguments, processes=1, servers=0, **options):
        metrics = self.folder / "metrics.jsonl"
        metrics.unlink(missing_ok=True)
        launcher = [BOSEN, "run", "-n", str(processes), "--servers", str(servers), "--"] if processes > 1 else []
        train = arguments and arguments[0] == "train" and "--metrics" not in arguments
        more = ["--metrics", str(metrics)] if train else []
        command = [*launcher, POSEIDON, *map(str, arguments), *more]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **options)
        return Run(result, metrics)

    def succeed(self, *arguments, **options):
        run = self.poseidon(*arguments, **options)
        self.assertEqual(run.code, 0, f"{arguments}\n{run.stderr}")
        return run

    def refuse(self, arguments, *parts):
        """Exit code 2 and one line that says all of `parts`."""
        run = self.poseidon(*arguments)
        self.assertEqual(run.code, 2, f"{arguments}\n{run.stderr}")
        lines = [line for line in run.stderr.splitlines() if not line.startswith("poseidon train: clock ")]
        self.assertEqual(len(lines), 1, run.stderr)
        self.assertTrue(lines[0].startswith("poseidon"), run.stderr)
        for part in parts:
            self.assertIn(str(part), lines[0])

    def make_data(self, name="data", train=400, test=100, **options):
        """A data set made by `poseidon data`."""
        source = self.folder / f"{name}-idx"
        source.mkdir()
        for prefix, count, seed in [("train", train, 1), ("t10k", test, 2)]:
            images, labels = idx_images(count, seed, **options)
            (source / f"{prefix}-images-idx3-ubyte").write_bytes(images)
            (source / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)
        self.succeed("data", "--from", "idx", "--images", source, "--output", self.folder / name)
        return self.folder / name
