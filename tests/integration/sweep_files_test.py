"""The files in config/sweeps: all of them are sound, and a small part of each kind runs."""

import filecmp
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOSEN = os.path.join(os.environ.get("BOSEN_BIN", ROOT / "build" / "bin"), "bosen")
SWEEPS = sorted((ROOT / "config" / "sweeps").glob("*.yaml"))
TIMEOUT_S = 100


class SweepFilesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def bosen(self, *arguments):
        run = subprocess.run([BOSEN, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run

    def smaller(self, path, *changes):
        """A copy of the file in which each pattern, which must occur, stands for something less."""
        text = path.read_text(encoding="utf-8")
        for pattern, less in changes:
            self.assertRegex(text, pattern)
            text = re.sub(pattern, less, text)
        copy = self.folder / path.name
        copy.write_text(text, encoding="utf-8")
        return copy

    def test_every_sweep_is_sound(self):
        sweeps = [path for path in SWEEPS if re.search(r"^grid:", path.read_text(encoding="utf-8"), re.MULTILINE)]
        self.assertGreater(len(sweeps), 2)
        for path in sweeps:
            with self.subTest(path=path.name):
                run = self.bosen("sweep", path, "--dry-run", "--output", self.folder / "out")
                self.assertRegex(run.stderr, r"\d+ runs, 0 of them done; nothing was started")
                self.assertIn(f"bosen sweep config/sweeps/{path.name}", path.read_text(encoding="utf-8"))

    def test_a_small_part_of_every_sweep_runs(self):
        for path in SWEEPS:
            if path.name == "mf-256.yaml":
                continue
            with self.subTest(path=path.name):
                output = self.folder / path.stem
                copy = self.smaller(path, (r"943,1682,20,100000", "60,80,4,1500"), (r"rank: 20", "rank: 2"), (r"epochs: \d+", "epochs: 2"),
                                    (r"nodes: 12", "nodes: 9"), (r"staleness: \[.*\]", "staleness: [1]"), (r"seeds: \[.*\]", "seeds: [1]"),
                                    (r"at_most: .*}", "at_most: 10}"))
                run = self.bosen("sweep", copy, "--output", output)
                self.assertIn("staleness 1", (output / "results.csv").read_text() + run.stderr)
                self.assertNotIn("failed", run.stderr)

    def test_mf_256_gives_the_same_bytes_twice(self):
        copy = self.smaller(ROOT / "config" / "sweeps" / "mf-256.yaml", (r"clocks: 20", "clocks: 2"), (r"100000", "5000"),
                            (r"rank: 20", "rank: 4"), (r"nodes: 256", "nodes: 40"), (r"servers: 16", "servers: 4"),
                            (r"racks: {nodes: 32", "racks: {nodes: 11"))
        for name in ("first", "second"):
            self.bosen("sim", copy, "--output", self.folder / name)
        files = sorted(os.listdir(self.folder / "first"))
        self.assertIn("simulation.json", files)
        _, different, errors = filecmp.cmpfiles(self.folder / "first", self.folder / "second", files, shallow=False)
        self.assertEqual((different, errors), (["metrics.jsonl"], []), "the metrics name their own folder")
        first, second = ((self.folder / name / "metrics.jsonl").read_text().replace(f"/{name}", "") for name in ("first", "second"))
        self.assertEqual(first, second)


if __name__ == "__main__":
    unittest.main(verbosity=1)
