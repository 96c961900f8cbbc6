"""`bosen sweep`: simulated and real runs, going on after an interruption, the report, mistakes."""

import csv
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BOSEN = os.path.join(os.environ.get("BOSEN_BIN", os.path.join(ROOT, "build", "bin")), "bosen")
TIMEOUT_S = 100

SIMULATED = """
program: mf
flags: {generate: "60,80,4,2000", rank: 4, epochs: 3, clocks-per-epoch: 5}
cluster: {nodes: 3, compute: {distribution: exponential, mean_ms: 5}}
grid:
  staleness: [0, 3]
  slow: {nobody: {}, one node: {cluster.stragglers: [{kind: slow_node, nodes: 1, factor: 4}]}}
seeds: [1, 2]
target: {measure: rmse, at_most: 1.5}
"""
REAL = """
program: mf
flags: {generate: "60,80,4,2000", rank: 4, epochs: 2}
grid: {processes: [1, 2], staleness: [0]}
"""


def has_matplotlib():
    return subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0


class SweepTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.output = os.path.join(self.folder, "out")

    def command(self, text, *arguments):
        path = os.path.join(self.folder, "spec.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return [BOSEN, "sweep", path, "--output", self.output, *arguments]

    def sweep(self, text, *arguments):
        return subprocess.run(self.command(text, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S)

    def summary(self):
        with open(os.path.join(self.output, "summary.json"), encoding="utf-8") as file:
            return json.load(file)

    def examples(self):
        """A file of two classes that are easy to tell apart."""
        path = pathlib.Path(self.folder, "examples.svm")
        path.write_text("".join(f"{i % 2} 1:{i % 2} 2:{i % 7}\n" for i in range(60)))
        return path

    def written(self):
        """When the metrics of each run were written last."""
        metrics = pathlib.Path(self.output, "runs").glob("*/metrics.jsonl")
        return {path.parent.name: path.stat().st_mtime_ns for path in metrics}

    def has_ended(self, run):
        with open(os.path.join(self.output, "runs", run, "metrics.jsonl"), encoding="utf-8") as file:
            return any(json.loads(line)["event"] == "end" for line in file if line.endswith("\n"))

    def test_one_sweep_at_a_time_writes_to_a_folder(self):
        os.mkdir(self.output)
        with open(os.path.join(self.output, ".lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            run = self.sweep(SIMULATED)
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn(f"another job writes to '{self.output}': wait for its end", run.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.output, "spec.yaml")))

    def test_simulated_runs(self):
        run = self.sweep(SIMULATED)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("8/8", run.stderr)
        self.assertRegex(run.stderr, r"With slow nobody: staleness \d was fastest to reach rmse of at most 1.5")
        summary = self.summary()
        self.assertEqual([r["status"] for r in summary["runs"]], ["done"] * 8)
        self.assertEqual(len(summary["settings"]), 4)
        with open(os.path.join(self.output, "results.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 8 * 3)
        self.assertEqual(set(rows[0]), {"run", "staleness", "slow", "seed", "status", "clock", "time_s", "rmse", "train_rmse"})
        written = self.written()
        self.assertEqual(len(written), 8)
        again = self.sweep(SIMULATED)
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertNotIn("8/8", again.stderr)
        self.assertEqual(self.summary(), summary)
        self.assertEqual(self.written(), written, "nothing is repeated")

    def test_the_report_needs_no_network(self):
        run = self.sweep(SIMULATED)
        if not has_matplotlib():
            self.assertIn("python3-matplotlib", run.stderr)
            self.skipTest("python3-matplotlib is not installed")
        with open(os.path.join(self.output, "report.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertEqual(page.count("<svg"), 6)
        for word in ("src=", "<script", "<link"):
            self.assertNotIn(word, page)
        figures = sorted(os.listdir(os.path.join(self.output, "figures")))
        self.assertEqual(len(figures), 12, figures)

    @unittest.skipUnless(has_matplotlib(), "no matplotlib")
    def test_names_of_the_report_are_no_formulas(self):
        run = self.sweep(REAL.split("grid:")[0] + "grid: {price: {'$\\none$ <5>': {}}}\n")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("report.html and", run.stderr)
        page = pathlib.Path(self.output, "report.html").read_text(encoding="utf-8")
        self.assertIn("price $\\none$ &lt;5&gt;", page)
        self.assertNotIn("<5>", page)

    @unittest.skipUnless(has_matplotlib(), "no matplotlib")
    def test_says_why_there_is_no_report(self):
        pathlib.Path(self.output, "report.html").mkdir(parents=True)
        run = self.sweep(REAL)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stderr, r"bosen sweep: no report: IsADirectoryError: .*report.html' \(all of it in .*/report.log\)")

    def test_the_report_shows_what_diverged_and_who_did_not_get_there(self):
        if not has_matplotlib():
            self.skipTest("python3-matplotlib is not installed")
        run = self.sweep(REAL.replace("processes: [1, 2]", "learning-rate: [0.05, 2]") + "seeds: [1, 2]\n")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("learning-rate 2 diverged", run.stderr)
        with open(os.path.join(self.output, "results.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["status"] for row in rows if row["learning-rate"] == "0.05"}, {"done"})
        summary = self.summary()
        summary["target"] = {"value": 1.0, "at_least": False}
        summary["settings"][0]["reached"] = 1
        with open(os.path.join(self.output, "summary.json"), "w", encoding="utf-8") as file:
            json.dump(summary, file)
        # A run that measured something before it diverged.
        with open(os.path.join(self.output, "results.csv"), "a", encoding="utf-8") as file:
            file.write("3,2,0,1,diverged,1,0.001,1.5,1.5\n3,2,0,1,diverged,2,0.002,1e30,1e30\n3,2,0,1,diverged,3,0.003,nan,nan\n")
        script = os.path.join(ROOT, "scripts", "sweep_report.py")
        subprocess.run(["/usr/bin/python3", script, self.output], check=True, timeout=TIMEOUT_S)
        with open(os.path.join(self.output, "report.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertIn("learning-rate 2, diverged", page)
        self.assertRegex(page, r"<td>[\d.]+[^<]* \(1 of 2\)</td>")
        self.assertIn(">1 of 2<", page.replace("\n", ""), "on the bar")

    def test_real_processes(self):
        run = self.sweep(REAL)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual([r["labels"]["processes"] for r in self.summary()["runs"]], ["1", "2"])
        self.assertGreater(self.summary()["runs"][1]["bytes_sent"], 0)

    def test_servers_and_a_target_that_grows(self):
        run = self.sweep("program: mlr\nprocesses: 2\nservers: 1\nparallel: 2\n"
                         f"flags: {{data: {self.examples()}, test: {self.examples()}, epochs: 2}}\n"
                         "grid: {staleness: [0, 1]}\ntarget: {measure: accuracy, at_least: 0.75}\n")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stderr, r"taleness \d was fastest to reach accuracy of at least 0.75")
        for path in pathlib.Path(self.output, "runs").glob("*/metrics.jsonl"):
            start = json.loads(path.read_text().splitlines()[0])
            self.assertEqual((start["ranks"], start["configuration"]["servers"]), (3, 1))

    def test_a_dry_run_starts_nothing(self):
        run = self.sweep(SIMULATED, "--dry-run")
        self.assertEqual(run.returncode, 0)
        self.assertIn("staleness 3, slow one node, seed 2", run.stdout)
        self.assertFalse(os.path.exists(self.output))

    def test_goes_on_from_the_copy_of_its_file(self):
        first = self.sweep(REAL)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("2/2", first.stderr)
        written = self.written()
        saved = os.path.join(self.output, "spec.yaml")
        run = subprocess.run([BOSEN, "sweep", saved, "--output", self.output], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertNotIn("2/2", run.stderr)
        self.assertEqual(self.written(), written, "nothing is repeated")
        with open(saved, encoding="utf-8") as file:
            self.assertEqual(file.read(), REAL)

    def test_results_of_another_sweep_are_kept(self):
        self.assertEqual(self.sweep(REAL).returncode, 0)
        summary = self.summary()
        for other in (REAL.replace("rank: 4", "rank: 3"), REAL.replace("[1, 2]", "[1]")):
            run = self.sweep(other)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertRegex(run.stderr, r"^bosen sweep: '.*/out' has results of another sweep, as in .*: name another folder with --output")
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        self.assertEqual(self.summary(), summary)
        written = self.written()
        more = self.sweep(REAL.replace("[1, 2]", "[1, 2, 3]") + "target: {measure: rmse, at_most: 9}\n")
        self.assertEqual(more.returncode, 0, more.stderr)
        self.assertIn("3/3", more.stderr)
        self.assertEqual({**self.written(), **written}, self.written(), "what is done is not repeated")
        self.assertEqual(len(self.written()), 3)

    def test_damaged_metrics_keep_back_one_run_alone(self):
        self.assertEqual(self.sweep(REAL).returncode, 0)
        folder = os.path.join(self.output, "runs", "0001")
        metrics = os.path.join(folder, "metrics.jsonl")
        with open(metrics, encoding="utf-8") as file:
            lines = file.readlines()
        with open(metrics, "w", encoding="utf-8") as file:
            file.writelines(lines[:-1])
        run = self.sweep(REAL)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("0001/metrics.jsonl' is damaged or incomplete: remove its folder and call the sweep again", run.stderr)
        self.assertIn("processes 1 failed", run.stderr)
        self.assertEqual([r["status"] for r in self.summary()["runs"]], ["failed", "done"])
        shutil.rmtree(folder)
        run = self.sweep(REAL)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual([r["status"] for r in self.summary()["runs"]], ["done", "done"])

    def test_an_interrupted_sweep_goes_on(self):
        slow = SIMULATED.replace("epochs: 3", "epochs: 60")
        with subprocess.Popen(self.command(slow, "--parallel", "1"), stderr=subprocess.PIPE, text=True) as job:
            for line in job.stderr:
                if "2/8" in line:
                    job.send_signal(signal.SIGTERM)
                    break
            rest = job.stderr.read()
            self.assertEqual(job.wait(timeout=TIMEOUT_S), 128 + signal.SIGTERM)
        self.assertIn("goes on where it was", rest)
        finished = {run: time for run, time in self.written().items() if self.has_ended(run)}
        self.assertGreaterEqual(len(finished), 2)
        runs = pathlib.Path(self.output, "runs")
        for folder in runs.iterdir():
            if folder.name not in finished:
                (folder / "left.txt").touch()
        run = self.sweep(slow)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual({**self.written(), **finished}, self.written(), "what is done is not repeated")
        self.assertEqual(list(runs.glob("*/left.txt")), [], "a run that was stopped begins in an empty folder")
        self.assertIn("8/8", run.stderr)

    def test_a_second_interrupt_kills_runs_that_take_no_notice_of_the_first(self):
        fifo = os.path.join(self.folder, "fifo")
        os.mkfifo(fifo)
        program = pathlib.Path(self.folder, "stubborn")
        program.write_text("#!/bin/sh\n"
                           "case $1 in --help) echo '  --consistency'; echo '  --staleness'; exit ;; esac\n"
                           f"exec >{fifo}; trap 'echo no' INT; echo up; while :; do sleep 1000; done\n")
        program.chmod(0o755)
        command = self.command(f"program: {program}\ngrid: {{staleness: [1]}}\n")
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as job, open(fifo, encoding="utf-8") as says:
            self.assertEqual(says.readline(), "up\n")
            job.send_signal(signal.SIGINT)
            self.assertEqual(says.readline(), "no\n")
            job.send_signal(signal.SIGTERM)
            try:
                self.assertEqual(job.wait(timeout=TIMEOUT_S), 128 + signal.SIGINT, "the first one stopped it")
            finally:
                job.kill()

    def test_help_names_its_exit_codes(self):
        run = subprocess.run([BOSEN, "sweep", "--help"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("Exit code: 0; 1 where a run failed, or none reports the target's measure; 128+n where signal n stopped it.",
                      " ".join(run.stdout.split()))

    def test_mistakes(self):
        def refused(text, words):
            run = self.sweep(text)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertRegex(run.stderr, words)
            self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
            self.assertFalse(os.path.exists(self.output))

        refused("program: mf\n", "spec.yaml:1:1: grid: must name what is varied")
        refused("program: mf\nnodes: 2\n", "spec.yaml:2:1: unknown key 'nodes': this looks like a file for bosen sim;")
        refused("program: poseidon\ngrid: {staleness: [1]}\n", "spec.yaml:1:10: the program 'poseidon' does nothing without a command")
        refused(REAL + "target: {measure: rmse, at_mots: 3}\n", "unknown key 'target.at_mots'; did you mean 'at_most'")
        refused(SIMULATED.replace("nodes: 3,", "nodes: 3, network: {bandwith_mbps: 10},"),
                r"spec.yaml:4:31: unknown key 'network.bandwith_mbps'; did you mean 'bandwidth_mbps'")
        refused(SIMULATED.replace("nodes: 3,", "nodes: 3, flags: {rank: 3},"), "spec.yaml:4:28: cluster.flags: stands beside")
        refused(SIMULATED.replace("{kind: slow_node", "{kind: slow_nod"), "spec.yaml:7:[0-9]+: stragglers.kind: must be")
        refused("program: mf\nflags: 3\ngrid: {staleness: [1]}\n", "spec.yaml:2:8: flags: must be names")
        refused("program: mf\nflags: [rank, 3]\ngrid: {staleness: [1]}\n", "spec.yaml:2:8: flags: must be names")
        refused("program: mf\nflags: {rnak: 3}\ngrid: {staleness: [1]}\n", "'rnak' is no flag of mf; did you mean 'rank'?")
        refused("program: mf\ngrid: {stalness: [1]}\n", "spec.yaml:2:.*'stalness' is no flag of mf; did you mean 'staleness'?")
        refused("program: mfx\ngrid: {staleness: [1]}\n", "spec.yaml:1:10: cannot run 'mfx'")
        refused("program: /bin/true\ngrid: {staleness: [1]}\n", "spec.yaml:1:10: the program '/bin/true' is not built on bosen")
        refused(REAL.replace("rank: 4", "rank: 4, metrics: m.jsonl"), "metrics: every run keeps them in its own folder")
        refused(REAL + "seeds: [1, 2, 1]\n", "seeds: 1 stands there twice")
        run = self.sweep(REAL + "target: {measure: rsme, at_most: 3}\n")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertRegex(run.stderr, "no run reports 'rsme', which the target names; they report .*rmse")
        self.output += "-many"
        run = self.sweep(REAL.replace("rank: 4", "rank: many"))
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("failed: mf: --rank", run.stderr)
        self.assertIn("2 runs failed", run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
