"""Runs the apps as a user would, and reads what they leave."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ.get("BOSEN_BIN", pathlib.Path(__file__).parents[2] / "build" / "bin"))
SOURCE = pathlib.Path(os.environ.get("BOSEN_SOURCE", pathlib.Path(__file__).parents[2]))
BOSEN = str(BIN / "bosen")
TIMEOUT_S = 90  # less than ctest's, so that what a run has said is shown


class Run:
    """An app that has ended."""

    def __init__(self, result, metrics):
        self.code = result.returncode
        self.stdout = result.stdout
        self.stderr = result.stderr
        self.events = []
        if metrics.exists():
            self.events = [json.loads(line) for line in metrics.read_text().splitlines()]

    def of_kind(self, event):
        return [each for each in self.events if each["event"] == event]

    def last(self, event):
        return self.of_kind(event)[-1]


class AppTest(unittest.TestCase):
    """Every test has a folder of its own, with nothing in it."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bosen-apps-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    def run_app(self, app, *flags, processes=1, servers=0, cwd=None):
        """One process runs without a launcher, several under bosen run."""
        launcher = []
        if processes + servers > 1:
            launcher = [BOSEN, "run", "-n", str(processes), "--servers", str(servers), "--"]
        metrics = self.folder / "metrics.jsonl"
        metrics.unlink(missing_ok=True)
        command = [*launcher, str(BIN / app), *map(str, flags), "--metrics", str(metrics)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=cwd)
        return Run(result, metrics)

    def train(self, app, *flags, **options):
        run = self.run_app(app, *flags, **options)
        self.assertEqual(run.code, 0, f"{app} {flags}\n{run.stderr}")
        return run

    def assert_refuses(self, app, flags, *parts):
        """Exit code 2 and one line that says all of `parts`."""
        run = self.run_app(app, *flags)
        self.assertEqual(run.code, 2, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        self.assertTrue(run.stderr.startswith(f"{app}: "), run.stderr)
        for part in parts:
            self.assertIn(str(part), run.stderr)

    def assert_prints_its_end(self, run):
        """One JSON object on stdout and nothing else: the metrics' last event."""
        self.assertEqual(len(run.stdout.splitlines()), 1, run.stdout)
        self.assertEqual(json.loads(run.stdout), run.last("end"))
