"""`bosen sim`: an app's own program on a simulated cluster; the same bytes again; mistakes in its file."""

import filecmp
import json
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BIN = os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin"))
BOSEN = os.path.join(BIN, "bosen")
PROGRAMS = os.environ.get("BOSEN_TEST_PROGRAMS", os.path.join(BIN, "..", "test-programs"))
TIMEOUT_S = 100

SPEC = """
program: mf
flags: {generate: "60,80,4,2000", rank: 4, epochs: 2, clocks-per-epoch: 5, consistency: MODEL, staleness: 2}
nodes: 6
workers: 2
seed: 3
network: {bandwidth_mbps: 100, loss: 0.01, racks: {nodes: 3, oversubscription: 2}}
compute: {distribution: exponential, mean_ms: 5}
stragglers: [{kind: slow_node, nodes: 1, factor: 3}]
"""


class SimTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def sim(self, text, *arguments):
        path = os.path.join(self.folder, "spec.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return subprocess.run([BOSEN, "sim", path, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S)

    def results(self, name, text=SPEC.replace("MODEL", "essp"), *arguments):
        output = os.path.join(self.folder, name)
        run = self.sim(text, "--output", output, *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("mf: simulated", run.stderr)
        self.assertIn(f"mf: wrote {output}/simulation.json", run.stderr)
        return output

    def events(self, output, kind):
        with open(os.path.join(output, "metrics.jsonl"), encoding="utf-8") as file:
            return [event for event in map(json.loads, file) if event["event"] == kind]

    def happened(self, output):
        """What the metrics tell of a run, but for the configuration, which names its own folder."""
        return [{**event, "configuration": {}} for kind in ("start", "clock", "eval", "end") for event in self.events(output, kind)]

    def test_the_same_seed_gives_the_same_bytes(self):
        first, second = self.results("first"), self.results("second")
        files = sorted(name for name in os.listdir(first) if name != "metrics.jsonl")
        self.assertEqual(files, sorted(name for name in os.listdir(second) if name != "metrics.jsonl"))
        self.assertIn("users.npy", files)
        self.assertEqual(filecmp.cmpfiles(first, second, files, shallow=False), (files, [], []))
        self.assertEqual(self.happened(first), self.happened(second))

    def test_names_no_command_that_would_simulate_nothing(self):
        for flags in ([], ["--output", os.path.join(self.folder, "out")]):
            run = self.sim(SPEC.replace("MODEL", "essp"), *flags)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertNotIn("bosen run", run.stderr)

    def test_another_seed_is_another_run(self):
        first, other = self.results("first"), self.results("other", SPEC.replace("MODEL", "essp"), "--seed", "4")
        for kind, what in (("clock", "time_s"), ("eval", "rmse")):
            ours, theirs = ([event[what] for event in self.events(output, kind)] for output in (first, other))
            self.assertNotEqual(ours, theirs, f"{what} of {kind} events")

    def test_results_are_in_the_clusters_own_time(self):
        output = self.results("out")
        end = self.events(output, "end")[0]
        with open(os.path.join(output, "simulation.json"), encoding="utf-8") as file:
            simulation = json.load(file)
        self.assertEqual(simulation["workers"], 12)
        # Eleven clocks of the slow node at 15 ms each.
        self.assertGreater(end["wall_s"], 0.08)
        self.assertLess(end["wall_s"], simulation["time_s"] + 1e-6)
        self.assertEqual(end["workers"], 12)
        self.assertEqual(end["slowest"]["rank"], 1)
        self.assertGreater(end["slowest"]["times_median"], 2)
        rmse = [event["rmse"] for event in self.events(output, "eval")]
        self.assertEqual(len(rmse), 2)

    def test_reads_lag_behind_a_slow_node_as_far_as_the_model_allows(self):
        def most_stale(model, staleness):
            text = SPEC.replace("MODEL", model).replace("staleness: 2", f"staleness: {staleness}")
            end = self.events(self.results(f"{model}-{staleness}", text), "end")[0]
            return min(map(int, end["staleness_histogram"]))

        for model, staleness, expected in [("bsp", 2, 0), ("ssp", 0, 0), ("ssp", 1, -1), ("ssp", 3, -3), ("essp", 1, -1),
                                           ("essp", 3, -3)]:
            with self.subTest(model=model, staleness=staleness):
                self.assertEqual(most_stale(model, staleness), expected)
        self.assertLess(most_stale("asp", 2), -3)

    def test_an_app_that_checks_every_read(self):
        spec = f"program: {os.path.join(PROGRAMS, 'consistency_check')}\nnodes: 5\nworkers: 3\nflags: {{clocks: 12}}\n" \
               "network: {loss: 0.02}\ncompute: {distribution: pareto, mean_ms: 3, exponent: 1.5}\n"
        for model in ["bsp", "ssp", "essp", "asp"]:
            run = self.sim(spec, "--", "--consistency", model, "--staleness", "1")
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("kept the guarantee", run.stdout)

    def test_the_command_line_wins_over_the_file(self):
        output = self.results("out", SPEC.replace("MODEL", "essp"), "--", "--staleness", "5", "--rank=3", "--workers", "1")
        configuration = self.events(output, "start")[0]["configuration"]
        self.assertEqual([configuration[name] for name in ("staleness", "rank", "workers", "epochs")], [5, 3, 1, 2])
        self.assertEqual(self.events(output, "end")[0]["workers"], 6)

    def test_mistakes(self):
        def refused(text, words, code=2):
            run = self.sim(text)
            self.assertEqual(run.returncode, code, run.stderr)
            self.assertRegex(run.stderr, words)
            self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)

        refused("nodes: 3\n", "program is missing")
        refused("program: mf\ngrid: {staleness: [1]}\n", "spec.yaml:2:1: unknown key 'grid': this looks like a file for bosen sweep;")
        refused("program: mf\nnodes: 2\nnodes: 3\n", "spec.yaml:3:1: key 'nodes' is given twice: keep one")
        refused("program: poseidon\nnodes: 2\n", "spec.yaml:1:10: the program 'poseidon' does nothing without a command")
        refused("program: mf\nnodes: 0\n", r"spec.yaml:2:8: nodes: must be from 1")
        refused("program: mfx\nnodes: 2\n", "spec.yaml:1:10: cannot run 'mfx': there is no such program in PATH")
        refused("program: /bin/true\nnodes: 2\n", "spec.yaml:1:10: the program '/bin/true' is not built on bosen")
        refused("program: mf\nnodes: 2\nflags: {rank: x}\n", "--rank")
        refused("program: mf\nnodes: 2\nflags: {stalenes: 2}\n",
                "^bosen sim: .*spec.yaml:3:9: 'stalenes' is no flag of mf; did you mean 'staleness'?")
        refused("program: mf\nnodes: [2\n", "spec.yaml:")
        refused("program: mf\nnodes: 2\nflags: {generate: '20,10,2,100', monitor: 0}\n", "--monitor: a simulated job")
        crash = SPEC.replace("MODEL", "essp") + "crashes: [{node: 2, at_s: 0.02}]\n"
        run = self.sim(crash)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("rank 2 (node 2) crashed", run.stderr)

    def test_an_apps_flag_before_the_dashes(self):
        run = self.sim(SPEC, "--staleness", "8")
        self.assertEqual(run.returncode, 2)
        self.assertRegex(run.stderr, "unknown flag '--staleness'; flags of the program go after '--'")

    def test_a_missing_file(self):
        run = subprocess.run([BOSEN, "sim", "/nowhere.yaml"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 2)
        self.assertIn("cannot read '/nowhere.yaml'", run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
