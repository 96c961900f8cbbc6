"""What poseidon train writes: into whose folder, where the disk is full, where nothing can be written, and what it
says when it is stopped."""

import contextlib
import fcntl
import json
import re
import resource
import signal
import subprocess
import unittest

from apps_support import BOSEN, TIMEOUT_S
from poseidon_support import POSEIDON, SOLVER, PoseidonTest, read_safetensors


class OutputTest(PoseidonTest):
    def setUp(self):
        super().setUp()
        self.data = self.make_data()

    def train(self, output, *flags):
        return self.succeed("train", self.solver, "--data", self.data, "--output", self.folder / output, *flags)

    def snapshots(self, output):
        return self.folder / output / "snapshots"

    def test_an_earlier_run_is_neither_overwritten_nor_mixed_with_another(self):
        output = self.folder / "out"
        metrics = output / "metrics.jsonl"
        command = ["train", self.solver, "--data", self.data, "--output", output, "--metrics", metrics]
        self.succeed(*command, "--clocks", 30)
        kept = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
        snapshots = output / "snapshots"
        for more in ([], ["--clocks", 5], ["--weights", snapshots]):
            self.refuse([*command, *more], f"{snapshots} has an earlier run's snapshots, up to iter_30",
                        f"--resume {snapshots}", "--output", "remove")
        run = self.poseidon(*command, processes=2)
        self.assertEqual(run.code, 2, run.stderr)
        self.assertIn(f"[0] poseidon train: {snapshots} has an earlier run's snapshots", run.stderr)
        self.assertEqual(kept, {path: path.read_bytes() for path in output.rglob("*") if path.is_file()})
        self.succeed(*command, "--resume", snapshots)
        self.assertEqual(json.loads(metrics.read_text().splitlines()[-1])["clocks"], 10)
        # A run without snapshots, in the folder of the solver's snapshot_prefix, has nothing to mix.
        self.solver.write_text(SOLVER.replace("snapshot: 20", "snapshot: 0") +
                               f"snapshot_after_train: false\nsnapshot_prefix: {snapshots}\n")
        self.succeed("train", self.solver, "--data", self.data, "--clocks", 3)

    def test_one_training_at_a_time_writes_to_the_folder_of_snapshot_prefix(self):
        snapshots = self.folder / "snapshots"
        snapshots.mkdir()
        self.solver.write_text(SOLVER + f"snapshot_prefix: {snapshots}\n")
        with (snapshots / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refuse(["train", self.solver, "--data", self.data], f"another job writes to '{snapshots}'",
                        "--output, or by snapshot_prefix")
        self.succeed("train", self.solver, "--data", self.data, "--clocks", 3)

    def test_two_processes_of_one_training_share_its_folder(self):
        run = self.succeed("train", self.solver, "--data", self.data, "--output", self.folder / "out", "--clocks", 25,
                           processes=2)
        self.assertIn("iter_25 (snapshot)", run.stderr)
        self.assertEqual(sorted(each.name for each in self.snapshots("out").iterdir()), ["iter_20", "iter_25"])

    def test_snapshots_without_a_folder_are_missed_before_training(self):
        command = ["train", self.solver, "--data", "synthetic"]
        said = "nothing names a folder for the snapshots of every 20 iterations, so none is kept: add --output results"
        run = self.succeed(*command)
        self.assertEqual(run.stderr.splitlines()[0], f"poseidon train: {said}")
        for enough in (["--clocks", 20], ["--output", self.folder / "out"]):
            self.assertNotIn("nothing names a folder", self.succeed(*command, *enough).stderr)

    def test_what_cannot_be_written_is_known_before_training(self):
        for flags, solver, path, mend in (
                ([], SOLVER + "snapshot_prefix: /proc/snapshots\n", "/proc/snapshots", "snapshot_prefix"),
                (["--trace", "/proc/trace.json"], SOLVER, "/proc/trace.json", "--trace")):
            self.solver.write_text(solver)
            run = self.poseidon("train", self.solver, "--data", "synthetic", *flags)
            self.assertEqual(run.code, 2, run.stderr)
            self.assertNotIn("clock", run.stderr)
            self.assertIn(f"cannot write {path}", run.stderr)
            self.assertIn(mend, run.stderr)

    def test_a_trace_in_no_folder_is_refused_and_no_folder_made(self):
        trace = self.folder / "nowhere" / "trace.json"
        self.refuse(["train", self.solver, "--data", "synthetic", "--trace", trace], f"cannot write {trace}: No such file",
                    "--trace")
        self.assertFalse(trace.parent.exists())

    def test_a_timeline_that_cannot_be_written_costs_no_result(self):
        output = self.folder / "out"
        run = self.poseidon("train", self.solver, "--data", self.data, "--output", output, "--trace", "/dev/full")
        self.assertEqual(run.code, 2, run.stderr)
        lines = run.stderr.splitlines()
        self.assertRegex(run.stderr, r"clock 40/40 100%.* accuracy ")
        self.assertIn(f"poseidon train: wrote {output}/snapshots/iter_40 (snapshot)", lines)
        self.assertEqual(lines[-1], "poseidon train: cannot write /dev/full: No space left on device; training is complete, "
                                    "--trace has no timeline of it")
        self.assertNotIn("(timeline)", run.stderr)

    def test_a_full_disk_costs_no_snapshot_and_no_training(self):
        self.train("out", "--clocks", 20)
        kept = read_safetensors(self.snapshots("out") / "iter_20" / "weights.safetensors")

        def no_large_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

        self.solver.write_text(SOLVER.replace("display: 1", "display: 0").replace("snapshot: 20", "snapshot: 30"))
        run = self.poseidon("train", self.solver, "--data", self.data, "--output", self.folder / "out", "--resume",
                            self.snapshots("out"), preexec_fn=no_large_files, restore_signals=False)
        self.assertEqual(run.code, 2, run.stderr)
        self.assertIn("no snapshot of iteration 30", run.stderr)
        self.assertRegex(run.stderr.splitlines()[-1], "File too large: .* since the last snapshot is lost; make room")
        self.assertEqual(sorted(each.name for each in self.snapshots("out").iterdir()), ["iter_20"])
        self.assertEqual(read_safetensors(self.snapshots("out") / "iter_20" / "weights.safetensors"), kept)

    def interrupt(self, *flags, when, launcher=()):
        """The last that a training says that gets SIGINT when there is something in `when`."""
        command = [*launcher, POSEIDON, "train", self.solver, "--data", self.data, "--clocks", 1000000, *flags]
        with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as job:
            for _ in range(100 * TIMEOUT_S):
                if when.exists() and when.stat().st_size > 0:
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    job.wait(timeout=0.01)
            job.send_signal(signal.SIGINT)
            self.assertIn(job.wait(timeout=TIMEOUT_S), [-signal.SIGINT, 128 + signal.SIGINT])
            lines = [line for line in job.stderr.read().splitlines() if not line.startswith("bosen run: ")]
            return lines[-1].removeprefix("[0] ")

    def test_an_interrupted_training_says_how_it_goes_on(self):
        output = self.folder / "out"
        snapshots = output / "snapshots"
        line = self.interrupt("--output", output, when=snapshots / "iter_40")
        found = re.fullmatch(rf"poseidon train: stopped; its newest snapshot is {snapshots}/iter_(\d+): the same command "
                             rf"with --resume {snapshots} goes on from there", line)
        self.assertTrue(found, line)
        iterations = int(found[1]) + 21
        self.succeed("train", self.solver, "--data", self.data, "--output", output, "--resume", snapshots, "--clocks",
                     iterations)
        two = self.folder / "two" / "snapshots"
        self.assertIn(f"with --resume {two} goes on from there", self.interrupt(
            "--output", two.parent, when=two / "iter_40", launcher=[BOSEN, "run", "-n", 2, "--"]))
        self.solver.write_text(SOLVER.replace("snapshot: 20", "snapshot: 0"))
        metrics = self.folder / "begun.jsonl"
        self.assertIn("nothing is kept: 'snapshot' in", self.interrupt("--output", self.folder / "other", "--metrics",
                                                                       metrics, when=metrics))
        metrics.unlink()
        self.assertIn("nothing is kept: with --output", self.interrupt("--metrics", metrics, when=metrics))
        metrics.unlink()
        self.assertIn(f"goes on from {snapshots}/iter_{iterations} again",
                      self.interrupt("--resume", snapshots, "--metrics", metrics, when=metrics))


if __name__ == "__main__":
    unittest.main()
