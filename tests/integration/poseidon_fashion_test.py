"""LeNet learns Fashion-MNIST on two processes, as the quickstart trains it."""

import os
import pathlib
import unittest

from apps_support import SOURCE
from poseidon_support import PoseidonTest

SANITIZED = bool(os.environ.get("BOSEN_SANITIZE"))
FASHION_MNIST = pathlib.Path("/usr/share/datasets/fashion-mnist")


@unittest.skipUnless(FASHION_MNIST.exists(), "Debian's dataset-fashion-mnist is not installed")
@unittest.skipIf(SANITIZED, "takes minutes under a sanitizer")
class FashionMnistTest(PoseidonTest):
    def test_lenet_learns_on_two_processes_whatever_travels(self):
        data = self.folder / "fashion"
        self.succeed("data", "--from", "idx", "--images", FASHION_MNIST, "--output", data)
        # As the quickstart does, on a course of less than half the length.
        solver = (SOURCE / "config/solvers/lenet.yaml").read_text()
        for key, theirs, ours in (("max_iter", 1300, 500), ("test_interval", 500, 0)):
            self.assertIn(f"{key}: {theirs}", solver)
            solver = solver.replace(f"{key}: {theirs}", f"{key}: {ours}")
        self.solver.write_text(solver.replace("../nets/", f"{SOURCE}/config/nets/"))
        for codec in ("fp32", "1bit"):
            with self.subTest(codec=codec):
                run = self.succeed("train", self.solver, "--data", data, "--codec", codec, processes=2)
                self.assertGreaterEqual(run.last("eval")["accuracy"], 0.85)
                self.assertGreater(run.last("end")["images_per_second"], 0)


if __name__ == "__main__":
    unittest.main()
