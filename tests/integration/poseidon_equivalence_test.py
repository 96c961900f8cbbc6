"""Several workers learn what one learns: LeNet's losses under bsp, by every scheme, in one process and in two."""

import os
import pathlib
import unittest

from apps_support import SOURCE
from poseidon_support import PoseidonTest

SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")
ITERATIONS = 100
TOLERANCE = 1e-4
# Before rounding has had time to grow, where only a mistake could tell runs apart.
FIRST = 10
TOLERANCE_FIRST = 1e-6


@unittest.skipUnless(FASHION_MNIST.exists(), "Debian's dataset-fashion-mnist is not installed")
@unittest.skipIf(SANITIZED, "takes minutes under a sanitizer")
class EquivalenceTest(PoseidonTest):
    def losses(self, *flags, **options):
        run = self.succeed("train", self.solver, "--data", self.data, "--clocks", ITERATIONS, *flags, **options)
        return [each["loss"] for each in run.of_kind("eval") if "learning_rate" in each]

    def test_losses_are_the_same_to_rounding(self):
        self.data = self.folder / "fashion"
        self.succeed("data", "--from", "idx", "--images", FASHION_MNIST, "--output", self.data)
        # A larger rate makes one maximum that tips over by rounding count for more than the tolerance, on a processor
        # that rounds so (docs/design/poseidon.md).
        self.solver.write_text(f"net: {SOURCE}/config/nets/lenet.yaml\nbase_lr: 0.0001\nmomentum: 0.9\n"
                               "weight_decay: 0.0005\nmax_iter: 100\ntest_iter: 1\ndisplay: 1\n")
        expected = self.losses("--batch", 64)
        self.assertEqual(len(expected), ITERATIONS)
        self.assertLess(expected[-1], 0.9 * expected[0])
        for scheme in ("ps", "sfb", "auto"):
            for processes, workers in ((1, 2), (2, 1)):
                with self.subTest(scheme=scheme, processes=processes):
                    ours = self.losses("--batch", 32, "--workers", workers, "--scheme", scheme, processes=processes)
                    differences = [abs(a - b) / b for a, b in zip(ours, expected, strict=True)]
                    self.assertLess(max(differences[:FIRST]), TOLERANCE_FIRST)
                    self.assertLess(max(differences), TOLERANCE)


if __name__ == "__main__":
    unittest.main()
