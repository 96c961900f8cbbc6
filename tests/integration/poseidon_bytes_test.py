"""What travels for each layer is what the cost model says, plus framing: by every scheme, on two and four processes,
and however many workers a process has."""

import json
import unittest

from apps_support import SOURCE
from poseidon_support import PoseidonTest

TOLERANCE = 0.03
# What each of LeNet's layers takes: convolutions have no factors.
SCHEMES = {"ps": ["ps", "ps", "ps", "ps"], "sfb": ["ps", "ps", "sfb", "sfb"]}


class BytesTest(PoseidonTest):
    def layers(self, scheme, processes, workers=1, codec="fp32"):
        output = self.folder / f"{scheme}-{codec}-{processes}-{workers}"
        self.solver.write_text(f"net: {SOURCE}/config/nets/lenet.yaml\nbase_lr: 0.001\nmax_iter: 10\ntest_iter: 1\n"
                               "display: 0\nsnapshot_after_train: false\n")
        self.succeed("train", self.solver, "--data", "synthetic", "--batch", 8, "--scheme", scheme, "--codec", codec,
                     "--output", output, "--workers", workers, processes=processes)
        return json.loads((output / "layers.json").read_text())["layers"]

    def expect_what_the_model_predicts(self, layers):
        self.assertEqual([layer["layer"] for layer in layers], ["conv1", "conv2", "ip1", "ip2"])
        for layer in layers:
            with self.subTest(layer=layer["layer"]):
                predicted = layer["predicted_bytes"]
                content = layer["measured_bytes"] - layer["framing_bytes"]
                self.assertGreater(layer["framing_bytes"], 0, layer)
                self.assertLessEqual(abs(content - predicted), TOLERANCE * predicted, layer)

    def test_every_layer_costs_what_the_model_predicts(self):
        for scheme in ("ps", "sfb", "auto"):
            for processes in (2, 4):
                with self.subTest(scheme=scheme, processes=processes):
                    layers = self.layers(scheme, processes)
                    self.expect_what_the_model_predicts(layers)
                    if scheme != "auto":
                        self.assertEqual([layer["scheme"] for layer in layers], SCHEMES[scheme])

    def test_every_codec_costs_what_the_model_predicts(self):
        floats = {scheme: self.layers(scheme, processes=2) for scheme in ("ps", "sfb")}
        for codec, scheme, share in (("bf16", "ps", 1 / 2), ("bf16", "sfb", 1 / 2), ("4bit", "ps", 33 / 256), ("1bit", "ps", 9 / 256)):
            with self.subTest(codec=codec, scheme=scheme):
                layers = self.layers(scheme, processes=2, codec=codec)
                self.expect_what_the_model_predicts(layers)
                self.assertEqual([layer["codec"] for layer in layers], ["fp32", codec, codec, codec])  # conv1 is small
                for layer, whole in zip(layers[1:], floats[scheme][1:]):
                    self.assertAlmostEqual(layer["predicted_bytes"] / whole["predicted_bytes"], share, delta=0.004)

    def test_a_process_sends_the_sum_of_its_workers_gradients(self):
        alone = self.layers("ps", processes=2)
        three = self.layers("ps", processes=2, workers=3)
        self.expect_what_the_model_predicts(three)
        self.assertEqual([layer["predicted_bytes"] for layer in three], [layer["predicted_bytes"] for layer in alone])

    def test_the_table_tells_framing_apart(self):
        run = self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 2, processes=2)
        self.assertRegex(run.stderr, "layer +scheme +codec +predicted +measured +framing\n")

    def test_there_is_no_table_where_nothing_travels(self):
        run = self.succeed("train", self.solver, "--data", "synthetic", "--clocks", 2, "--workers", 2)
        self.assertNotIn("megabytes", run.stderr)


if __name__ == "__main__":
    unittest.main()
